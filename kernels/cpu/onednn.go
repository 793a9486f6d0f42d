//go:build onednn

package cpu

// #cgo LDFLAGS: -ldnnl
// #include "onednn.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// peer is a matrix product of oneDNN, for benchmarks beside our own.
type peer struct{ p *C.peer_product }

// peerShape is c[m,n] (+)= a[m,k]·b[k,n] with operands as stored: transposed ones have their dimensions swapped.
type peerShape struct {
	m, n, k          int64
	typ, out         kernels.DType
	aTrans, bTrans   bool
	accumulate, keep bool // keep: b is frozen and may be packed by the peer, outside the measured time
}

// openPeer makes the product on these tensors; false: oneDNN has none on this machine.
func openPeer(s peerShape, a, b, c kernels.Tensor) (peer, bool) {
	p := C.peer_open(C.int64_t(s.m), C.int64_t(s.n), C.int64_t(s.k), C.int(s.typ), boolInt(s.aTrans), boolInt(s.bTrans),
		C.int(s.out), boolInt(s.accumulate), boolInt(s.keep))
	if p == nil {
		return peer{}, false
	}
	C.peer_bind(p, pointer(a), pointer(b), pointer(c))
	return peer{p}, true
}

// run does the product n times.
func (p peer) run(n int) { C.peer_run(p.p, C.int(n)) }

func (p peer) close() { C.peer_close(p.p) }

func pointer(t kernels.Tensor) unsafe.Pointer {
	var p unsafe.Pointer
	setAddress(unsafe.Pointer(&p), t)
	return p
}
