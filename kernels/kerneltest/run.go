package kerneltest

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// Options say how to open what is tested.
type Options struct {
	// Open opens the backend as users get it.
	Open func() (kernels.Backend, error)
	// OpenThreads opens it with a number of threads; nil where it has none.
	OpenThreads func(threads int) (kernels.Backend, error)
	// Threads are the numbers of threads whose bits must be those of Open; nil means 1 and 3 (teams above the cores are slow).
	Threads []int
	// Library lists ops (as a Case names them) that a vendor's library computes: they are held to their tolerances only, neither
	// to the contract's order nor to the bits of a row alone.
	Library []string
}

// RunAll runs the conformance suite. A backend has to pass all of it.
func RunAll(t *testing.T, o Options) {
	t.Helper()
	s, err := newSuite(o)
	if err != nil {
		t.Fatalf("opening the backend: %v", err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Errorf("closing the backend: %v", err)
		}
	})
	t.Run("coverage", func(t *testing.T) { reportAll(t, uncovered()) })
	t.Run("runtime", func(t *testing.T) { reportAll(t, s.runtime()) })
	t.Run("failures", func(t *testing.T) {
		for _, f := range Failures() {
			report(t, f.String(), s.failure(f))
		}
	})
	for _, force := range s.passes() {
		t.Run("variant="+strings.TrimPrefix(force, "*="), func(t *testing.T) {
			if err := kernels.Force(force, s.main.Variants()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = kernels.Force("", nil) }() // forgetting cannot fail
			s.runCases(t)
		})
	}
}

// runCases runs everything with the variants now in use. A broken op fails in hundreds of cases; the first few say enough.
func (s *suite) runCases(t *testing.T) {
	const reported = 5
	failed := map[string]int{}
	for _, c := range Cases() {
		err := s.check(c)
		if err == nil {
			continue
		}
		if failed[c.Op]++; failed[c.Op] <= reported {
			report(t, c.String(), err)
		}
	}
	for op, n := range failed {
		if n > reported {
			t.Errorf("%s: %d cases failed in all", op, n)
		}
	}
}

func report(t *testing.T, name string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func reportAll(t *testing.T, errs []error) {
	t.Helper()
	for _, err := range errs {
		t.Error(err)
	}
}

// suite is one backend with what its results are compared with.
type suite struct {
	main    device
	threads []device          // the same backend with other numbers of threads
	ref     device            // float64
	ordered device            // the contract's order
	golden  map[string]golden // by case: computed once, for all variants
	bits    map[string]run    // by case and Bits of the variants in use
	library map[string]bool   // ops held to their tolerances only
}

type golden struct{ float64, ordered []*operand }

// run is what one pass computed for a case.
type run struct {
	force    string
	operands []*operand
}

func newSuite(o Options) (*suite, error) {
	s := &suite{golden: map[string]golden{}, bits: map[string]run{}, library: map[string]bool{}}
	for _, op := range o.Library {
		s.library[op] = true
	}
	open := func(into *device, label string, b kernels.Backend, err error) error {
		if err == nil {
			*into, err = newDevice(b, label)
		}
		return err
	}
	b, err := o.Open()
	if err := open(&s.main, "default", b, err); err != nil {
		return nil, err
	}
	if err := open(&s.ref, "ref", ref.Open(ref.Options{}), nil); err != nil {
		return nil, err
	}
	if err := open(&s.ordered, "ordered", ref.Open(ref.Options{Ordered: true}), nil); err != nil {
		return nil, err
	}
	if o.OpenThreads == nil {
		return s, nil
	}
	if o.Threads == nil {
		o.Threads = []int{1, 3}
	}
	for _, n := range o.Threads {
		var d device
		b, err := o.OpenThreads(n)
		if err := open(&d, fmt.Sprintf("threads=%d", n), b, err); err != nil {
			return nil, err
		}
		s.threads = append(s.threads, d)
	}
	return s, nil
}

func (s *suite) close() error {
	var first error
	for _, d := range append([]device{s.main, s.ref, s.ordered}, s.threads...) {
		if err := d.Close(); first == nil {
			first = err
		}
	}
	return first
}

// passes returns what to force: each name of a variant that this machine runs, without those that put the same variants to use
// as one before. Together they use every available variant of every op.
func (s *suite) passes() []string {
	defer func() { _ = kernels.Force("", nil) }() // forgetting cannot fail
	seen, table := map[string]bool{}, s.main.Variants()
	var out []string
	for _, v := range table {
		force, inUse := "*="+v.Name, ""
		if !v.Available || kernels.Force(force, table) != nil {
			continue
		}
		for _, now := range s.main.Variants() {
			if now.InUse {
				inUse += now.Op + "=" + now.Name + " "
			}
		}
		if !seen[inUse] {
			seen[inUse] = true
			out = append(out, force)
		}
	}
	sort.Strings(out)
	return out
}

// check runs a case in every way that must give the same result.
func (s *suite) check(c Case) error {
	all := Window{0, c.Units}
	want, err := s.want(c, all)
	if err != nil {
		return err
	}
	got, err := execute(s.main, c, all)
	if err != nil {
		return err
	}
	if err := compareRuns(got, want.float64, false); err != nil {
		return err
	}
	if err := checkPairs(got, c.Pairs); err != nil {
		return err
	}
	if c.Ordered && !s.library[c.Op] {
		if err := compareRuns(got, want.ordered, true); err != nil {
			return fmt.Errorf("not in the contract's order: %w", err)
		}
	}
	for _, d := range s.threads {
		other, err := execute(d, c, all)
		if err == nil {
			err = compareRuns(other, got, true)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.label, err)
		}
	}
	if !s.library[c.Op] {
		if err := s.checkRows(c, got); err != nil {
			return err
		}
	}
	return s.checkBits(c, got)
}

