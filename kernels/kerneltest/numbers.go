package kerneltest

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// encode rounds values into the bytes of a dtype, little endian.
func encode(d kernels.DType, values []float64) []byte {
	out := make([]byte, 0, int64(len(values))*d.Size())
	for _, v := range values {
		switch d {
		case kernels.F64:
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		case kernels.F32:
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
		case kernels.BF16:
			out = binary.LittleEndian.AppendUint16(out, ref.Float64ToBF16(v))
		case kernels.F16:
			out = binary.LittleEndian.AppendUint16(out, ref.Float64ToF16(v))
		case kernels.I32:
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(v)))
		case kernels.I64:
			out = binary.LittleEndian.AppendUint64(out, uint64(int64(v)))
		case kernels.U8:
			out = append(out, uint8(v))
		}
	}
	return out
}

// decode is the inverse of encode.
func decode(d kernels.DType, data []byte) []float64 {
	size := int(d.Size())
	out := make([]float64, len(data)/size)
	for i := range out {
		p := data[i*size:]
		switch d {
		case kernels.F64:
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(p))
		case kernels.F32:
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(p)))
		case kernels.BF16:
			out[i] = float64(ref.BF16ToFloat32(binary.LittleEndian.Uint16(p)))
		case kernels.F16:
			out[i] = ref.F16ToFloat64(binary.LittleEndian.Uint16(p))
		case kernels.I32:
			out[i] = float64(int32(binary.LittleEndian.Uint32(p)))
		case kernels.I64:
			out[i] = float64(int64(binary.LittleEndian.Uint64(p)))
		case kernels.U8:
			out[i] = float64(p[0])
		}
	}
	return out
}

// Tolerance bounds the error of an output: |got − want| ≤ Rel·|want| + Norm·max|want| + Abs, the maximum over the tensor. The
// zero Tolerance wants equal bits. Where the reference has a NaN, the backend must have a NaN or an infinity, and with OrNaN it
// may have one anywhere. Equal, where given, is the share of elements that must have equal bits besides: what is drawn at
// random must be drawn alike.
type Tolerance struct {
	Rel, Norm, Abs, Equal float64
	OrNaN                 bool
}

var (
	exact    = Tolerance{}
	anything = Tolerance{Norm: math.Inf(1)} // nothing is promised
)

// within returns a tolerance for sums in float32 that are stored as d: two roundings to the same 8-bit significand may end one
// step apart, 2^-7 at most.
func within(d kernels.DType, norm float64) Tolerance {
	if d == kernels.BF16 {
		return Tolerance{Rel: 1.01 / 128, Norm: norm}
	}
	return Tolerance{Norm: norm}
}

// compare returns what is wrong with got, or "".
func compare(d kernels.DType, tol Tolerance, got, want []byte) string {
	g, w := decode(d, got), decode(d, want)
	if len(g) != len(w) {
		return fmt.Sprintf("%d elements, want %d", len(g), len(w))
	}
	largest := 0.0
	for _, v := range w {
		if a := math.Abs(v); !math.IsInf(a, 0) && a > largest {
			largest = a
		}
	}
	same := 0
	for i := range g {
		if g[i] == w[i] {
			same++
		}
		if problem := compareOne(tol, g[i], w[i], largest); problem != "" {
			return fmt.Sprintf("element %d of %d is %g, want %g: %s", i, len(g), g[i], w[i], problem)
		}
	}
	if float64(same) < tol.Equal*float64(len(g)) {
		return fmt.Sprintf("%d of %d elements are equal", same, len(g))
	}
	return ""
}

func compareOne(tol Tolerance, got, want, largest float64) string {
	switch {
	case tol == anything, tol.OrNaN && bad(got):
		return ""
	case math.IsNaN(want):
		if math.IsNaN(got) || (tol != exact && math.IsInf(got, 0)) {
			return ""
		}
		return "a NaN was lost"
	case tol == exact || math.IsInf(want, 0):
		if got == want && math.Signbit(got) == math.Signbit(want) {
			return ""
		}
		return "must be equal"
	}
	if err, bound := math.Abs(got-want), tol.Rel*math.Abs(want)+tol.Norm*largest+tol.Abs; !(err <= bound) {
		return fmt.Sprintf("error %.3g, allowed %.3g", err, bound)
	}
	return ""
}
