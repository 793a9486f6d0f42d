package model

import (
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

// Trainer is a model that learns: flat buffers for weights, gradients and moments, and every activation of a step, all
// allocated when it is opened. One goroutine uses it at a time.
type Trainer struct {
	net
	opt     Options
	plan    *Plan
	flat    *Flat
	buckets []Bucket
	layout  *trainLayout
	stager  *stager
	outcome kernels.Readback

	grads                         []layerGrads
	embedGrad, normGrad, headGrad kernels.Tensor
}

// OpenTrainer allocates a model on a backend. Its weights are zero until Initialize or Load.
func OpenTrainer(b kernels.Backend, c *Config, o Options) (_ *Trainer, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o, err = o.resolve(c); err != nil {
		return nil, err
	}
	config := *c
	t := &Trainer{opt: o, flat: NewFlat(c)}
	t.net = net{b: b, cfg: &config, specs: c.Layers(), dropout: o.Dropout, w: weights{layers: make([]layerWeights, c.NumHiddenLayers)}}
	t.buckets = t.flat.Buckets()
	t.layout = newTrainLayout(b, c, o, t.flat)
	t.plan = planOf(b, c, o, t.layout)
	t.rope = &t.layout.rope
	defer func() {
		if err != nil {
			t.Close()
		}
	}()
	for _, a := range t.layout.arenas() {
		if err := a.allocate(b); err != nil {
			return nil, err
		}
	}
	if err := t.rope.write(b); err != nil {
		return nil, err
	}
	if err := t.bind(); err != nil {
		return nil, err
	}
	t.stager = newStager(b, t.layout.staged.full())
	if t.outcome, err = b.OpenReadback(t.layout.outcomeBytes()); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if o.Moments != kernels.NoType {
		b.Write(t.layout.decay.full(), t.flat.decayTable())
	}
	return t, b.Sync()
}

func (l *trainLayout) arenas() []*arena {
	return []*arena{&l.weights, &l.gradients, &l.optimizer, &l.inputs, &l.activations, &l.workspace}
}

// bind makes the handles of weights and gradients.
func (t *Trainer) bind() error {
	master, grad := t.layout.master.full(), t.layout.grad.full()
	t.grads = make([]layerGrads, len(t.specs))
	for i := range t.flat.Params {
		p := &t.flat.Params[i]
		w := t.flat.Tensor(master, i)
		if t.layout.shadow != nil && len(p.Shape) > 1 {
			w = t.flat.Tensor(t.layout.shadow.full(), i)
		}
		if err := t.w.place(t.b, p, w, kernels.WeightTrained, t.cfg.TieWordEmbeddings); err != nil {
			return err
		}
		t.bindGrad(p, t.flat.Tensor(grad, i))
	}
	return nil
}

func (t *Trainer) bindGrad(p *Param, g kernels.Tensor) {
	switch p.Role {
	case RoleEmbed:
		t.embedGrad = g
		if t.cfg.TieWordEmbeddings {
			t.headGrad = g
		}
	case RoleInputNorm:
		t.grads[p.Layer].inputNorm = g
	case RoleQKV:
		t.grads[p.Layer].qkv = g
	case RoleOut:
		t.grads[p.Layer].out = g
	case RolePostNorm:
		t.grads[p.Layer].postNorm = g
	case RoleGateUp:
		t.grads[p.Layer].gateUp = g
	case RoleDown:
		t.grads[p.Layer].down = g
	case RoleNorm:
		t.normGrad = g
	case RoleHead:
		t.headGrad = g
	}
}

// MicroBatch issues the forward and backward pass of one micro-batch. The first of a step overwrites gradients and loss,
// the others add to them. On the last, ready (may be nil) is called for each bucket as soon as the operations that finish
// it are issued: what it issues runs after them. Nothing is computed when MicroBatch returns; Sync waits.
func (t *Trainer) MicroBatch(batch *Batch, first bool, ready func(Bucket)) error {
	if err := batch.check(t.cfg.VocabSize, t.opt.Tokens, t.opt.Docs, t.opt.MaxLen); err != nil {
		return err
	}
	if !(batch.Scale > 0) || math.IsInf(float64(batch.Scale), 0) {
		return fmt.Errorf("%w: scale is %v, must be 1/(loss tokens of the step)", ErrBatch, batch.Scale)
	}
	in := stageBatch(t.stager, batch, exact(t.opt.Math))
	t.forward(&in)
	t.lossAndGradient(&in, first)
	t.backward(&in, first, ready)
	return nil
}

// Sync waits for everything issued and returns the first failure.
func (t *Trainer) Sync() error { return t.b.Sync() }

// State is the device tensors that an optimizer step works on, each over the whole flat buffer.
type State struct {
	Master, Shadow, Grad    kernels.Tensor // Shadow: absent unless the weights are multiplied in BF16
	M, V, Decay             kernels.Tensor // absent without Options.Moments
	Hyper, Clip             kernels.Tensor // [HyperLen], [ClipLen]
	SumSquares, Loss        kernels.Tensor // [1] F64; Loss as LossSum
	LongestDoc, MostTokens  int64
	MathType, MomentsOfType kernels.DType
}

// State returns the tensors of the optimizer step.
func (t *Trainer) State() State {
	l := t.layout
	return State{Master: l.master.full(), Shadow: l.shadow.full(), Grad: l.grad.full(), M: l.m.full(), V: l.v.full(), Decay: l.decay.full(),
		Hyper: l.hyper.full(), Clip: l.clip.full(), SumSquares: l.sumSquares.full(), Loss: l.loss.full(),
		LongestDoc: t.opt.MaxLen, MostTokens: t.opt.Tokens, MathType: t.opt.Math, MomentsOfType: t.opt.Moments}
}

// Backend, Config, Flat, Buckets and Plan return what the trainer was made of.
func (t *Trainer) Backend() kernels.Backend { return t.b }

// Config returns the model's configuration.
func (t *Trainer) Config() *Config { return t.cfg }

// Flat returns where each parameter lies in the flat buffers.
func (t *Trainer) Flat() *Flat { return t.flat }

// Buckets returns the gradient buckets in the order backward finishes them.
func (t *Trainer) Buckets() []Bucket { return t.buckets }

// Plan returns the memory that was allocated.
func (t *Trainer) Plan() *Plan { return t.plan }

// Close frees everything.
func (t *Trainer) Close() {
	t.w.release(t.b)
	if t.outcome != nil {
		t.outcome.Close()
		t.outcome = nil
	}
	for _, a := range t.layout.arenas() {
		if a.mem != nil {
			t.b.Free(a.mem)
			a.mem = nil
		}
	}
}
