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
	// K and V are the caches of each layer, [pages, K, PageSize, D] of CacheType.
	K, V []kernels.Tensor
}

// CacheType returns the dtype of the paged cache.
func (m *Model) CacheType() kernels.DType { return m.opt.Math }

// pages is the most pages of one sequence.
func (m *Model) pages() int64 {
	return (m.opt.MaxLen + m.opt.PageSize - 1) / max(m.opt.PageSize, 1)
}

func (m *Model) stepBytes() int64 {
	if m.opt.PageSize == 0 {
		return 0
	}
	n, s := m.opt.Tokens, m.opt.Docs
	return 3*align64(4*n) + align64(8*n) + 2*align64(4*(s+1)) + align64(4*s*m.pages())
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
	if err := checkRows(in.Tokens, in.CuLens, in.Positions, m.cfg.VocabSize, m.opt.Docs, m.opt.MaxLen); err != nil {
		return err
	}
	if columns := int64(len(in.PageTable)) / s; columns < 1 || columns > m.pages() || columns*s != int64(len(in.PageTable)) {
		return fmt.Errorf("%w: a page table of %d entries for %d sequences of at most %d pages", ErrBatch, len(in.PageTable), s, m.pages())
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

// Step issues the forward pass of a step and returns the logits [len(Rows), V] in F32, which stand until the next Step or
// Score. Nothing is computed when it returns; Sync waits. Every op but attention is the one of training.
func (m *Model) Step(in *StepInput) (kernels.Tensor, error) {
	if err := m.checkStep(in); err != nil {
		return kernels.Tensor{}, err
	}
	if err := m.stager.begin(); err != nil {
		return kernels.Tensor{}, err
	}
	s := m.stager
	n, seqs := int64(len(in.Tokens)), int64(len(in.Lens))
	rows := rowInputs{n: n, tokens: put(s, kernels.I32, in.Tokens), positions: put(s, kernels.I32, in.Positions), culens: put(s, kernels.I32, in.CuLens)}
	paged := pagedInputs{lens: put(s, kernels.I32, in.Lens), slots: put(s, kernels.I64, in.Slots),
		table: put(s, kernels.I32, in.PageTable).Reshape(seqs, int64(len(in.PageTable))/seqs)}
	wanted := put(s, kernels.I32, in.Rows)
	s.flush()

	a, delta := m.acts.rows(n), m.delta.rows(n)
	var residual kernels.Tensor
	for i := range m.specs {
		x := delta
		if i == 0 {
			x = a.s1
			m.embed(x, &rows)
		}
		m.attentionIn(i, &a, x, residual, &rows)
		m.pagedAttention(i, &a, &rows, &paged, in.K[i], in.V[i])
		m.attentionOut(i, &a, delta, &rows)
		m.feedForwardIn(i, &a, delta)
		m.feedForwardOut(i, &a, delta, &rows)
		residual = a.s1
	}
	return m.stepLogits(&rows, wanted, delta, residual), nil
}

func (m *Model) stepLogits(rows *rowInputs, wanted, delta, residual kernels.Tensor) kernels.Tensor {
	if wanted.Len() == 0 {
		return kernels.Tensor{}
	}
	h, hRows, logits := m.final.h.rows(rows.n), m.final.hRows.rows(wanted.Len()), m.final.logits.rows(wanted.Len())
	m.lastNorm(h, delta, residual)
	m.b.Embed(kernels.EmbedArgs{Out: hRows, Table: h, Tokens: wanted})
	m.b.Linear(kernels.LinearArgs{Y: logits, X: hRows, W: m.w.head})
	return logits
}

// pagedInputs are the device tensors of a step that only attention reads.
type pagedInputs struct{ lens, slots, table kernels.Tensor }

func (m *Model) pagedAttention(i int, a *layerActs, rows *rowInputs, p *pagedInputs, k, v kernels.Tensor) {
	s := &m.specs[i]
	m.b.PagedWrite(kernels.PagedWriteArgs{KCache: k, VCache: v, QKV: a.qkv, Slots: p.slots, Heads: s.Heads, KVHeads: s.KVHeads})
	m.b.PagedAttention(kernels.PagedAttentionArgs{Out: a.attn, QKV: a.qkv, KCache: k, VCache: v, PageTable: p.table, CuLens: rows.culens,
		Lens: p.lens, Heads: s.Heads, KVHeads: s.KVHeads, MaxLen: m.opt.MaxLen, Window: s.Window, Scale: s.AttentionScale(),
		Work: m.work.full()})
}
