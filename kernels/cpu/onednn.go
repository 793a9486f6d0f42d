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

func openPeer(s peerShape) (peer, bool) {
	p := C.peer_open(C.int64_t(s.m), C.int64_t(s.n), C.int64_t(s.k), C.int(s.typ), boolInt(s.aTrans), boolInt(s.bTrans),
		C.int(s.out), boolInt(s.accumulate), boolInt(s.keep))
	return peer{p}, p != nil
}

func (p peer) run(a, b, c kernels.Tensor) {
	C.peer_run(p.p, pointer(a), pointer(b), pointer(c))
}

func (p peer) close() { C.peer_close(p.p) }

func pointer(t kernels.Tensor) unsafe.Pointer {
	var p unsafe.Pointer
	setAddress(unsafe.Pointer(&p), t)
	return p
}
