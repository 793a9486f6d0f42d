package crashfs

import (
	"math/rand/v2"
)

// Crash says what of the unsynced changes is on the disk after a power cut: none at 0, all at 1, between them each one by chance.
type Crash struct {
	Data  float64 // of file data, block by block
	Names float64 // of changes in directories, one by one
	Seed  uint64  // of the chances
}

// Clone gives the file system as a crash now would leave it. The clone is all durable and shares nothing that changes.
func (f *FS) Clone(c Crash) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	clone := &FS{locks: map[*node]bool{}, last: f.last}
	clone.root = c.dir(f.root)
	return clone
}

// Settled tells that nothing is unsynced: every crash leaves the same.
func (f *FS) Settled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.root.settled()
}

func (n *node) settled() bool {
	if n.dirty || len(n.pending) > 0 {
		return false
	}
	for _, sub := range n.names {
		if !sub.settled() {
			return false
		}
	}
	return true
}

// chance of a node does not depend on the order in which nodes are visited.
func (c Crash) chance(n *node) *rand.Rand { return rand.New(rand.NewPCG(c.Seed, n.id)) }

func (c Crash) dir(n *node) *node {
	names := n.durable
	if len(n.pending) > 0 {
		names = make(map[string]*node, len(n.names))
		for name, sub := range n.durable {
			names[name] = sub
		}
		rng := c.chance(n)
		for _, change := range n.pending {
			if lucky(rng, c.Names) {
				change.apply(names)
			}
		}
	}
	d := &node{id: n.id, isDir: true, names: make(map[string]*node, len(names)), durable: make(map[string]*node, len(names))}
	for name, sub := range names {
		kept := (*node)(nil)
		if sub.isDir {
			kept = c.dir(sub)
		} else {
			kept = c.file(sub)
		}
		d.names[name], d.durable[name] = kept, kept
	}
	return d
}

func lucky(rng *rand.Rand, fraction float64) bool {
	return fraction > 0 && (fraction >= 1 || rng.Float64() < fraction)
}

func (c Crash) file(n *node) *node {
	data := n.data
	if n.dirty {
		switch {
		case c.Data <= 0:
			data = n.synced
		case c.Data < 1:
			data = torn(c.chance(n), c.Data, n.synced, n.data)
		}
	}
	return &node{id: n.id, data: data, synced: data}
}

// torn mixes what was synced and what was written since: the size is that of one of them or between; each block comes from one
// of them, and is zero past that one's end. Blocks are 1 to 64 bytes, so that lines and numbers tear too.
func torn(rng *rand.Rand, fraction float64, synced, live []byte) []byte {
	low, high := min(len(synced), len(live)), max(len(synced), len(live))
	size := len(live)
	switch rng.IntN(4) {
	case 0:
		size = len(synced)
	case 1:
		size = low + rng.IntN(high-low+1)
	}
	keep := fraction
	switch rng.IntN(4) {
	case 0:
		keep = 0 // the size came through, the data did not
	case 1:
		keep = 1 // a clean cut
	}
	out := make([]byte, size)
	block := 1 + rng.IntN(64)
	for at := 0; at < size; at += block {
		from := synced
		if lucky(rng, keep) {
			from = live
		}
		if at < len(from) {
			copy(out[at:min(at+block, size)], from[at:])
		}
	}
	return out
}
