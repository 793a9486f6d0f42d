package ref

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// load reads a whole float tensor as float64; an absent tensor is nil. Ops load everything before they store anything, which
// makes every aliasing that the contract allows safe.
func load(t kernels.Tensor) []float64 {
	if t.IsZero() {
		return nil
	}
	out := make([]float64, t.Len())
	switch t.Type {
	case kernels.F64:
		copy(out, t.HostF64())
	case kernels.F32:
		for i, v := range t.HostF32() {
			out[i] = float64(v)
		}
	case kernels.BF16:
		for i, v := range t.HostU16() {
			out[i] = float64(BF16ToFloat32(v))
		}
	case kernels.F16:
		for i, v := range t.HostU16() {
			out[i] = F16ToFloat64(v)
		}
	default:
		panic(&kernels.ShapeError{Op: "load", Code: "not a float tensor", Detail: t.String()})
	}
	return out
}

// store rounds values into a tensor, once, to nearest even.
func store(t kernels.Tensor, values []float64) {
	for i, v := range values {
		put(t, int64(i), v)
	}
}

// put rounds one value into element i.
func put(t kernels.Tensor, i int64, v float64) {
	switch t.Type {
	case kernels.F64:
		t.HostF64()[i] = v
	case kernels.F32:
		t.HostF32()[i] = float32(v)
	case kernels.BF16:
		t.HostU16()[i] = Float64ToBF16(v)
	case kernels.F16:
		t.HostU16()[i] = Float64ToF16(v)
	default:
		panic(&kernels.ShapeError{Op: "store", Code: "not a float tensor", Detail: t.String()})
	}
}

// BF16ToFloat32 widens bfloat16 bits: the upper half of a float32.
func BF16ToFloat32(bits uint16) float32 { return math.Float32frombits(uint32(bits) << 16) }

// Float64ToBF16 rounds to bfloat16 bits, to nearest even, once: 8 bits of significand, smallest step 2^-133.
func Float64ToBF16(v float64) uint16 { return narrow(v, 7, -126, 127) }

// Float64ToF16 rounds to IEEE half precision bits, to nearest even, once: 11 bits of significand, smallest step 2^-24.
func Float64ToF16(v float64) uint16 { return narrow(v, 10, -14, 15) }

// F16ToFloat64 widens IEEE half precision bits.
func F16ToFloat64(bits uint16) float64 {
	sign, exponent, fraction := 1.0, int(bits>>10&31), float64(bits&1023)
	if bits>>15 != 0 {
		sign = -1
	}
	switch {
	case exponent == 0:
		return sign * math.Ldexp(fraction, -24)
	case exponent < 31:
		return sign * math.Ldexp(1024+fraction, exponent-25)
	case fraction == 0:
		return math.Inf(int(sign))
	default:
		return math.NaN()
	}
}

// narrow rounds v to a 16-bit format with the given fraction bits and range of exponents of normal numbers:
//
//	step = 2^(max(exponent of v, smallest) − fraction bits);  n = round to even(v / step);  encode n·step
//
// A carry out of the fraction runs into the exponent, and out of that into infinity, as the encodings are consecutive.
func narrow(v float64, fraction, smallest, largest int) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign = 1 << 15
	}
	infinity := uint16(largest-smallest+2) << fraction
	a := math.Abs(v)
	switch {
	case a != a:
		return sign | infinity | 1<<(fraction-1)
	case a >= math.Ldexp(1, largest+1):
		return sign | infinity
	case a == 0:
		return sign
	}
	exponent := max(math.Ilogb(a), smallest)
	n := uint16(math.RoundToEven(math.Ldexp(a, fraction-exponent))) // ≤ 2^(fraction+1)
	if n>>fraction == 0 {
		return sign | n // subnormal: the exponent field is 0
	}
	return sign | (uint16(exponent-smallest)<<fraction + n)
}

// roundBF16 rounds every value to BF16, as a product of type BF16 does with its factors.
func roundBF16(values []float64) []float64 {
	for i, v := range values {
		values[i] = float64(BF16ToFloat32(Float64ToBF16(v)))
	}
	return values
}
