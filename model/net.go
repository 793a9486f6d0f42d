package model

import (
	"github.com/primer-lm/primer/kernels"
)

// net is what training, scoring and generation share: the handles of the weights and every op of a forward pass but
// attention itself.
type net struct {
	b       kernels.Backend
	cfg     *Config
	specs   []LayerSpec
	w       weights
	rope    *ropeSlots
	dropout float32
}

// rowInputs are the device tensors of one batch that every layer reads.
type rowInputs struct {
	n         int64
	tokens    kernels.Tensor // [N]
	positions kernels.Tensor // [N]
	culens    kernels.Tensor // [S+1]
	step      kernels.Tensor // [StepLen], with dropout
}

func (m *net) drop(p kernels.Purpose, layer int, step kernels.Tensor) kernels.Dropout {
	if m.dropout == 0 {
		return kernels.Dropout{}
	}
	return kernels.Dropout{P: m.dropout, Purpose: p, Layer: uint32(layer), Step: step}
}

// dropRows applies dropout in place, where there is any.
func (m *net) dropRows(x kernels.Tensor, p kernels.Purpose, layer int, step kernels.Tensor) {
	if m.dropout != 0 {
		m.b.Dropout(kernels.DropoutArgs{Out: x, X: x, Dropout: m.drop(p, layer, step)})
	}
}

// flatRows views [N,heads,D] as [N,heads·D].
func flatRows(t kernels.Tensor) kernels.Tensor { return t.Reshape(t.Dim(0), t.Dim(1)*t.Dim(2)) }

// embed looks the tokens up into x [N,C].
func (m *net) embed(x kernels.Tensor, in *rowInputs) {
	m.b.Embed(kernels.EmbedArgs{Out: x, Table: m.w.embed, Tokens: in.tokens})
	m.dropRows(x, kernels.PurposeDropoutEmbed, 0, in.step)
}

// attentionIn adds x to the residual stream (or takes x as the stream), and computes rotated q,k,v from its norm.
func (m *net) attentionIn(i int, a *layerActs, x, residual kernels.Tensor, in *rowInputs) {
	s, w := &m.specs[i], &m.w.layers[i]
	args := kernels.RMSNormArgs{Out: a.h1, Rstd: a.rstd1, X: x, Residual: residual, W: w.inputNorm, Eps: s.Eps}
	if !residual.IsZero() {
		args.Sum = a.s1
	}
	m.b.RMSNorm(args)
	m.b.Linear(kernels.LinearArgs{Y: flatRows(a.qkv), X: a.h1, W: w.qkv})
	cos, sin := m.rope.tables(i)
	m.b.Rope(kernels.RopeArgs{QKV: a.qkv, Cos: cos, Sin: sin, Positions: in.positions, Heads: s.Heads + s.KVHeads})
}

// attentionOut projects the heads into delta [N,C], this branch's addition to the stream.
func (m *net) attentionOut(i int, a *layerActs, delta kernels.Tensor, in *rowInputs) {
	m.b.Linear(kernels.LinearArgs{Y: delta, X: flatRows(a.attn), W: m.w.layers[i].out})
	m.dropRows(delta, kernels.PurposeDropoutResidual, i, in.step)
}

// feedForwardIn adds delta to the stream and computes the gated product of its norm.
func (m *net) feedForwardIn(i int, a *layerActs, delta kernels.Tensor) {
	s, w := &m.specs[i], &m.w.layers[i]
	m.b.RMSNorm(kernels.RMSNormArgs{Out: a.h2, Sum: a.s2, Rstd: a.rstd2, X: delta, Residual: a.s1, W: w.postNorm, Eps: s.Eps})
	m.b.Linear(kernels.LinearArgs{Y: a.gu, X: a.h2, W: w.gateUp})
	m.b.GLU(kernels.GLUArgs{Out: a.g, GateUp: a.gu, Act: s.Act})
}

// feedForwardOut projects the product into delta [N,C].
func (m *net) feedForwardOut(i int, a *layerActs, delta kernels.Tensor, in *rowInputs) {
	m.b.Linear(kernels.LinearArgs{Y: delta, X: a.g, W: m.w.layers[i].down})
	m.dropRows(delta, kernels.PurposeDropoutMLP, i, in.step)
}

// attention is causal attention within the documents of a batch, as training and scoring use it.
func (m *net) attention(i int, a *layerActs, in *rowInputs, maxLen int64, work kernels.Tensor) {
	s := &m.specs[i]
	m.b.Attention(kernels.AttentionArgs{Out: a.attn, LSE: a.lse, QKV: a.qkv, CuLens: in.culens, Heads: s.Heads, KVHeads: s.KVHeads,
		MaxLen: maxLen, Window: s.Window, Scale: s.AttentionScale(),
		Dropout: m.drop(kernels.PurposeDropoutAttn, i, in.step), Work: work})
}
