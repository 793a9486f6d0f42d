package kernels

// Randomness is Philox4x32-10 (Salmon et al., SC 2011, "Parallel Random Numbers: As Easy as 1, 2, 3"), a pure function of a
// key and a counter: nothing to save, nothing that depends on the order of work.
//
// Every stream has a subkey derived from what it is for:
//
//	subkey(seed, purpose, step, layer) = words 0,1 of Philox(key = (seed lo, seed hi), counter = (step lo, step hi, layer, purpose))
//
// and is then indexed by a 128-bit counter; the four words of a block serve four neighbouring indices:
//
//	element i of a tensor:               Philox(subkey, (i>>2 lo, i>>2 hi, 0, 0)) word i&3
//	attention (sample, head, q, k):      Philox(subkey, (k>>2, q, head, sample)) word k&3
//	sampling (request seed, position):   Philox(subkey(seed, PurposeSample, position, 0), (0, 0, 0, 0)) word 0
//
// Element indices are global over micro-batches and ranks. A uniform number in [0,1) is (word >> 8) × 2^-24. An element is
// dropped when word < DropThreshold(p), and what is kept is scaled by 1/(1-p).

// Purpose separates the streams of one seed.
type Purpose uint32

// The purposes; the numbers are part of the format of a run and never change.
const (
	PurposeInit            Purpose = 1 // weight initialisation; layer = index of the parameter
	PurposeDropoutEmbed    Purpose = 2
	PurposeDropoutAttn     Purpose = 3 // attention probabilities
	PurposeDropoutResidual Purpose = 4 // output of attention, before the residual add
	PurposeDropoutMLP      Purpose = 5 // output of the feed-forward part, before the residual add
	PurposeStochasticRound Purpose = 6
	PurposeSample          Purpose = 7
	PurposeShuffle         Purpose = 8
)

// Key is a Philox key.
type Key [2]uint32

// Philox returns the four words of one block.
func Philox(key Key, c [4]uint32) [4]uint32 {
	const m0, m1, w0, w1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
	k0, k1 := key[0], key[1]
	for range 10 {
		p0, p1 := uint64(m0)*uint64(c[0]), uint64(m1)*uint64(c[2])
		c = [4]uint32{uint32(p1>>32) ^ c[1] ^ k0, uint32(p1), uint32(p0>>32) ^ c[3] ^ k1, uint32(p0)}
		k0, k1 = k0+w0, k1+w1
	}
	return c
}

// Subkey derives the key of one stream.
func Subkey(seed uint64, purpose Purpose, step uint64, layer uint32) Key {
	out := Philox(Key{uint32(seed), uint32(seed >> 32)}, [4]uint32{uint32(step), uint32(step >> 32), layer, uint32(purpose)})
	return Key{out[0], out[1]}
}

// Element returns the random word of element i of a stream.
func Element(key Key, i uint64) uint32 {
	return Philox(key, [4]uint32{uint32(i >> 2), uint32(i >> 34), 0, 0})[i&3]
}

// AttentionElement returns the random word of one attention probability.
func AttentionElement(key Key, sample, head, q, k uint32) uint32 {
	return Philox(key, [4]uint32{k >> 2, q, head, sample})[k&3]
}

// Uniform maps a word to [0, 1) with 24 bits.
func Uniform(word uint32) float32 { return float32(word>>8) * (1.0 / (1 << 24)) }

// DropThreshold returns the bound below which a word drops its element: round(p × 2^32), 0 for p = 0.
func DropThreshold(p float32) uint32 {
	v := float64(p)*4294967296.0 + 0.5
	if v >= 4294967295 {
		return 4294967295
	}
	return uint32(v)
}
