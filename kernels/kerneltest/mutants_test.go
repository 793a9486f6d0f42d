package kerneltest

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

type fault = func(args any, run func(args any))

// mutant is a fault that the suite must find, by the cases of the op that has it.
type mutant struct {
	op, name string
	fault    fault
}

// survives returns whether the whole suite, as far as it is about the op, passes with the fault.
func (m mutant) survives(t *testing.T, s *suite) bool {
	// A fault may run into a guard page, which ends a program in C; here it is one more way to be caught.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	f := &faulty{ref.Open(ref.Options{Ordered: true}), m.op, m.fault}
	defer f.Backend.Close()
	var err error
	if s.main, err = newDevice(f, "mutant"); err != nil {
		t.Fatal(err)
	}
	clear(s.bits)
	for _, c := range Cases() {
		if c.Op == m.op && s.check(c) != nil {
			return false
		}
	}
	for _, f := range Failures() {
		if f.Op == m.op && s.failure(f) != nil {
			return false
		}
	}
	return len(s.runtime()) == 0
}

func runMutants(t *testing.T, mutants []mutant) {
	s, err := newSuite(Options{Open: func() (kernels.Backend, error) { return ref.Open(ref.Options{Ordered: true}), nil }})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		if m.survives(t, s) {
			t.Errorf("%s: the suite passes with this fault: %s", m.op, m.name)
		}
	}
}

// after returns a fault that spoils something once the op has run.
func after(field string, f func(kernels.Tensor)) fault {
	return func(args any, run func(any)) {
		run(args)
		f(tensor(args, field))
	}
}

// change returns a fault that runs the op with other arguments.
func change(f func(args any) any) fault {
	return func(args any, run func(any)) {
		defer func() {
			if r := recover(); r != nil { // the changed arguments may be refused where the true ones were not
				run(args)
			}
		}()
		run(f(args))
	}
}

func set(field string, value any) fault {
	return change(func(args any) any { return with(args, field, value) })
}

// as returns a fault that runs the op with every element of an F32 input as v.
func as(field string, v float32) fault {
	return func(args any, run func(any)) {
		t := tensor(args, field)
		if t.IsZero() {
			run(args)
			return
		}
		before := slices.Clone(t.HostF32())
		for i := range before {
			t.HostF32()[i] = v
		}
		run(args)
		copy(t.HostF32(), before)
	}
}

// Every op must be caught doing nothing, computing one element wrong, writing beside each output, changing an input, ignoring
// Accumulate or always accumulating, and accepting any arguments.
func TestSuiteFindsFaultsOfEveryOp(t *testing.T) {
	var mutants []mutant
	for _, op := range opNames() {
		mutants = append(mutants, mutant{op, "does nothing", func(any, func(any)) {}})
		for _, out := range outputs[op] {
			mutants = append(mutants,
				mutant{op, "last element of " + out + " is wrong", after(out, spoil)},
				mutant{op, "writes past " + out, after(out, func(t kernels.Tensor) { poke(t, t.Bytes()) })},
				mutant{op, "writes before " + out, after(out, func(t kernels.Tensor) { poke(t, -1) })})
		}
		for _, in := range inputs[op] {
			mutants = append(mutants, mutant{op, "changes " + in, after(in, func(t kernels.Tensor) { poke(t, 0) })})
		}
		mutants = append(mutants, mutant{op, "accepts anything", func(args any, run func(any)) {
			defer func() { _ = recover() }()
			run(args)
		}})
	}
	runMutants(t, mutants)
}

func opNames() []string {
	var out []string
	for op := range outputs {
		out = append(out, op)
	}
	sort.Strings(out)
	return out
}

