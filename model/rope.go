package model

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// ropeSlots are the cosine and sine tables, one pair for each different rope of the layers.
type ropeSlots struct {
	ropes    []Rope
	of       []int // by layer
	cos, sin []*slot
	head     int64
}

func takeRope(a *arena, c *Config, positions int64, t kernels.DType) (r ropeSlots) {
	r.head = c.HeadDim
	for _, l := range c.Layers() {
		at := -1
		for i, have := range r.ropes {
			if have == l.Rope {
				at = i
			}
		}
		if at < 0 {
			at = len(r.ropes)
			r.ropes = append(r.ropes, l.Rope)
			r.cos = append(r.cos, a.take(t, positions, l.HeadDim/2))
			r.sin = append(r.sin, a.take(t, positions, l.HeadDim/2))
		}
		r.of = append(r.of, at)
	}
	return r
}

// write fills the tables; the backend's Sync is done when it returns.
func (r *ropeSlots) write(b kernels.Backend) error {
	for i, rope := range r.ropes {
		cos, sin := rope.Table(r.cos[i].shape.Dim(0), r.head)
		writeFloats(b, r.cos[i].full(), cos)
		writeFloats(b, r.sin[i].full(), sin)
		if err := b.Sync(); err != nil {
			return fmt.Errorf("model: rope tables: %w", err)
		}
	}
	return nil
}

func (r *ropeSlots) tables(layer int) (cos, sin kernels.Tensor) {
	i := r.of[layer]
	return r.cos[i].full(), r.sin[i].full()
}
