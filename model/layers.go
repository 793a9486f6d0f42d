package model

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// LayerSpec describes one decoder layer: pre-norm attention, then a pre-norm gated feed-forward part, each with a residual
// connection. The passes read nothing about a layer but this.
type LayerSpec struct {
	Heads, KVHeads, HeadDim int64
	Hidden, Intermediate    int64
	Window                  int64 // keys a query sees, itself included; 0: all
	Rope                    Rope
	Eps                     float32
	Act                     kernels.Activation
}

// Layers returns the spec of every layer.
func (c *Config) Layers() []LayerSpec {
	out := make([]LayerSpec, c.NumHiddenLayers)
	for i := range out {
		out[i] = LayerSpec{
			Heads: c.NumHeads, KVHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
			Hidden: c.HiddenSize, Intermediate: c.IntermediateSize,
			Window: c.SlidingWindow, Rope: c.Rope, Eps: float32(c.RMSNormEps), Act: kernels.SiLU,
		}
	}
	return out
}

// QKVHeads returns R = H + 2K, the heads of a packed q,k,v row.
func (s LayerSpec) QKVHeads() int64 { return s.Heads + 2*s.KVHeads }

// AttentionScale returns 1/sqrt(D).
func (s LayerSpec) AttentionScale() float32 { return float32(1 / math.Sqrt(float64(s.HeadDim))) }

// InverseFrequencies returns the D/2 angles per position of a rotary embedding, theta^(-2j/D), with Llama 3's stretch: a
// wavelength above OriginalMax/LowFreq is stretched by Factor, one below OriginalMax/HighFreq is kept, those between are
// blended linearly in OriginalMax/wavelength. In f32 steps where transformers has them, so that angles agree at far positions.
func (r Rope) InverseFrequencies(headDim int64) []float32 {
	out := make([]float32, headDim/2)
	for j := range out {
		exponent := float32(2*j) / float32(headDim)
		out[j] = 1 / float32(math.Pow(r.Theta, float64(exponent)))
		if r.Type == RopeLlama3 {
			out[j] = r.stretch(out[j])
		}
	}
	return out
}

func (r Rope) stretch(freq float32) float32 {
	wavelength := 2 * math.Pi / float64(freq)
	original := float64(r.OriginalMax)
	switch {
	case wavelength > original/r.LowFreq:
		return float32(float64(freq) / r.Factor)
	case wavelength < original/r.HighFreq:
		return freq
	}
	smooth := (original/wavelength - r.LowFreq) / (r.HighFreq - r.LowFreq)
	return float32((1-smooth)*float64(freq)/r.Factor + smooth*float64(freq))
}

// Table returns cos and sin, [positions, D/2], of position × inverse frequency.
func (r Rope) Table(positions, headDim int64) (cos, sin []float32) {
	freqs := r.InverseFrequencies(headDim)
	half := int64(len(freqs))
	cos, sin = make([]float32, positions*half), make([]float32, positions*half)
	for p := range positions {
		for j, f := range freqs {
			angle := float64(float32(p) * f) // the product is rounded to f32, as in transformers
			s, c := math.Sincos(angle)
			cos[p*half+int64(j)], sin[p*half+int64(j)] = float32(c), float32(s)
		}
	}
	return cos, sin
}
