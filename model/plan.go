package model

import (
	"fmt"
	"io"

	"github.com/primer-lm/primer/kernels"
)

// Plan is what a model will take, known before anything is allocated.
type Plan struct {
	Params   int64                         // parameters, tied ones once
	Bytes    [kernels.NumMemoryKinds]int64 // by kind; exactly what opening asks the backend for
	Held     [kernels.NumMemoryKinds]int64 // by kind; what the backend holds beside it
	Forward  float64                       // FLOPs of a forward pass, per token
	PerToken float64                       // FLOPs of training, per token: three times the forward pass; recomputation is not counted
}

// Kind returns the bytes of one kind: what the backend's Usage will peak at when nothing else is opened on it.
func (p *Plan) Kind(k kernels.MemoryKind) int64 { return p.Bytes[k] + p.Held[k] }

// Total returns all bytes.
func (p *Plan) Total() int64 {
	n := int64(0)
	for k := range kernels.NumMemoryKinds {
		n += p.Kind(k)
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
	return planOf(b, c, o, newTrainLayout(b, c, o, NewFlat(c))), nil
}

func planOf(b kernels.Backend, c *Config, o Options, l *trainLayout) *Plan {
	p := &Plan{Params: c.NumParams(), Held: b.Held()}
	for _, a := range l.arenas() {
		p.Bytes[a.kind] += max(a.peak, slotAlign)
	}
	p.Bytes[kernels.MemStaging] += l.outcomeBytes()
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
	for k := range kernels.NumMemoryKinds {
		if n := p.Kind(k); n > 0 {
			fmt.Fprintf(w, "%-13s %.1f MiB\n", k, float64(n)/(1<<20))
		}
	}
	fmt.Fprintf(w, "memory        %.1f MiB\n", float64(p.Total())/(1<<20))
	fmt.Fprintf(w, "FLOPs/token   %.4g forward, %.4g training\n", p.Forward, p.PerToken)
}
