package model

import (
	"fmt"
	"unsafe"

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
}

// Open makes a model of a source's weights. The source must outlive it.
func Open(b kernels.Backend, c *Config, src Source, o InferOptions) (_ *Model, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Math == kernels.NoType {
		o.Math = storedMath(c, src)
	}
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
	if err := m.loadWeights(src); err != nil {
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
	o.LogitRows = logitRows(o.LogitRows, o.Tokens, c.VocabSize)
	switch {
	case o.Tokens < 1 || o.Docs < 1 || o.LogitRows < 1 || o.PageSize < 0:
		return nil, fmt.Errorf("%w: %d tokens, %d sequences, %d rows of logits, pages of %d: each must be at least 1", ErrConfig, o.Tokens, o.Docs, o.LogitRows, o.PageSize)
	case o.MaxLen < 1 || o.MaxLen > c.MaxPositions:
		return nil, fmt.Errorf("%w: %d positions, but max_position_embeddings is %d", ErrConfig, o.MaxLen, c.MaxPositions)
	case o.Math != kernels.F32 && o.Math != kernels.BF16 && o.Math != kernels.F64:
		return nil, fmt.Errorf("%w: %v is no dtype to compute in", ErrConfig, o.Math)
	}
	config := *c
	return &Model{net: net{b: b, cfg: &config, specs: c.Layers()}, opt: o,
		copied: arena{kind: kernels.MemWeights}, tables: arena{kind: kernels.MemWeights}, inputs: arena{kind: kernels.MemInputs},
		activations: arena{kind: kernels.MemActivations}, workspace: arena{kind: kernels.MemWorkspace}}, nil
}

// storedMath: BF16 products for weights that are all stored in BF16, F32 for all else (so f32 is computed in f32, and f16,
// whose range BF16 has but whose precision it has not, loses nothing).
func storedMath(c *Config, src Source) kernels.DType {
	for _, p := range c.Params() {
		for _, v := range p.Views {
			if s, ok := src.Stored(v.Name); ok && len(p.Shape) > 1 && s.DType != kernels.BF16 {
				return kernels.F32
			}
		}
	}
	return kernels.BF16
}

// loadWeights maps what lies in the source as it is needed (right dtype, aligned, and, for q,k,v and gate,up, one behind
// the other) and copies the rest into one allocation. Norms are always F32: they are small.
func (m *Model) loadWeights(src Source) error {
	if err := unchanged(src); err != nil {
		return err
	}
	params := m.cfg.Params()
	inPlace, slots := make([][]byte, len(params)), make([]*slot, len(params))
	for i := range params {
		p := &params[i]
		t := m.opt.Math
		if len(p.Shape) == 1 {
			t = exact(t)
		} else {
			inPlace[i] = contiguous(p, t, src)
		}
		if inPlace[i] == nil {
			slots[i] = m.copied.take(t, p.Shape...)
		}
	}
	if err := m.copied.allocate(m.b); err != nil {
		return err
	}
	for i := range params {
		p := &params[i]
		t, err := m.weight(p, inPlace[i], slots[i], src)
		if err != nil {
			return err
		}
		if err := m.w.place(m.b, p, t, kernels.WeightFrozen, m.cfg.TieWordEmbeddings); err != nil {
			return err
		}
	}
	return unchanged(src)
}

func (m *Model) weight(p *Param, inPlace []byte, s *slot, src Source) (kernels.Tensor, error) {
	if inPlace != nil {
		mem, err := m.b.Map(kernels.MemWeights, inPlace)
		if err != nil {
			return kernels.Tensor{}, fmt.Errorf("model: %s: %w", p.Name, err)
		}
		m.mapped = append(m.mapped, mem)
		return kernels.NewTensor(mem, 0, m.opt.Math, p.Shape...), nil
	}
	t := s.full()
	for _, v := range p.Views {
		if v.Alias {
			continue
		}
		if err := loadView(m.b, t.Rows(v.From, v.Rows), v.Name, v.Shape, src, false); err != nil {
			return t, err
		}
	}
	return t, nil
}

// contiguous returns the source's bytes of a stored tensor when its views lie there one behind the other in dtype t.
func contiguous(p *Param, t kernels.DType, src Source) []byte {
	var all []byte
	for _, v := range p.Views {
		if v.Alias {
			continue
		}
		s, ok := src.Stored(v.Name)
		if !ok || !s.Mapped || s.DType != t || len(s.Bytes) == 0 {
			return nil
		}
		switch begin := address(s.Bytes); {
		case all == nil && begin%uintptr(t.Size()) == 0:
			all = s.Bytes
		case all != nil && begin == address(all)+uintptr(len(all)):
			all = unsafe.Slice(unsafe.SliceData(all), len(all)+len(s.Bytes))
		default:
			return nil
		}
	}
	return all
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

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
	m.work = m.workspace.take(kernels.U8, m.inferWork())
	for _, a := range []*arena{&m.tables, &m.inputs, &m.activations, &m.workspace} {
		if err := a.allocate(m.b); err != nil {
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
			work = max(work, m.pagedWork(s, out, qkv))
		}
	}
	return work
}

// pagedWork asks for every number of sequences: a backend may need more for few, whose keys it shares out among threads.
func (m *Model) pagedWork(s LayerSpec, out, qkv kernels.Tensor) (work int64) {
	shape := kernels.ShapeOf
	cache := shape(m.opt.Math, 1, s.KVHeads, m.opt.PageSize, s.HeadDim)
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
	in, err := stageBatch(m.stager, batch, exact(m.opt.Math))
	if err != nil {
		return nil, err
	}
	a := m.acts.rows(in.n)
	m.scoreForward(&in, &a, m.delta.rows(in.n), &m.final, m.opt.MaxLen, m.work.full())
	m.score(&in, &m.final, m.opt.LogitRows)
	return readScores(m.stager, batch, &in, &m.final)
}

// Backend returns the device.
func (m *Model) Backend() kernels.Backend { return m.b }

// Config returns the model's configuration.
func (m *Model) Config() *Config { return m.cfg }

// Options returns the sizes the model was opened for, with what zero stood for filled in.
func (m *Model) Options() InferOptions { return m.opt }

// Sync waits for everything issued and returns the first failure.
func (m *Model) Sync() error { return m.stager.sync() }

// Close frees everything but weights that belong to a Trainer.
func (m *Model) Close() {
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
