// Not with tag cuda: see oracle_test.go.
//go:build !cuda

package kerneltest_test

import (
	"math"
	"math/rand/v2"
)

// The sizes of the Llama block that the oracle and the backends compute.
const (
	blockRows, blockDim, blockHeads, blockKV, blockHead, blockFF, blockVocab = 7, 16, 4, 2, 4, 24, 11
	blockEps                                                                 = 1.0 / (1 << 14) // exact in float32, like the scale
	blockScale                                                               = 0.5
	blockLoss                                                                = 0.25
)

var (
	blockDocs    = []int32{0, 3, 7}
	blockTargets = []int32{4, 0, 10, 3, 3, 9, 1}
	blockMask    = []uint8{1, 1, 0, 1, 1, 1, 1}
	blockAngles  = []int32{0, 1, 2, 0, 1, 2, 3} // positions
)

// blockNames are the parameters, in the order of blockSizes; x is the input, whose gradient is compared too.
var blockNames = []string{"x", "norm1", "qkv", "o", "norm2", "gateup", "down", "head"}

var blockSizes = map[string][]int64{
	"x": {blockRows, blockDim}, "norm1": {blockDim}, "qkv": {(blockHeads + 2*blockKV) * blockHead, blockDim},
	"o": {blockDim, blockHeads * blockHead}, "norm2": {blockDim}, "gateup": {2 * blockFF, blockDim}, "down": {blockDim, blockFF},
	"head": {blockVocab, blockDim},
}

// blockValues draws all parameters; float32 holds them exactly.
func blockValues() map[string][]float64 {
	rng, out := rand.New(rand.NewPCG(7, 8)), map[string][]float64{}
	for _, name := range blockNames {
		n := int64(1)
		for _, d := range blockSizes[name] {
			n *= d
		}
		for range n {
			out[name] = append(out[name], float64(float32(rng.NormFloat64()*0.5)))
		}
	}
	return out
}

func blockRotation() (cos, sin []float64) {
	for p := range 4 {
		for j := range blockHead / 2 {
			angle := float64(p) / math.Pow(100, 2*float64(j)/blockHead)
			cos, sin = append(cos, float64(float32(math.Cos(angle)))), append(sin, float64(float32(math.Sin(angle))))
		}
	}
	return cos, sin
}

// blockResult is the loss and the gradient of every parameter.
type blockResult struct {
	loss  float64
	grads map[string][]float64
}
