package model

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// Flat is where each stored tensor lies in the flat buffers of training: one after another in forward order, each padded
// to kernels.Block elements, so that one launch updates all and a block belongs to one tensor.
type Flat struct {
	Params []Param
	From   []int64 // first element of each
	Len    int64   // elements in all, padding included
}

// NewFlat lays out a configuration's parameters.
func NewFlat(c *Config) *Flat {
	f := &Flat{Params: c.Params()}
	for i := range f.Params {
		f.From = append(f.From, f.Len)
		f.Len += (f.Params[i].Len() + kernels.Block - 1) / kernels.Block * kernels.Block
	}
	return f
}

// Tensor returns stored tensor i of a flat buffer (weights, gradients or moments).
func (f *Flat) Tensor(flat kernels.Tensor, i int) kernels.Tensor {
	p := &f.Params[i]
	return flat.Rows(f.From[i], p.Len()).Reshape(p.Shape...)
}

// View returns one named view of a flat buffer.
func (f *Flat) View(flat kernels.Tensor, i int, v View) kernels.Tensor {
	return f.Tensor(flat, i).Rows(v.From, v.Rows)
}

// Find returns the stored tensor and the view that carry a Hugging Face name.
func (f *Flat) Find(name string) (param int, view View, ok bool) {
	for i := range f.Params {
		for _, v := range f.Params[i].Views {
			if v.Name == name {
				return i, v, true
			}
		}
	}
	return 0, View{}, false
}

// Bucket is a range of the flat buffers whose gradients are finished together. ZeRO-1 shards are slices of every bucket.
type Bucket struct {
	Name      string
	From, Len int64 // elements of the flat buffers
}

// Buckets returns them in the order backward finishes them: what follows the layers, the layers from the last to the
// first, the embedding table (with tied embeddings its gradient has two sources, and this is when the second is in).
func (f *Flat) Buckets() []Bucket {
	var out []Bucket
	end := f.Len
	for i := len(f.Params) - 1; i >= 0; i-- {
		if i > 0 && (f.Params[i-1].Layer == f.Params[i].Layer) && f.Params[i-1].Role != RoleEmbed {
			continue
		}
		name := fmt.Sprintf("layer %d", f.Params[i].Layer)
		switch {
		case f.Params[i].Role == RoleEmbed:
			name = "embed"
		case f.Params[i].Layer < 0:
			name = "head"
		}
		out = append(out, Bucket{Name: name, From: f.From[i], Len: end - f.From[i]})
		end = f.From[i]
	}
	return out
}

// decayTable returns one byte a block: 1 where weight decay applies.
func (f *Flat) decayTable() []byte {
	out := make([]byte, f.Len/kernels.Block)
	for i := range f.Params {
		if !f.Params[i].Decay {
			continue
		}
		end := f.Len
		if i+1 < len(f.From) {
			end = f.From[i+1]
		}
		for b := f.From[i] / kernels.Block; b < end/kernels.Block; b++ {
			out[b] = 1
		}
	}
	return out
}

// layerWeights are the handles of one layer, whatever memory they lie in.
type layerWeights struct {
	inputNorm, postNorm    kernels.Tensor // [C]
	qkv, out, gateUp, down kernels.Weight
}

// weights are the handles of a model.
type weights struct {
	embed  kernels.Tensor // [V,C]
	layers []layerWeights
	norm   kernels.Tensor // [C]
	head   kernels.Weight // [V,C]; of the embedding table when tied
}

// place puts a stored tensor where the passes look for it. Matrices are prepared for use, norms kept as they are.
func (w *weights) place(b kernels.Backend, p *Param, t kernels.Tensor, use kernels.WeightUse, tied bool) (err error) {
	var layer *layerWeights
	if p.Layer >= 0 {
		layer = &w.layers[p.Layer]
	}
	var handle *kernels.Weight
	switch p.Role {
	case RoleEmbed:
		w.embed = t
		if tied {
			handle = &w.head
		}
	case RoleInputNorm:
		layer.inputNorm = t
	case RolePostNorm:
		layer.postNorm = t
	case RoleNorm:
		w.norm = t
	case RoleQKV:
		handle = &layer.qkv
	case RoleOut:
		handle = &layer.out
	case RoleGateUp:
		handle = &layer.gateUp
	case RoleDown:
		handle = &layer.down
	case RoleHead:
		handle = &w.head
	}
	if handle == nil {
		return nil
	}
	if *handle, err = b.Prepare(t, use); err != nil {
		return fmt.Errorf("model: %s: %w", p.Name, err)
	}
	return nil
}

// release gives back what Prepare allocated.
func (w *weights) release(b kernels.Backend) {
	for i := range w.layers {
		l := &w.layers[i]
		for _, h := range []kernels.Weight{l.qkv, l.out, l.gateUp, l.down} {
			if h.O > 0 {
				b.Release(h)
			}
		}
	}
	if w.head.O > 0 {
		b.Release(w.head)
	}
}
