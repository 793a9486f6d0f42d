//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"strconv"

	"gorgonia.org/cu"

	"github.com/primer-lm/primer/kernels"
)

// Time calls f and returns how many seconds the device took for what f issued, by events on the stream. What was issued before
// is waited for first. Then ahead, unless it is nil, is called and not timed: with the device busy, the time that the host takes
// to issue the first of f does not count.
func (b *Backend) Time(ahead, f func()) (seconds float64, err error) {
	var events [2]cu.Event
	for i := range events {
		if err := b.inContext(func() (err error) { events[i], err = cu.MakeEvent(cu.DefaultEvent); return err }); err != nil {
			return 0, fmt.Errorf("%w: %s: event: %w", kernels.ErrDevice, b.Name(), err)
		}
		defer func() {
			err = errors.Join(err, b.inContext(func() error { return cu.DestroyEvent(&events[i]) }))
		}()
	}
	if err := b.Sync(); err != nil {
		return 0, err
	}
	record := func(i int) error { return b.inContext(func() error { return events[i].Record(b.stream) }) }
	if ahead != nil {
		ahead()
	}
	err = record(0)
	f()
	if err = errors.Join(err, record(1), b.Sync()); err != nil {
		return 0, err
	}
	var milliseconds float64
	if err := b.inContext(func() error { milliseconds, err = events[0].Elapsed(events[1]); return err }); err != nil {
		return 0, fmt.Errorf("%w: %s: %w", kernels.ErrDevice, b.Name(), err)
	}
	return milliseconds / 1000, nil
}

// FreeMemory returns the bytes of the device that nobody uses, and all that it has. What the pool keeps for later counts as used.
func (b *Backend) FreeMemory() (free, total int64, err error) {
	err = b.inContext(func() (e error) { free, total, e = cu.MemInfo(); return e })
	return free, total, err
}

// Describe says what the backend runs on, for reports: GPU, driver, architecture. On the stand-in driver of the tests it has
// "stand-in", and then no time that is measured means anything.
func (b *Backend) Describe() map[string]string {
	about := map[string]string{
		"gpu": b.name, "compute capability": fmt.Sprintf("%d.%d", b.capability/10, b.capability%10), "compiled for": b.arch(),
		"multiprocessors": strconv.Itoa(b.multiprocessors), "memory": fmt.Sprintf("%.1f GiB", float64(b.bytes)/(1<<30)),
		"CUDA of the driver": cudaVersion(b.driver), "NVRTC": b.nvrtc,
	}
	if standIn != nil {
		about["stand-in"] = "yes"
	}
	return about
}