func TestSuiteFindsSubtleFaults(t *testing.T) {
	longer := func(field string) fault { // every row sees one key more
		return change(func(args any) any {
			return with(args, field, map[bool]int64{true: 0, false: windowOf(args) + 1}[windowOf(args) == 0])
		})
	}
	noDropLayer := change(func(args any) any {
		return with(args, "Dropout", func(d kernels.Dropout) kernels.Dropout { d.Layer = 0; return d }(dropOf(args)))
	})
	mutants := []mutant{
		{"Attention", "window one longer", longer("Window")}, {"AttentionBackward", "window one longer", longer("Window")},
		{"PagedAttention", "window one longer", longer("Window")},
		{"Attention", "stream of another layer", noDropLayer}, {"AttentionBackward", "stream of another layer", noDropLayer},
		{"Dropout", "stream of another layer", noDropLayer}, {"Attention", "no dropout", set("Dropout", kernels.Dropout{})},
		{"EmbedBackward", "ignores Accumulate", set("Accumulate", false)}, {"EmbedBackward", "always accumulates", set("Accumulate", true)},
		{"Linear", "ignores Accumulate", set("Accumulate", false)}, {"Linear", "ignores the bias", set("Bias", kernels.Tensor{})},
		{"LinearBackwardInput", "ignores Accumulate", set("Accumulate", false)},
		{"LinearBackwardWeight", "ignores Accumulate", set("Accumulate", false)},
		{"LinearBackwardWeight", "always F32", set("Math", kernels.F32)}, {"LinearBackwardWeight", "no dbias", set("DBias", kernels.Tensor{})},
		{"RMSNormBackward", "ignores Accumulate", set("Accumulate", false)}, {"RMSNormBackward", "ignores the residual", set("DResidual", kernels.Tensor{})},
		{"Sum", "ignores Accumulate", set("Accumulate", false)}, {"SumSquares", "ignores Accumulate", set("Accumulate", false)},
		{"Copy", "ignores Accumulate", set("Accumulate", false)},
		{"RMSNorm", "another epsilon", set("Eps", float32(1e-6))}, {"RMSNorm", "ignores the residual", set("Residual", kernels.Tensor{})},
		{"Rope", "always forward", set("Inverse", false)}, {"Rope", "turns one head", set("Heads", int64(1))},
		{"GLU", "always SiLU", set("Act", kernels.SiLU)}, {"GLUBackward", "always SiLU", set("Act", kernels.SiLU)},
		{"CrossEntropy", "ignores the mask", set("Mask", kernels.Tensor{})}, {"CrossEntropy", "no gradient", set("Gradient", false)},
		{"Clip", "no limit", set("MaxNorm", float32(0))}, {"Clip", "ignores the loss", set("Loss", kernels.Tensor{})},
		{"AdamW", "another beta", set("Beta2", float32(0.94))}, {"AdamW", "no decay", set("WeightDecay", float32(0))},
		{"AdamW", "random words of other elements", set("First", int64(0))}, {"AdamW", "no shadow", set("Shadow", kernels.Tensor{})},
		{"Sample", "ignores top-p", change(func(a any) any { return with(a, "TopP", tensor(a, "MinP")) })},
		{"Sample", "ignores min-p", change(func(a any) any { return with(a, "MinP", tensor(a, "TopP")) })},
		{"Sample", "seed is the position", change(func(a any) any { return with(a, "Seeds", tensor(a, "Positions")) })},
		{"Sample", "position is the seed", change(func(a any) any { return with(a, "Positions", tensor(a, "Seeds")) })},
		{"Sample", "draws what is given", set("Given", kernels.Tensor{})},
		{"Sample", "ignores edits", change(func(a any) any {
			for _, f := range []string{"EditOffsets", "EditTokens", "EditFactors", "EditAdds"} {
				a = with(a, f, kernels.Tensor{})
			}
			return a
		})},
		{"Sample", "edits without factors", as("EditFactors", 1)}, {"Sample", "edits without addends", as("EditAdds", 0)},
		{"PagedWrite", "values are keys", change(func(a any) any { return with(with(a, "KCache", tensor(a, "VCache")), "VCache", tensor(a, "KCache")) })},
	}
	for op, field := range map[string]string{"Linear": "Y", "RMSNorm": "Out", "GLU": "Out", "PagedAttention": "Out", "Attention": "Out", "LinearBackwardInput": "DX"} {
		mutants = append(mutants, mutant{op, "few rows have other bits", func(args any, run func(any)) {
			run(args)
			if out := tensor(args, field); out.Dim(0) <= 12 && out.Len() > 0 {
				out.HostBytes()[0] ^= 1
			}
		}})
	}
	runMutants(t, mutants)
}

