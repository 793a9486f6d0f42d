package model

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// Model is a model that scores and generates: frozen weights, mapped from their file where they can be used as they lie
// there, and one layer's activations. One goroutine uses it at a time.
type Model struct {
	net
	opt    InferOptions
	shared bool // the weights belong to a Trainer
	copied arena
	mapped []*kernels.Memory

	tables, inputs, activations, workspace arena
	ropes                                  ropeSlots
	acts                                   layerSlots
	delta, work, staged                    *slot
	final                                  finalSlots
	stager                                 *stager
	picked                                 *slot // tokens that a step drew, and their log-probabilities
	draws                                  draws
	graphs                                 stepGraphs
}

// Open makes a model of a source's weights. The source must outlive it.
func Open(b kernels.Backend, c *Config, src Source, o InferOptions) (*Model, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Math == kernels.NoType {
		o.Math = StoredMath(c, src)
	}
	return openWeights(b, c, o, func(m *Model) error { return m.loadWeights(src) })
}

// OpenFresh makes a model of fresh weights, drawn as InitRule says, in BF16 where o.Math says nothing. They go to the device
// some million at a time, so that a model of any size takes little memory of the host: for measuring.
func OpenFresh(b kernels.Backend, c *Config, seed uint64, o InferOptions) (*Model, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Math == kernels.NoType {
		o.Math = kernels.BF16
	}
	return openWeights(b, c, o, func(m *Model) error { return m.drawWeights(seed) })
}

// openWeights makes a model whose weights fill puts in place.
func openWeights(b kernels.Backend, c *Config, o InferOptions, fill func(*Model) error) (_ *Model, err error) {
	m, err := newModel(b, c, o)
	if err != nil {
		return nil, err
	}
	m.w = weights{layers: make([]layerWeights, c.NumHiddenLayers)}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	if err := fill(m); err != nil {
		return nil, err
	}
	return m, m.openBuffers()
}

