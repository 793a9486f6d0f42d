//go:build cuda

package cuda

/*
#cgo noescape blas_run
#cgo noescape blas_plan_make
#include "blas.h"
*/
import "C"

import (
	"errors"
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// blasNames are cuBLASLt's functions in the order of blas.h.
var blasNames = []string{
	"cublasLtCreate", "cublasLtDestroy", "cublasLtGetStatusString", "cublasLtMatmulDescCreate", "cublasLtMatmulDescDestroy",
	"cublasLtMatmulDescSetAttribute", "cublasLtMatrixLayoutCreate", "cublasLtMatrixLayoutDestroy", "cublasLtMatmulPreferenceCreate",
	"cublasLtMatmulPreferenceDestroy", "cublasLtMatmulPreferenceSetAttribute", "cublasLtMatmulAlgoGetHeuristic", "cublasLtMatmul",
}

// blas is cuBLASLt.
type blas [C.BLAS_FUNCTIONS]C.uintptr_t

// openBLAS finds the library; driver is the newest CUDA that it may be of.
func openBLAS(driver int) (*blas, error) {
	var stand map[string]uintptr
	if standIn != nil {
		_, _, stand = standIn()
	}
	found, err := openLibrary("cuBLASLt", versioned("libcublasLt", driver, 13, 12, 11), blasNames, "", stand)
	if err != nil {
		return nil, err
	}
	l := &blas{}
	for i, function := range found {
		l[i] = C.uintptr_t(function)
	}
	return l, nil
}

func (l *blas) error(r C.int) error {
	if r == 0 {
		return nil
	}
	err := &cudaError{text: fmt.Sprintf("cuBLASLt: status %d: %s", int(r), C.GoString(C.blas_status(&l[0], r)))}
	if r == C.BLAS_NO_MEMORY {
		err.code = cudaOutOfMemory
	}
	return err
}

// What products hold of the GPU beside what plans of models count, fixed for a backend's life.
const (
	productWorkspace = 32 << 20 // what cuBLASLt may use within a product; as much as its fastest algorithms on Hopper ask for
	productScratch   = 64 << 20 // operands turned into the dtype of the products, and sums before they are rounded
)

// maxPlans bounds what is kept. Decoding has another number of rows at every step; a plan takes a microsecond to find, tens of
// them to make, and about a kilobyte.
const maxPlans = 1 << 14

// products is the state of matrix products.
type products struct {
	blas      *blas
	handle    C.uintptr_t
	workspace uintptr
	scratch   uintptr
	room      int64 // bytes of scratch
	plans     map[C.blas_shape]*C.blas_plan
}

// start is called after the memory's start.
func (p *products) start(b *Backend) (err error) {
	p.plans, p.room = map[C.blas_shape]*C.blas_plan{}, productScratch
	if err := p.blas.error(C.blas_create(&p.blas[0], b.queue(), &p.handle)); err != nil {
		return fmt.Errorf("%w: %w", kindOf(err), err)
	}
	if p.workspace, err = b.deviceAlloc(productWorkspace); err != nil {
		return b.allocError(kernels.MemWorkspace, productWorkspace, err)
	}
	if p.scratch, err = b.deviceAlloc(productScratch); err != nil {
		return b.allocError(kernels.MemWorkspace, productScratch, err)
	}
	return nil
}

// stop gives back what start took, once nothing runs any more.
func (p *products) stop(b *Backend) error {
	problems := []error{p.forget()}
	if p.handle != 0 {
		problems = append(problems, p.blas.error(C.blas_destroy(&p.blas[0], b.queue(), p.handle)))
		p.handle = 0
	}
	for _, address := range []*uintptr{&p.workspace, &p.scratch} {
		if *address != 0 {
			problems = append(problems, b.deviceFree(*address))
			*address = 0
		}
	}
	return errors.Join(problems...)
}

func (p *products) forget() error {
	var problems []error
	for _, plan := range p.plans {
		problems = append(problems, p.blas.error(C.blas_plan_free(&p.blas[0], plan)))
	}
	clear(p.plans)
	return errors.Join(problems...)
}

// plan returns what is kept for a shape, made the first time: afterwards the library's heuristic is not asked again.
func (p *products) plan(b *Backend, s C.blas_shape, bias uintptr) (*C.blas_plan, error) {
	if plan := p.plans[s]; plan != nil {
		return plan, nil
	}
	return p.newPlan(b, s, bias)
}

func (p *products) newPlan(b *Backend, s C.blas_shape, bias uintptr) (*C.blas_plan, error) {
	if len(p.plans) >= maxPlans {
		if err := p.forget(); err != nil { // products under way hold nothing of it
			return nil, err
		}
	}
	plan := new(C.blas_plan)
	r := C.blas_plan_make(&p.blas[0], b.queue(), p.handle, &s, productWorkspace, C.uintptr_t(bias), plan)
	if err := p.blas.error(r); err != nil && (s.bias == 0 || r != C.BLAS_NOT_SUPPORTED) {
		return nil, fmt.Errorf("no algorithm for %d×%d×%d: %w", s.m, s.n, s.k, err)
	}
	p.plans[s] = plan
	return plan, nil
}

// gemm issues C = A·B, or C += A·B.
//
// Unlike our kernels a product does not look whether an op before it failed on the device. What it then makes of stale operands is
// never seen: kernels that follow write nothing, AdamW and sampling among them, and Sync fails before anything is read.
func (b *Backend) gemm(op string, s C.blas_shape, a, bAddr, c uintptr, accumulate bool) {
	b.product(op, s, a, bAddr, c, 0, accumulate)
}

// gemmBias issues C = A·B with bias, f32 as C is, added to every column. False: nothing is issued, cuBLASLt has no algorithm that does
// both at these shapes and alignments.
func (b *Backend) gemmBias(op string, s C.blas_shape, a, bAddr, c, bias uintptr) bool {
	s.bias = 1
	return b.product(op, s, a, bAddr, c, bias, false)
}

// product is both; true unless it is one with a bias that there is no algorithm for.
func (b *Backend) product(op string, s C.blas_shape, a, bAddr, c, bias uintptr, accumulate bool) bool {
	s.align_a, s.align_b, s.align_c = alignment(a), alignment(bAddr), alignment(c)
	s.align_d = s.align_c
	if bias != 0 {
		s.align_d = min(s.align_c, alignment(bias))
	}
	b.issue.Lock()
	defer b.issue.Unlock()
	if b.sticky != nil {
		return true
	}
	p := &b.products
	plan, err := p.plan(b, s, bias)
	if err != nil {
		b.stick(op, err)
		return true
	}
	if plan.desc == nil {
		return false
	}
	beta := C.float(0)
	if accumulate {
		beta = 1
	}
	r := C.blas_run(&p.blas[0], b.queue(), p.handle, plan, C.uintptr_t(a), C.uintptr_t(bAddr), C.uintptr_t(c), beta, C.uintptr_t(bias), C.uintptr_t(p.workspace))
	if r != 0 {
		b.stick(op, fmt.Errorf("%d×%d×%d: %w", s.m, s.n, s.k, p.blas.error(r)))
	}
	return true
}

// alignment of an address, in bytes, as far as it matters.
func alignment(address uintptr) C.uint32_t { return C.uint32_t(min(address&-address, 16)) }
