package model

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// arena plans one allocation of one kind. Slots are handed out like a stack: resetting to a mark lets what comes later
// share the bytes of what a step no longer needs. Planning and allocating are the same calls, so a plan cannot be wrong.
type arena struct {
	kind      kernels.MemoryKind
	top, peak int64
	mem       *kernels.Memory
}

// slot is a planned tensor: a place in an arena, and the largest shape it will be used with.
type slot struct {
	arena *arena
	off   int64
	shape kernels.Tensor
}

const slotAlign = 64 // bytes, a cache line and an AVX-512 register

func (a *arena) take(t kernels.DType, dims ...int64) *slot {
	s := &slot{arena: a, off: a.top, shape: kernels.ShapeOf(t, dims...)}
	a.top += (s.shape.Bytes() + slotAlign - 1) / slotAlign * slotAlign
	a.peak = max(a.peak, a.top)
	return s
}

func (a *arena) mark() int64   { return a.top }
func (a *arena) reset(m int64) { a.top = m }

func (a *arena) allocate(b kernels.Backend) (err error) {
	if a.mem, err = b.Alloc(a.kind, max(a.peak, slotAlign)); err != nil {
		return fmt.Errorf("model: %v: %w", a.kind, err)
	}
	return nil
}

// full returns the tensor in its planned shape; nil slots are absent tensors.
func (s *slot) full() kernels.Tensor {
	if s == nil {
		return kernels.Tensor{}
	}
	return kernels.NewTensor(s.arena.mem, s.off, s.shape.Type, s.shape.Dims()...)
}

// rows returns the tensor with n in place of its first dimension.
func (s *slot) rows(n int64) kernels.Tensor {
	if s == nil {
		return kernels.Tensor{}
	}
	switch s.shape.Rank() {
	case 1:
		return s.at(n)
	case 2:
		return s.at(n, s.shape.Dim(1))
	}
	return s.at(n, s.shape.Dim(1), s.shape.Dim(2))
}

// columns returns a [H,N] tensor with n columns.
func (s *slot) columns(n int64) kernels.Tensor {
	if s == nil {
		return kernels.Tensor{}
	}
	return s.at(s.shape.Dim(0), n)
}

func (s *slot) at(dims ...int64) kernels.Tensor {
	t := kernels.NewTensor(s.arena.mem, s.off, s.shape.Type, dims...)
	if t.Len() > s.shape.Len() {
		panic("model: a tensor outgrew its slot")
	}
	return t
}