// Inference makes a model of a trainer's weights as they are at each call, without a copy. It must be closed first. Steps
// and training may alternate, not overlap.
func (t *Trainer) Inference(o InferOptions) (_ *Model, err error) {
	o.Math = t.opt.Math
	m, err := newModel(t.b, t.cfg, o)
	if err != nil {
		return nil, err
	}
	m.w, m.shared = t.w, true
	if err := m.openBuffers(); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func newModel(b kernels.Backend, c *Config, o InferOptions) (*Model, error) {
	if o.MaxLen == 0 {
		o.MaxLen = c.MaxPositions
	}
	if o.Docs == 0 {
		o.Docs = o.Tokens
	}
	if o.Cache == kernels.NoType {
		o.Cache = o.Math
	}
	o.LogitRows = logitRows(o.LogitRows, o.Tokens, c.VocabSize)
	switch {
	case o.Tokens < 1 || o.Docs < 1 || o.LogitRows < 1 || o.PageSize < 0:
		return nil, fmt.Errorf("%w: %d tokens, %d sequences, %d rows of logits, pages of %d: each must be at least 1", ErrConfig, o.Tokens, o.Docs, o.LogitRows, o.PageSize)
	case o.MaxLen < 1 || o.MaxLen > c.MaxPositions:
		return nil, fmt.Errorf("%w: %d positions, but max_position_embeddings is %d", ErrConfig, o.MaxLen, c.MaxPositions)
	case o.Math != kernels.F32 && o.Math != kernels.BF16 && o.Math != kernels.F64:
		return nil, fmt.Errorf("%w: %v is no dtype to compute in", ErrConfig, o.Math)
	case o.Cache != o.Math && (o.Math == kernels.F64 || o.Cache != kernels.F32 && o.Cache != kernels.BF16):
		return nil, fmt.Errorf("%w: a cache of %v beside products of %v", ErrConfig, o.Cache, o.Math)
	}
	config := *c
	m := &Model{net: net{b: b, cfg: &config, specs: c.Layers()}, opt: o,
		copied: arena{kind: kernels.MemWeights}, tables: arena{kind: kernels.MemWeights}, inputs: arena{kind: kernels.MemInputs},
		activations: arena{kind: kernels.MemActivations}, workspace: arena{kind: kernels.MemWorkspace}}
	if !o.NoGraphs {
		m.graphs.device, _ = b.(kernels.Capturer)
	}
	return m, nil
}

// openBuffers plans and allocates everything but the weights.
func (m *Model) openBuffers() error {
	c, o, s, stat := m.cfg, m.opt, m.specs[0], exact(m.opt.Math)
	m.ropes = takeRope(&m.tables, c, o.MaxLen, stat)
	m.rope = &m.ropes
	m.staged = m.inputs.take(kernels.U8, max(stagedBytes(o.Tokens, o.Docs), m.stepBytes()))
	a := &m.activations
	h := a.take(o.Math, o.Tokens, s.Hidden)
	stream := a.take(o.Math, o.Tokens, s.Hidden)
	m.delta = a.take(o.Math, o.Tokens, s.Hidden)
	m.acts = layerSlots{s1: stream, s2: stream, h1: h, h2: h,
		qkv: a.take(o.Math, o.Tokens, s.QKVHeads(), s.HeadDim), attn: a.take(o.Math, o.Tokens, s.Heads, s.HeadDim),
		lse: a.take(stat, s.Heads, o.Tokens),
		gu:  a.take(o.Math, o.Tokens, 2*s.Intermediate), g: a.take(o.Math, o.Tokens, s.Intermediate)}
	m.final = takeFinal(&m.workspace, c, o.Tokens, o.LogitRows, o.Math, o.Math, false)
	if o.PageSize > 0 {
		m.picked = m.inputs.take(kernels.U8, drawnBytes(o.LogitRows, m.maxTop()))
	}
	m.work = m.workspace.take(kernels.U8, m.inferWork())
	for _, a := range []*arena{&m.tables, &m.inputs, &m.activations, &m.workspace} {
		if err := a.allocate(m.b); err != nil {
			return err
		}
	}
	if o.PageSize > 0 {
		if err := m.draws.open(m.b, o.LogitRows, m.maxTop()); err != nil {
			return err
		}
	}
	m.stager = newStager(m.b, m.staged.full())
	return m.ropes.write(m.b)
}

// inferWork is the largest workspace of attention, over documents or over the paged cache.
func (m *Model) inferWork() (work int64) {
	o, shape := m.opt, kernels.ShapeOf
	for _, s := range m.specs {
		qkv, out := shape(o.Math, o.Tokens, s.QKVHeads(), s.HeadDim), shape(o.Math, o.Tokens, s.Heads, s.HeadDim)
		culens := shape(kernels.I32, o.Docs+1)
		work = max(work, m.b.AttentionPlan(kernels.AttentionArgs{Out: out, LSE: shape(exact(o.Math), s.Heads, o.Tokens), QKV: qkv, CuLens: culens,
			Heads: s.Heads, KVHeads: s.KVHeads, MaxLen: o.MaxLen, Window: s.Window, Scale: s.AttentionScale()}))
		if o.PageSize > 0 {
			work = max(work, m.pagedWork(s, out, qkv), m.sampleWork())
		}
	}
	return work
}

// pagedWork asks for every number of sequences: a backend may need more for few, whose keys it shares out among threads.
func (m *Model) pagedWork(s LayerSpec, out, qkv kernels.Tensor) (work int64) {
	shape := kernels.ShapeOf
	cache := shape(m.opt.Cache, 1, s.KVHeads, m.opt.PageSize, s.HeadDim)
	for seqs := int64(1); seqs <= m.opt.Docs; seqs++ {
		work = max(work, m.b.PagedAttentionPlan(kernels.PagedAttentionArgs{Out: out, QKV: qkv, KCache: cache, VCache: cache,
			PageTable: shape(kernels.I32, seqs, m.pages()), CuLens: shape(kernels.I32, seqs+1), Lens: shape(kernels.I32, seqs), Heads: s.Heads,
			KVHeads: s.KVHeads, MaxLen: m.opt.MaxLen, Window: s.Window, Scale: s.AttentionScale()}))
	}
	return work
}

// Score runs a batch and waits for the result.
func (m *Model) Score(batch *Batch) (*Scores, error) {
	if err := batch.check(m.cfg.VocabSize, m.opt.Tokens, m.opt.Docs, m.opt.MaxLen); err != nil {
		return nil, err
	}
	in := stageBatch(m.stager, batch, exact(m.opt.Math))
	a := m.acts.rows(in.n)
	m.scoreForward(&in, &a, m.delta.rows(in.n), &m.final, m.opt.MaxLen, m.work.full())
	m.score(&in, &m.final, m.opt.LogitRows)
	return readScores(m.b, batch, &in, &m.final)
}

// Backend returns the device.
func (m *Model) Backend() kernels.Backend { return m.b }

// Config returns the model's configuration.
func (m *Model) Config() *Config { return m.cfg }

// Options returns the sizes the model was opened for, with what zero stood for filled in.
func (m *Model) Options() InferOptions { return m.opt }

// Sync waits for everything issued and returns the first failure. What steps drew and nobody asked for is forgotten.
func (m *Model) Sync() error {
	m.draws.due, m.draws.followed = 0, 0
	return m.b.Sync()
}

// Graphs says whether steps that decode are issued as graphs, by one call each.
func (m *Model) Graphs() bool { return m.graphs.device != nil }

// Close frees everything but weights that belong to a Trainer.
func (m *Model) Close() {
	m.graphs.close()
	m.draws.close()
	if !m.shared {
		m.w.release(m.b)
	}
	for _, a := range []*arena{&m.copied, &m.tables, &m.inputs, &m.activations, &m.workspace} {
		if a.mem != nil {
			m.b.Free(a.mem)
			a.mem = nil
		}
	}
	for _, mem := range m.mapped {
		m.b.Free(mem)
	}
	m.mapped = nil
}
