package model

import "fmt"

// Split says along which axis a stored tensor is divided between tensor-parallel ranks.
type Split uint8

// SplitNone tensors are copied to every rank, SplitRows ones divided by output features (each view by itself), SplitColumns
// ones by input features.
const (
	SplitNone Split = iota
	SplitRows
	SplitColumns
)

// Role says what a stored tensor is in its layer.
type Role uint8

// The roles. Layer is -1 for those outside the layers.
const (
	RoleEmbed     Role = iota // [V,C]
	RoleInputNorm             // [C]
	RoleQKV                   // [(H+2K)·D, C]
	RoleOut                   // [C, H·D]
	RolePostNorm              // [C]
	RoleGateUp                // [2F, C]
	RoleDown                  // [C, F]
	RoleNorm                  // [C]
	RoleHead                  // [V,C], absent when tied
)

// View is a named range of rows of a stored tensor: what Hugging Face stores as a tensor of its own.
type View struct {
	Name       string  // Hugging Face's name
	Shape      []int64 // its shape there
	From, Rows int64   // rows of the stored tensor
	Alias      bool    // a second name for another view's numbers: written only where the format wants it
}

// Param is one stored tensor. The table of them is the only place that knows names and shapes.
type Param struct {
	Name  string // of the storage; equal to the view's where there is one view
	Role  Role
	Layer int // -1 outside the layers
	Shape []int64
	Decay bool // weight decay applies: matrices, not norms
	Split Split
	Views []View
}

// Len returns the number of elements.
func (p *Param) Len() int64 {
	n := int64(1)
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Params returns every stored tensor in forward order: embeddings, layers, last norm, output matrix. The embedding table
// decays like every other matrix (ours; the paper does not say).
func (c *Config) Params() []Param {
	embed := matrix("model.embed_tokens.weight", RoleEmbed, -1, SplitRows, c.VocabSize, c.HiddenSize)
	if c.TieWordEmbeddings {
		embed.Views = append(embed.Views, View{Name: "lm_head.weight", Shape: embed.Shape, Rows: c.VocabSize, Alias: true})
	}
	out := []Param{embed}
	for i, l := range c.Layers() {
		out = append(out, layerParams(i, l)...)
	}
	out = append(out, vector("model.norm.weight", RoleNorm, -1, c.HiddenSize))
	if !c.TieWordEmbeddings {
		out = append(out, matrix("lm_head.weight", RoleHead, -1, SplitRows, c.VocabSize, c.HiddenSize))
	}
	return out
}

// NumParams returns the number of parameters, tied ones counted once.
func (c *Config) NumParams() int64 {
	n := int64(0)
	for _, p := range c.Params() {
		n += p.Len()
	}
	return n
}

func layerParams(i int, l LayerSpec) []Param {
	at := fmt.Sprintf("model.layers.%d.", i)
	c, f, q, kv := l.Hidden, l.Intermediate, l.Heads*l.HeadDim, l.KVHeads*l.HeadDim
	qkv := stacked(at+"self_attn.qkv_proj.weight", RoleQKV, i, c,
		part{at + "self_attn.q_proj.weight", q}, part{at + "self_attn.k_proj.weight", kv}, part{at + "self_attn.v_proj.weight", kv})
	gateUp := stacked(at+"mlp.gate_up_proj.weight", RoleGateUp, i, c,
		part{at + "mlp.gate_proj.weight", f}, part{at + "mlp.up_proj.weight", f})
	return []Param{
		vector(at+"input_layernorm.weight", RoleInputNorm, i, c),
		qkv,
		matrix(at+"self_attn.o_proj.weight", RoleOut, i, SplitColumns, c, q),
		vector(at+"post_attention_layernorm.weight", RolePostNorm, i, c),
		gateUp,
		matrix(at+"mlp.down_proj.weight", RoleDown, i, SplitColumns, c, f),
	}
}

func vector(name string, role Role, layer int, n int64) Param {
	return Param{Name: name, Role: role, Layer: layer, Shape: []int64{n}, Views: []View{{Name: name, Shape: []int64{n}, Rows: n}}}
}

func matrix(name string, role Role, layer int, split Split, rows, cols int64) Param {
	shape := []int64{rows, cols}
	return Param{Name: name, Role: role, Layer: layer, Shape: shape, Decay: true, Split: split,
		Views: []View{{Name: name, Shape: shape, Rows: rows}}}
}

type part struct {
	name string
	rows int64
}

func stacked(name string, role Role, layer int, cols int64, parts ...part) Param {
	p := Param{Name: name, Role: role, Layer: layer, Decay: true, Split: SplitRows}
	rows := int64(0)
	for _, q := range parts {
		p.Views = append(p.Views, View{Name: q.name, Shape: []int64{q.rows, cols}, From: rows, Rows: q.rows})
		rows += q.rows
	}
	p.Shape = []int64{rows, cols}
	return p
}