func windowOf(args any) int64 {
	switch a := args.(type) {
	case kernels.AttentionArgs:
		return a.Window
	case kernels.AttentionBackwardArgs:
		return a.Window
	default:
		return args.(kernels.PagedAttentionArgs).Window
	}
}

func dropOf(args any) kernels.Dropout {
	switch a := args.(type) {
	case kernels.AttentionArgs:
		return a.Dropout
	case kernels.AttentionBackwardArgs:
		return a.Dropout
	default:
		return args.(kernels.DropoutArgs).Dropout
	}
}

// A sum that depends on the number of threads differs in the last bit only, which no tolerance sees.
func TestSuiteFindsThreadDependentSums(t *testing.T) {
	open := func(threads int) (kernels.Backend, error) {
		return &faulty{ref.Open(ref.Options{Ordered: true}), "SumSquares", func(args any, run func(any)) {
			run(args)
			tensor(args, "Out").HostBytes()[0] ^= byte(threads & 2)
		}}, nil
	}
	s, err := newSuite(Options{Open: func() (kernels.Backend, error) { return open(1) }, OpenThreads: open})
	if err != nil {
		t.Fatal(err)
	}
	err = s.check(sumSquaresCase(33, kernels.F32, false, 1))
	if err == nil || !strings.Contains(err.Error(), "threads=3") {
		t.Errorf("check returned %v", err)
	}
}

// deaf never reports a failure.
type deaf struct{ *ref.Backend }

func (d deaf) Sync() error {
	_ = d.Backend.Sync()
	return nil
}

// dirty hands out memory as it was left.
type dirty struct{ *ref.Backend }

func (d dirty) Alloc(kind kernels.MemoryKind, n int64) (*kernels.Memory, error) {
	mem, err := d.Backend.Alloc(kind, n)
	if err == nil && n > 0 {
		d.Fill(kernels.FillArgs{Dst: kernels.NewTensor(mem, 0, kernels.U8, n), Value: 1})
	}
	return mem, err
}

// tardy copies what is read back only when somebody looks.
type tardy struct{ *ref.Backend }

type tardyReadback struct {
	kernels.Readback
	src []kernels.Tensor
}

func (b tardy) OpenReadback(bytes int64) (kernels.Readback, error) {
	r, err := b.Backend.OpenReadback(bytes)
	return &tardyReadback{Readback: r}, err
}
func (r *tardyReadback) Fetch(src ...kernels.Tensor) { r.src = src }
func (r *tardyReadback) Wait() ([]byte, error)       { r.Readback.Fetch(r.src...); return r.Readback.Wait() }

func TestSuiteFindsFaultsOfTheRuntime(t *testing.T) {
	for name, b := range map[string]kernels.Backend{"deaf": deaf{ref.Open(ref.Options{})}, "dirty": dirty{ref.Open(ref.Options{})},
		"tardy": tardy{ref.Open(ref.Options{})}} {
		s, err := newSuite(Options{Open: func() (kernels.Backend, error) { return b, nil }})
		if err != nil {
			t.Fatal(err)
		}
		var found []error
		for _, f := range Failures() {
			found = append(found, s.failure(f))
		}
		caught := fmt.Sprint(append(found, s.runtime()...))
		if !strings.Contains(caught, map[string]string{"deaf": "want kernels.ErrDevice", "dirty": "is not zero", "tardy": "the readback holds"}[name]) {
			t.Errorf("%s: %s", name, caught)
		}
	}
}

// An op of the contract without a case must fail the suite: the list of covered ops is what the cases say, nothing else.
func TestCoverageIsComplete(t *testing.T) {
	for _, err := range uncovered() {
		t.Error(err)
	}
	for _, op := range opNames() {
		if _, ok := inputs[op]; !ok && op != "Fill" {
			t.Errorf("no input of %s is spoilt", op)
		}
	}
	if got, want := len(opNames()), len(notOps); got < 23 || want != 14 {
		t.Errorf("%d ops with faults, %d methods beside them", got, want)
	}
}
