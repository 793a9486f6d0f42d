package model

import (
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/primer-lm/primer/kernels"
)

// Load fills the weights from a source, converting to F32 on the way: the one copy that training makes.
func (t *Trainer) Load(src Source) error {
	return t.LoadInto(t.layout.master.full(), src)
}

// LoadInto fills a whole flat buffer (weights or a moment) by name and shape, and refreshes the BF16 copy of the weights.
// A NaN or an infinity is an error (ErrNonFinite), and so is a file that changed meanwhile.
func (t *Trainer) LoadInto(flat kernels.Tensor, src Source) error {
	if err := unchanged(src); err != nil {
		return err
	}
	for i := range t.flat.Params {
		for _, v := range t.flat.Params[i].Views {
			if v.Alias {
				continue
			}
			if err := loadView(t.b, t.flat.View(flat, i, v), v.Name, v.Shape, src, true); err != nil {
				return err
			}
		}
	}
	if err := unchanged(src); err != nil {
		return err
	}
	return t.refresh()
}

// refresh makes the BF16 copy of the weights after the host wrote them; AdamW keeps it up afterwards.
func (t *Trainer) refresh() error {
	if t.layout.shadow != nil {
		t.b.Copy(kernels.CopyArgs{Dst: t.layout.shadow.full(), X: t.layout.master.full()})
	}
	return t.b.Sync()
}

// WriteView writes one named tensor of a flat buffer (weights, gradients or a moment) as a file holds it.
func (t *Trainer) WriteView(w io.Writer, flat kernels.Tensor, name string, dtype kernels.DType) error {
	i, v, ok := t.flat.Find(name)
	if !ok {
		return fmt.Errorf("model: no parameter is called %q", name)
	}
	return writeTensor(t.b, w, t.flat.View(flat, i, v), dtype)
}

// InitRule says in words how Initialize draws weights, for a run's record.
func (c *Config) InitRule() string {
	return fmt.Sprintf("normal(0, %g), residual projections (o_proj, down_proj) normal(0, %g) = %g/sqrt(2·%d layers), norms 1, Philox",
		c.InitializerRange, c.residualStd(), c.InitializerRange, c.NumHiddenLayers)
}

func (c *Config) residualStd() float64 {
	return c.InitializerRange / math.Sqrt(2*float64(c.NumHiddenLayers))
}

// Initialize draws fresh weights as InitRule says (the scaling of residual projections is GPT-2's; the paper does not say).
// They depend on the seed, the parameter's place in the table and the element alone.
func (t *Trainer) Initialize(seed uint64) error {
	for i := range t.flat.Params {
		if err := t.cfg.drawParam(t.b, t.flat.Tensor(t.layout.master.full(), i), &t.flat.Params[i], i, seed); err != nil {
			return err
		}
	}
	return t.refresh()
}

// drawParam fills dst with fresh weights of parameter i, in pieces that are small beside a tensor.
func (c *Config) drawParam(b kernels.Backend, dst kernels.Tensor, p *Param, i int, seed uint64) error {
	std := c.InitializerRange
	if p.Role == RoleOut || p.Role == RoleDown {
		std = c.residualStd()
	}
	dst = dst.Reshape(dst.Len())
	key := kernels.Subkey(seed, kernels.PurposeInit, 0, uint32(i))
	for at := int64(0); at < dst.Len(); at += convertChunk {
		values := make([]float32, min(convertChunk, dst.Len()-at))
		if len(p.Shape) == 1 {
			fill(values, 1)
		} else {
			fillNormals(values, key, at, std)
		}
		writeFloats(b, dst.Rows(at, int64(len(values))), values)
		if err := b.Sync(); err != nil {
			return err
		}
	}
	return nil
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

// fillNormals is fillNormal over the cores.
func fillNormals(dst []float32, key kernels.Key, first int64, std float64) {
	const piece = 1 << 16 // a multiple of 4
	var all sync.WaitGroup
	for at := 0; at < len(dst); at += piece {
		part := dst[at:min(at+piece, len(dst))]
		all.Go(func() { fillNormal(part, key, first+int64(at), std) })
	}
	all.Wait()
}

// fillNormal draws elements first, first+1, … of a stream: a block of four words makes four normal numbers (Box and Muller
// 1958), so element e depends on words of block e/4 alone. first is a multiple of 4.
func fillNormal(dst []float32, key kernels.Key, first int64, std float64) {
	for at := 0; at < len(dst); at += 4 {
		block := uint64(first+int64(at)) / 4
		words := kernels.Philox(key, [4]uint32{uint32(block), uint32(block >> 32), 0, 0})
		var z [4]float64
		for pair := range 2 {
			radius := math.Sqrt(-2 * math.Log(1-float64(kernels.Uniform(words[2*pair]))))
			sin, cos := math.Sincos(2 * math.Pi * float64(kernels.Uniform(words[2*pair+1])))
			z[2*pair], z[2*pair+1] = radius*cos, radius*sin
		}
		for j := at; j < min(at+4, len(dst)); j++ {
			dst[j] = float32(std * z[j-at])
		}
	}
}