func (s *suite) want(c Case, all Window) (golden, error) {
	if g, ok := s.golden[c.String()]; ok {
		return g, nil
	}
	var g golden
	var err error
	if g.float64, err = execute(s.ref, c, all); err != nil {
		return g, fmt.Errorf("the reference itself: %w", err)
	}
	if c.Ordered {
		if g.ordered, err = execute(s.ordered, c, all); err != nil {
			return g, fmt.Errorf("the ordered reference itself: %w", err)
		}
	}
	s.golden[c.String()] = g
	return g, nil
}

// checkRows runs some of a case's units alone: the first, the last, and a few from the middle.
func (s *suite) checkRows(c Case, whole []*operand) error {
	if c.Units < 2 {
		return nil
	}
	for _, w := range []Window{{0, 1}, {c.Units - 1, 1}, {c.Units / 3, max(1, c.Units/2)}} {
		part, err := execute(s.main, c, w)
		if err == nil {
			err = compareRows(part, whole)
		}
		if err != nil {
			return fmt.Errorf("%d of %d units alone: %w", w.Count, c.Units, err)
		}
	}
	return nil
}

// checkBits compares with an earlier pass whose variants claim the same bits.
func (s *suite) checkBits(c Case, got []*operand) error {
	claim := c.String()
	var force string
	for _, v := range s.main.Variants() {
		if v.InUse && (family(v.Op) == family(c.Op) || family(c.Op) == "pagedattention" && family(v.Op) == "attention") { // its cases run both
			claim += "|" + v.Op + "=" + v.Bits
			force += " " + v.Op + "=" + v.Name
		}
	}
	before, ok := s.bits[claim]
	if !ok {
		s.bits[claim] = run{force, got}
		return nil
	}
	if err := compareRuns(got, before.operands, true); err != nil {
		return fmt.Errorf("%s and %s claim the same bits: %w", force, before.force, err)
	}
	return nil
}

// family maps "rmsnorm_backward", "linear.f32" and "LinearBackwardInput" to the op that they belong to.
func family(op string) string {
	op = strings.ReplaceAll(strings.ToLower(op), "_", "")
	op, _, _ = strings.Cut(op, ".")
	op, _, _ = strings.Cut(op, "backward")
	return op
}
