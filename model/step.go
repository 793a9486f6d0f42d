package model

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// StepInput is one step of generation: new tokens of many sequences, each one token (decode) or a chunk (prefill).
// Sequence s has rows CuLens[s] to CuLens[s+1]; after the step its cache holds Lens[s] positions, the new ones last.
type StepInput struct {
	Tokens    []int32 // [N]
	Positions []int32 // [N]
	CuLens    []int32 // [S+1]
	Lens      []int32 // [S] positions in the cache, including the new rows
	Slots     []int64 // [N] where each row's key and value go: page·PageSize + offset
	PageTable []int32 // [S, PageTable/S] pages of each sequence, in order
	Rows      []int32 // rows that need logits
	Draws     []Draw  // how the token after each of Rows is drawn; none: logits are all that is wanted
	Top       int     // how many of the most probable tokens are reported beside each draw, at most MaxTop
	// Follow: the step decodes what the last one, of the same sequences, drew: Tokens counts the rows, its values are not read.
	Follow bool
	// K and V are the caches of each layer, [pages, K, PageSize, D] of CacheType.
	K, V []kernels.Tensor
}

// CacheType returns the dtype of the paged cache.
func (m *Model) CacheType() kernels.DType { return m.opt.Cache }

// pages is the most pages of one sequence.
func (m *Model) pages() int64 {
	return (m.opt.MaxLen + m.opt.PageSize - 1) / max(m.opt.PageSize, 1)
}

func (m *Model) checkStep(in *StepInput) error {
	n, s := int64(len(in.Tokens)), int64(len(in.CuLens))-1
	switch {
	case m.opt.PageSize == 0:
		return fmt.Errorf("%w: the model was opened without generation (PageSize is 0)", ErrBatch)
	case n < 1 || n > m.opt.Tokens:
		return fmt.Errorf("%w: %d tokens, opened for 1 to %d", ErrBatch, n, m.opt.Tokens)
	case int64(len(in.Positions)) != n || int64(len(in.Slots)) != n || int64(len(in.Lens)) != s:
		return fmt.Errorf("%w: %d tokens, %d positions, %d slots, %d sequences, %d lengths", ErrBatch, n, len(in.Positions), len(in.Slots), s, len(in.Lens))
	case int64(len(in.K)) != m.cfg.NumHiddenLayers || int64(len(in.V)) != m.cfg.NumHiddenLayers:
		return fmt.Errorf("%w: caches of %d and %d layers, the model has %d", ErrBatch, len(in.K), len(in.V), m.cfg.NumHiddenLayers)
	case int64(len(in.Rows)) > m.opt.LogitRows:
		return fmt.Errorf("%w: logits of %d rows, opened for %d", ErrBatch, len(in.Rows), m.opt.LogitRows)
	}
	if err := m.checkDraws(in); err != nil {
		return err
	}
	if err := checkRows(in.Tokens, in.CuLens, in.Positions, m.cfg.VocabSize, m.opt.Docs, m.opt.MaxLen); err != nil {
		return err
	}
	if columns := int64(len(in.PageTable)) / s; columns < 1 || columns > m.pages() || columns*s != int64(len(in.PageTable)) {
		return fmt.Errorf("%w: a page table of %d entries for %d sequences of at most %d pages", ErrBatch, len(in.PageTable), s, m.pages())
	}
	if in.Follow && (!decodes(in) || m.draws.followed != n) {
		return fmt.Errorf("%w: a step of %d rows follows one that decoded %d", ErrBatch, n, m.draws.followed)
	}
	for _, r := range in.Rows {
		if r < 0 || int64(r) >= n {
			return fmt.Errorf("%w: logits of row %d of %d", ErrBatch, r, n)
		}
	}
	for i, l := range in.Lens {
		if l < in.CuLens[i+1]-in.CuLens[i] || int64(l) > m.opt.MaxLen {
			return fmt.Errorf("%w: sequence %d has %d positions, opened for at most %d", ErrBatch, i, l, m.opt.MaxLen)
		}
	}
	return nil
}

