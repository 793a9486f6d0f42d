package kerneltest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"

	"github.com/primer-lm/primer/kernels"
)

// Cases returns every case of the suite. They are built once: some remember what was costly to choose.
var Cases = sync.OnceValue(func() []Case {
	var out []Case
	for _, of := range []func() []Case{
		embedCases, linearCases, linearBackwardCases, rmsnormCases, ropeCases, attentionCases, attentionBackwardCases, gluCases,
		dropoutCases, crossEntropyCases, optimizerCases, copyCases, pagedCases, sampleCases,
		denormalCases, emptyCases, specialCases,
	} {
		out = append(out, of()...)
	}
	return out
})

// Failure is an op that must fail on the device because of its data.
type Failure struct {
	Op   string
	Name string
	Want []string // what the error names
	Run  func(p *Probe)
}

func (f Failure) String() string { return f.Op + "/" + f.Name }

// Failures returns every case that must fail.
func Failures() []Failure {
	var out []Failure
	for _, of := range []func() []Failure{embedFailures, ropeFailures, crossEntropyFailures, pagedFailures, sampleFailures} {
		out = append(out, of()...)
	}
	return out
}

// failure runs an op that must fail, one that must be skipped, and one that must run again after Sync.
func (s *suite) failure(f Failure) error {
	failed := Case{Op: f.Op, Name: f.Name, Run: func(p *Probe) {
		skipped := p.InOut("skipped", exact, kernels.F32, []float64{7}, 1)
		f.Run(p)
		p.B.Fill(kernels.FillArgs{Dst: skipped, Value: 8})
		if err := s.failureOf(f, p.B.Sync()); err != nil {
			panic(err)
		}
	}}
	operands, err := execute(s.main, failed, Window{0, 1})
	if err != nil {
		return err
	}
	if got := decode(kernels.F32, operands[0].after)[0]; got != 7 {
		return fmt.Errorf("an op after the failure ran")
	}
	return s.check(Case{Op: "Fill", Name: "after " + f.String(), Run: func(p *Probe) {
		p.B.Fill(kernels.FillArgs{Dst: p.Out("dst", exact, kernels.F32, 5), Value: 2.5})
	}})
}

func (s *suite) failureOf(f Failure, err error) error {
	if !errors.Is(err, kernels.ErrDevice) {
		return fmt.Errorf("after Sync: %v, want kernels.ErrDevice", err)
	}
	for _, want := range f.Want {
		if !strings.Contains(err.Error(), want) {
			return fmt.Errorf("the error %q does not name %q", err, want)
		}
	}
	return nil
}

// notOps are the methods of kernels.Backend that no Case covers: (*suite).runtime does.
var notOps = []string{
	"Name", "Alloc", "Free", "Map", "Usage", "Write", "Read", "Sync", "Close", "Variants", "Prepare", "Release", "OpenReadback", "Held",
}

// uncovered returns an error for each method of the contract without a conformance test, and for each name without a method.
func uncovered() []error {
	covered := map[string]bool{}
	for _, name := range notOps {
		covered[name] = true
	}
	for _, c := range Cases() {
		covered[c.Op] = true
		covered[c.Op+"Plan"] = true // a case with a plan calls it: the op needs its workspace
	}
	var out []error
	contract := reflect.TypeFor[kernels.Backend]()
	for i := range contract.NumMethod() {
		if name := contract.Method(i).Name; !covered[name] {
			out = append(out, fmt.Errorf("the contract's %s has no conformance test", name))
		}
	}
	for _, c := range Cases() {
		if _, ok := contract.MethodByName(c.Op); !ok {
			out = append(out, fmt.Errorf("case %s tests no op of the contract", c))
		}
	}
	return out
}

// dtypes are the pairs of activation and weight types that every backend computes.
var dtypes = []struct{ act, weight kernels.DType }{
	{kernels.F32, kernels.F32}, {kernels.BF16, kernels.BF16}, {kernels.BF16, kernels.F32}, {kernels.F32, kernels.BF16},
}

var acts = []kernels.DType{kernels.F32, kernels.BF16}

var (
	nan = math.NaN()
	inf = math.Inf(1)
)

// fillRows sets rows of a matrix with dim columns to v.
func fillRows(x []float64, dim int64, v float64, rows ...int64) []float64 {
	for _, r := range rows {
		for c := range dim {
			x[r*dim+c] = v
		}
	}
	return x
}
