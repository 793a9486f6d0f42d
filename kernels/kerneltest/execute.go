package kerneltest

import (
	"bytes"
	"fmt"
	"os"

	"github.com/primer-lm/primer/kernels"
)

var trace = os.Getenv("PRIMER_KERNELTEST_TRACE") != ""

// device is a backend under test and how it uses memory.
type device struct {
	kernels.Backend
	label   string
	inPlace bool
}

func newDevice(b kernels.Backend, label string) (device, error) {
	inPlace, err := computesInPlace(b)
	return device{b, label, inPlace}, err
}

// execute runs some units of a case and returns its tensors with what they hold afterwards. Everything that a kernel must
// never do is an error: failing, panicking, writing outside its outputs.
func execute(d device, c Case, units Window) (operands []*operand, err error) {
	if trace {
		fmt.Fprintln(os.Stderr, d.label, c, units)
	}
	p := &Probe{B: d.Backend, name: c.String(), inPlace: d.inPlace, denormal: c.Denormals, units: units}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		for _, w := range p.weights {
			d.Release(w)
		}
		for _, o := range p.operands {
			if freed := o.block.free(); err == nil && freed != nil {
				err = freed
			}
		}
	}()
	c.Run(p)
	if err := d.Sync(); err != nil {
		return nil, fmt.Errorf("waiting for the op: %w", err)
	}
	for _, o := range p.operands {
		if err := o.finish(); err != nil {
			return nil, err
		}
		if o.role != workspace { // whose size is each backend's own
			operands = append(operands, o)
		}
	}
	return operands, nil
}

// finish reads the tensor back and looks at the bytes around it.
func (o *operand) finish() error {
	image, err := o.block.read()
	if err != nil {
		return fmt.Errorf("reading %s: %w", o.name, err)
	}
	end := o.block.at + int64(len(o.before))
	o.after = image[o.block.at:end]
	if o.role == input && !bytes.Equal(o.after, o.before) {
		return fmt.Errorf("input %s was changed", o.name)
	}
	for i, v := range image {
		switch i := int64(i); {
		case v == poison:
		case i < o.block.at:
			return fmt.Errorf("%s: byte %d before it was written", o.name, o.block.at-i)
		case i >= end:
			return fmt.Errorf("%s: byte %d after it was written", o.name, i-end+1)
		}
	}
	return nil
}

// compareRuns holds the outputs of one run against those of another by each output's tolerance, or by bits.
func compareRuns(got, want []*operand, bits bool) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d tensors, want %d", len(got), len(want))
	}
	for i, g := range got {
		if g.role != output {
			continue
		}
		tol := g.tol
		if bits {
			tol = exact
		}
		if problem := compare(g.tensor.Type, tol, g.after, want[i].after); problem != "" {
			return fmt.Errorf("%s %v: %s", g.name, g.tensor, problem)
		}
	}
	return nil
}

// compareRows holds the rows of a partial run against the same rows of the whole run, by bits.
func compareRows(part, whole []*operand) error {
	for i, g := range part {
		if g.rows == nil || g.rows.Count == 0 {
			continue
		}
		row := int64(len(g.after)) / g.rows.Count
		want := whole[i].after[g.rows.From*row : (g.rows.From+g.rows.Count)*row]
		if problem := compare(g.tensor.Type, exact, g.after, want); problem != "" {
			return fmt.Errorf("%s %v, from row %d: %s", g.name, g.tensor, g.rows.From, problem)
		}
	}
	return nil
}

// checkPairs holds outputs of one run against each other.
func checkPairs(operands []*operand, pairs []Pair) error {
	find := func(name string) *operand {
		for _, o := range operands {
			if o.name == name {
				return o
			}
		}
		panic("kerneltest: no tensor " + name)
	}
	for _, pair := range pairs {
		a, b := find(pair.A), find(pair.B)
		if problem := compare(a.tensor.Type, pair.Tol, a.after, b.after); problem != "" {
			return fmt.Errorf("%s against %s: %s", pair.A, pair.B, problem)
		}
	}
	return nil
}