// Step issues the forward pass of a step, draws a token after each of Rows where Draws says how, and returns the logits
// [len(Rows), V] in F32, which stand until the next Step or Score. Nothing is computed when it returns; Drawn and Sync wait.
// Every op but attention is the one of training.
//
// A step of one row a sequence that draws after all of them is issued as a graph where the backend captures operations, unless a
// token of it is given or drawn from edited logits: the host has to know what was drawn before to say how the next is.
func (m *Model) Step(in *StepInput) (kernels.Tensor, error) {
	if err := m.checkStep(in); err != nil {
		return kernels.Tensor{}, err
	}
	shape := m.shapeOf(in)
	t := m.stageStep(in, shape)
	if shape.graph || in.Follow {
		m.followDrawn(in, &t)
	}
	if !shape.graph {
		m.issueStep(&t, in.K, in.V)
	} else if err := m.replay(&t, in.K, in.V); err != nil {
		return kernels.Tensor{}, err
	}
	if len(in.Draws) > 0 {
		m.fetch(shape.draws, in)
	}
	m.draws.followed = 0
	if decodes(in) {
		m.draws.followed = int64(len(in.Tokens))
	}
	if len(in.Rows) == 0 {
		return kernels.Tensor{}, nil
	}
	return m.final.logits.rows(int64(len(in.Rows))), nil
}

// followDrawn makes a step read its tokens where steps draw them, so that a graph reads what the one before it drew. Tokens that
// the host gives are brought there.
func (m *Model) followDrawn(in *StepInput, t *stepTensors) {
	tokens := m.drawSlots(t.n, 0).tokens
	if !in.Follow {
		m.b.Copy(kernels.CopyArgs{Dst: tokens, X: t.tokens})
	}
	t.tokens = tokens
}

// issueStep issues every operation of a step. What it reads besides t is in the same place at every step of the same shape.
func (m *Model) issueStep(t *stepTensors, k, v []kernels.Tensor) {
	a, delta := m.acts.rows(t.n), m.delta.rows(t.n)
	var residual kernels.Tensor
	for i := range m.specs {
		x := delta
		if i == 0 {
			x = a.s1
			m.embed(x, &t.rowInputs)
		}
		m.attentionIn(i, &a, x, residual, &t.rowInputs)
		m.pagedAttention(i, &a, t, k[i], v[i])
		m.attentionOut(i, &a, delta, &t.rowInputs)
		m.feedForwardIn(i, &a, delta)
		m.feedForwardOut(i, &a, delta, &t.rowInputs)
		residual = a.s1
	}
	if t.wanted.Len() > 0 {
		m.stepLogits(t, delta, residual)
	}
}

func (m *Model) stepLogits(t *stepTensors, delta, residual kernels.Tensor) {
	n := t.wanted.Len()
	h, hRows, logits := m.final.h.rows(t.n), m.final.hRows.rows(n), m.final.logits.rows(n)
	m.lastNorm(h, delta, residual)
	m.b.Embed(kernels.EmbedArgs{Out: hRows, Table: h, Tokens: t.wanted})
	m.b.Linear(kernels.LinearArgs{Y: logits, X: hRows, W: m.w.head})
	if !t.draw.seeds.IsZero() {
		m.sample(logits, &t.draw)
	}
}

func (m *Model) pagedAttention(i int, a *layerActs, t *stepTensors, k, v kernels.Tensor) {
	s := &m.specs[i]
	m.b.PagedWrite(kernels.PagedWriteArgs{KCache: k, VCache: v, QKV: a.qkv, Slots: t.slots, Heads: s.Heads, KVHeads: s.KVHeads})
	m.b.PagedAttention(kernels.PagedAttentionArgs{Out: a.attn, QKV: a.qkv, KCache: k, VCache: v, PageTable: t.table, CuLens: t.culens,
		Lens: t.lens, Heads: s.Heads, KVHeads: s.KVHeads, MaxLen: m.opt.MaxLen, Window: s.Window, Scale: s.AttentionScale(),
		Work: m.work.full()})
}
