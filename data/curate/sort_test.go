package curate

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// Whatever fits the memory, entries come in order, all of them, and no run is left.
func TestSorter(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, c := range []struct{ n, size int }{{0, 4}, {1, 4}, {4, 4}, {5, 4}, {1000, 4}, {1000, 7}, {3000, 3}, {1000, 100_000}} {
		disk := crashfs.New()
		s := newSorter(spill{disk, "work", 1}, "x")
		s.size = c.size
		var want []entry
		for range c.n {
			e := entry{uint64(r.IntN(20)), uint64(r.IntN(3)), int64(r.IntN(1000))}
			want = append(want, e)
			if err := s.add(e); err != nil {
				t.Fatal(err)
			}
			if len(s.buf) > c.size || cap(s.buf) > max(c.size, 1024) {
				t.Fatalf("%d entries in memory, room for %d", len(s.buf), cap(s.buf))
			}
		}
		slices.SortFunc(want, compareEntries)
		var got []entry
		if err := s.each(func(e entry) error { got = append(got, e); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d entries, %d in memory: not in order", c.n, c.size)
		}
		if c.n > c.size*fanIn && s.made <= (c.n+c.size-1)/c.size {
			t.Errorf("%d entries, %d in memory: no run was merged before the last merge", c.n, c.size)
		}
		if entries, err := disk.ReadDir("work"); err == nil && len(entries) > 0 {
			t.Errorf("%d runs are left", len(entries))
		}
	}
}

func TestSorterFaults(t *testing.T) {
	planted := errors.New("planted")
	for _, kind := range []string{"create", "write", "open", "read", "remove"} {
		disk := crashfs.Wrap(crashfs.New(), crashfs.Hooks{Before: func(op crashfs.Op) error {
			if op.Kind == kind && strings.Contains(op.Path, "x-") {
				return planted
			}
			return nil
		}})
		s := newSorter(spill{disk, "work", 1}, "x")
		s.size = 10
		var err error
		for i := 0; i < 100 && err == nil; i++ {
			err = s.add(entry{uint64(i), 0, 0})
		}
		if err == nil {
			err = s.each(func(entry) error { return nil })
		}
		if !errors.Is(err, planted) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
