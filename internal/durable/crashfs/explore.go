package crashfs

import (
	"fmt"

	"github.com/primer-lm/primer/internal/durable"
)

// Explorer goes through what a crash may leave, at every moment of a workload:
//
//	e := &crashfs.Explorer{Disk: crashfs.New(), Seeds: 40, Check: …}
//	fsys := e.FS(nil)   // run the protocol on it; Check sees the states after each operation
//
// and stops at the first state that Check refuses (Err).
type Explorer struct {
	Disk  *FS
	Seeds uint64 // random states for each mix of data and names; a settled disk has one state, and reads are not crashed after
	Check func(after *FS) error

	States int   // states seen so far
	Err    error // the first that Check refused, with what it takes to see it again
}

// fractions of unsynced data or names that survive.
var fractions = [...]float64{0, 0.5, 1}

// FS is the disk; after each of its operations comes Look. Before may be nil; it is that of Hooks.
func (e *Explorer) FS(before func(Op) error) durable.FS {
	return Wrap(e.Disk, Hooks{Before: before, After: func(op Op) {
		if op.Changes() {
			e.Look(op.String())
		}
	}})
}

// Look checks the crash states of this moment.
func (e *Explorer) Look(moment string) {
	if e.Disk.Settled() {
		e.look(moment, Crash{})
		return
	}
	for _, data := range fractions {
		for _, names := range fractions {
			e.look(moment, Crash{Data: data, Names: names})
			if data != 0.5 && names != 0.5 {
				continue // nothing is left to chance
			}
			for seed := uint64(1); seed < e.Seeds; seed++ {
				e.look(moment, Crash{Data: data, Names: names, Seed: seed})
			}
		}
	}
}

func (e *Explorer) look(moment string, c Crash) {
	if e.Err != nil {
		return
	}
	e.States++
	if err := e.Check(e.Disk.Clone(c)); err != nil {
		e.Err = fmt.Errorf("crash after %s, %+v: %w", moment, c, err)
	}
}
