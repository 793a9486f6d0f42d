package ref

import "math"

// FMA32 returns x·y + z rounded once to float32, z being the accumulator. The product of two float32 is exact in float64; the
// sum is rounded to odd there, after which rounding to float32 is right (Boldo and Melquiond 2008, "Emulation of FMA").
func FMA32(x, y, z float32) float32 { return float32(sumToOdd(float64(x)*float64(y), float64(z))) }

// FMA32FTZ is FMA32 with denormal inputs and results taken as zero, as the bf16 dot-product instructions compute.
func FMA32FTZ(x, y, z float32) float32 {
	s := sumToOdd(float64(flush(x))*float64(flush(y)), float64(flush(z)))
	// Tiny is decided after rounding with an unbounded exponent: scale the sum into the normal range and round there.
	if scaled := float32(s * (1 << 60)); math.Abs(float64(scaled)) < 0x1p-66 {
		return float32(math.Copysign(0, s))
	}
	return float32(s)
}

// sumToOdd returns a + b, rounded to odd when inexact: the neighbour whose last bit is 1.
func sumToOdd(a, b float64) float64 {
	s := a + b
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return s
	}
	t := s - a
	rest := (a - (s - t)) + (b - t) // what the rounding left out (Knuth's TwoSum), exact
	bits := math.Float64bits(s)
	if rest == 0 || bits&1 == 1 {
		return s
	}
	if (rest > 0) == (s > 0) {
		return math.Float64frombits(bits + 1)
	}
	return math.Float64frombits(bits - 1)
}

func flush(v float32) float32 {
	if math.Abs(float64(v)) < 0x1p-126 {
		return float32(math.Copysign(0, float64(v)))
	}
	return v
}
