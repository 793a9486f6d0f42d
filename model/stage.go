package model

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// stager packs a batch's small inputs into one block, so that a step costs one copy to the device. The block may be filled
// again as soon as the copy is issued.
type stager struct {
	b      kernels.Backend
	device kernels.Tensor // [bytes] U8
	host   []int64
	used   int64
}

// stagedBytes bounds what a training or scoring batch packs: tokens, positions, targets, rows, documents, scale, step.
func stagedBytes(tokens, docs int64) int64 {
	return 4*align64(4*tokens) + align64(4*(docs+1)) + 2*align64(64)
}

func align64(n int64) int64 { return (n + slotAlign - 1) / slotAlign * slotAlign }

func newStager(b kernels.Backend, device kernels.Tensor) *stager {
	return &stager{b: b, device: device, host: make([]int64, device.Bytes()/8)}
}

// begin starts a batch.
func (s *stager) begin() { s.used = 0 }

// space returns n elements of the host block and the device tensor that will hold them.
func space[T any](s *stager, t kernels.DType, n int) ([]T, kernels.Tensor) {
	at := s.used
	s.used += align64(int64(n) * t.Size())
	if s.used > int64(len(s.host))*8 {
		panic("model: a batch outgrew its staging block")
	}
	bytes := int64(n) * t.Size()
	device := s.device.Rows(at, bytes)
	tensor := kernels.NewTensor(device.Mem, int64(device.Addr-device.Mem.Addr), t, int64(n))
	if n == 0 {
		return nil, tensor
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&s.host[at/8])), n), tensor
}

// put copies values into the block.
func put[T any](s *stager, t kernels.DType, values []T) kernels.Tensor {
	host, device := space[T](s, t, len(values))
	copy(host, values)
	return device
}

// flush issues the copy.
func (s *stager) flush() {
	s.b.Write(s.device.Rows(0, s.used), unsafe.Slice((*byte)(unsafe.Pointer(&s.host[0])), s.used))
}
