package model

import (
	"fmt"
	"io"

	"github.com/primer-lm/primer/kernels"
)

// Plan is what a model will take, known before anything is allocated.
type Plan struct {
	Params   int64                         // parameters, tied ones once
	Bytes    [kernels.NumMemoryKinds]int64 // by kind; exactly what opening allocates
	Forward  float64                       // FLOPs of a forward pass, per token
	PerToken float64                       // FLOPs of training, per token: three times the forward pass; recomputation is not counted
}

// Total returns all bytes.
func (p *Plan) Total() int64 {
	n := int64(0)
	for _, b := range p.Bytes {
		n += b
	}
	return n
}

// NewPlan plans training without allocating. The backend is asked for the workspace of its ops.
func NewPlan(b kernels.Backend, c *Config, o Options) (*Plan, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	o, err := o.resolve(c)
	if err != nil {
		return nil, err
	}
	return planOf(c, o, newTrainLayout(b, c, o, NewFlat(c))), nil
}

func planOf(c *Config, o Options, l *trainLayout) *Plan {
	p := &Plan{Params: c.NumParams()}
	for _, a := range l.arenas() {
		p.Bytes[a.kind] += max(a.peak, slotAlign)
	}
	p.Forward = c.FLOPs(o.MaxLen)
	p.PerToken = 3 * p.Forward
	return p
}

// FLOPs returns the floating-point operations of a forward pass per token of documents of length tokens: two for each
// multiply-add of a matrix product, the output matrix included and the embedding's look-up not, attention counted as the
// causal mask and the window leave it (half of what formulas with 12·L·H·Q·T count).
func (c *Config) FLOPs(length int64) float64 {
	total := 2 * float64(c.VocabSize) * float64(c.HiddenSize)
	for _, l := range c.Layers() {
		matrices := (l.QKVHeads()+l.Heads)*l.HeadDim*l.Hidden + 3*l.Intermediate*l.Hidden
		total += 2*float64(matrices) + 4*float64(l.Heads*l.HeadDim)*meanKeys(length, l.Window)
	}
	return total
}

// meanKeys is the mean number of keys that a query of a document sees.
func meanKeys(length, window int64) float64 {
	t, w := float64(length), float64(window)
	if window == 0 || window >= length {
		return (t + 1) / 2
	}
	return (w*(w+1)/2 + (t-w)*w) / t
}

// Print writes the plan as lines to read.
func (p *Plan) Print(w io.Writer) {
	fmt.Fprintf(w, "parameters    %d\n", p.Params)
	for kind, n := range p.Bytes {
		if n > 0 {
			fmt.Fprintf(w, "%-13s %.1f MiB\n", kernels.MemoryKind(kind), float64(n)/(1<<20))
		}
	}
	fmt.Fprintf(w, "memory        %.1f MiB\n", float64(p.Total())/(1<<20))
	fmt.Fprintf(w, "FLOPs/token   %.4g forward, %.4g training\n", p.Forward, p.PerToken)
}
