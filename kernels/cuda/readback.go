//go:build cuda

package cuda

import (
	"errors"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/primer-lm/primer/kernels"
)

// readback is pinned memory that copies on the stream go to, behind an event. What kernels reported by then is copied along, so
// that Wait need not ask the device again.
type readback struct {
	b       *Backend
	mem     *kernels.Memory // a struct failure, padded to readbackHead, and the bytes
	event   cu.Event
	filled  int64
	fetched bool
	failed  error // why the last Fetch has no bytes: Wait says so also after a Sync
}

const readbackHead = 64

// OpenReadback makes room for results that are looked at while the GPU goes on.
func (b *Backend) OpenReadback(bytes int64) (kernels.Readback, error) {
	mem, err := b.Alloc(kernels.MemStaging, readbackHead+bytes)
	if err != nil {
		return nil, err
	}
	r := &readback{b: b, mem: mem}
	if err := b.inContext(func() (err error) { r.event, err = cu.MakeEvent(cu.DisableTiming); return err }); err != nil {
		b.Free(mem)
		return nil, b.allocError(kernels.MemStaging, mem.Size, err)
	}
	return r, nil
}

func (r *readback) Fetch(src ...kernels.Tensor) {
	b := r.b
	r.filled, r.fetched, r.failed = kernels.CheckReadback(r.mem.Size-readbackHead, src), false, nil
	b.issue.Lock()
	defer b.issue.Unlock()
	defer func() {
		if !r.fetched {
			r.failed = b.sticky
		}
	}()
	if b.sticky != nil {
		return
	}
	if b.capturing {
		b.stick("readback", errors.New("an event cannot be captured: fetch behind the graph"))
		return
	}
	if err := b.inContext(func() error { return r.copies(src) }); err != nil {
		b.stick("readback", err)
		return
	}
	r.fetched = true
}

func (r *readback) copies(src []kernels.Tensor) error {
	all := hostBytes(r.mem.Addr, int(r.mem.Size))
	one := func(at, n int64, from uintptr) error {
		if n == 0 {
			return nil
		}
		return cu.MemcpyDtoHAsync(unsafe.Pointer(&all[at]), cu.DevicePtr(from), n, r.b.stream)
	}
	if err := one(0, failureBytes, r.b.failures); err != nil {
		return err
	}
	at := int64(readbackHead)
	for _, t := range src {
		if err := one(at, t.Bytes(), t.Addr); err != nil {
			return err
		}
		at += t.Bytes()
	}
	return r.event.Record(r.b.stream)
}

// Wait has the issue lock only when it has waited: others may issue meanwhile.
func (r *readback) Wait() ([]byte, error) {
	b := r.b
	var waited error
	if r.fetched {
		waited = b.inContext(r.event.Synchronize)
	}
	b.issue.Lock()
	defer b.issue.Unlock()
	if waited != nil {
		b.stick("an operation since the last Sync", waited)
		r.fetched, r.failed = false, b.sticky
	}
	if r.failed != nil {
		return nil, r.failed
	}
	all := hostBytes(r.mem.Addr, int(r.mem.Size))
	if r.fetched {
		if seen := b.failureOf(all); seen != nil {
			return nil, seen // it stays on the device for Sync
		}
	}
	return all[readbackHead:][:r.filled], b.sticky
}

func (r *readback) Close() {
	b := r.b
	if err := b.inContext(func() error { return cu.DestroyEvent(&r.event) }); err != nil {
		b.issue.Lock()
		b.stick("readback", err)
		b.issue.Unlock()
	}
	b.Free(r.mem)
}
