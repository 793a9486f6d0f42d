package load

import (
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// Mistral7B is the shape of Mistral-7B-v0.1, which the released synthesizer has: 7.24B parameters.
func Mistral7B() model.Config {
	return model.Config{ModelType: model.Mistral, VocabSize: 32000, HiddenSize: 4096, IntermediateSize: 14336, NumHiddenLayers: 32,
		NumHeads: 32, NumKeyValueHeads: 8, HeadDim: 128, MaxPositions: 32768, SlidingWindow: 4096, HiddenAct: "silu", RMSNormEps: 1e-5,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.02, BOS: []int32{1}, EOS: []int32{2}}
}

// WriteRandom writes a bf16 folder of random weights, in files of about 5 GB as published ones are, in memory that does not grow
// with the model: for models that nobody could initialise here by way of a trainer.
func WriteRandom(folder string, c *model.Config, tokenizer []byte) error {
	rng := rand.New(rand.NewPCG(1, 7))
	normal := make([]byte, 1<<20) // numbers to pick blocks of: a product cannot tell, and 7B normal deviates would take minutes
	for i := 0; i < len(normal); i += 2 {
		bits := math.Float32bits(float32(rng.NormFloat64() * c.InitializerRange))
		binary.LittleEndian.PutUint16(normal[i:], uint16((bits+0x8000)>>16))
	}
	ones := make([]byte, 0, 2*c.HiddenSize)
	for range c.HiddenSize {
		ones = binary.LittleEndian.AppendUint16(ones, 0x3f80)
	}
	return durable.CommitDir(durable.OS, folder, func(tmp *durable.Dir) error {
		return hf.WriteFolder(tmp, hf.Output{Config: c, DType: "BF16", MaxShard: 5e9, Tokenizer: tokenizer, Tensor: func(v model.View, w io.Writer) error {
			if len(v.Shape) == 1 {
				_, err := w.Write(ones)
				return err
			}
			const block = 1 << 14
			for left := 2 * v.Shape[0] * v.Shape[1]; left > 0; left -= block {
				at := 2 * rng.IntN((len(normal)-block)/2)
				if _, err := w.Write(normal[at:][:min(left, block)]); err != nil {
					return err
				}
			}
			return nil
		}})
	})
}
