//go:build cuda

package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// attentionBatch is a packed batch whose documents span several tiles, which those of kerneltest hardly do.
type attentionBatch struct {
	docs    []int32
	h, k, d int64
	window  int64
	p       float32
	scale   float32
	nan     []int64 // rows of the batch whose q, k and v are NaN
	shift   int64   // elements by which everything is off a multiple of 16 bytes
}

var attentionBatches = []attentionBatch{
	{docs: []int32{300, 1, 130}, h: 2, k: 1, d: 64, scale: 0.125},
	{docs: []int32{257, 140}, h: 2, k: 2, d: 64, scale: -0.1, p: 0.2},
	{docs: []int32{310, 65}, h: 2, k: 1, d: 64, scale: 0.125, window: 100, nan: []int64{3, 140, 374}},
	{docs: []int32{150, 200}, h: 4, k: 2, d: 128, scale: 0.09, p: 0.1, window: 70},
	{docs: []int32{280}, h: 2, k: 1, d: 128, scale: 0.09, nan: []int64{200}},
	{docs: []int32{600, 70}, h: 2, k: 1, d: 64, scale: 0.125, window: 330},
	{docs: []int32{470}, h: 2, k: 1, d: 128, scale: 0.09, window: 400, p: 0.1},
	{docs: []int32{40, 170}, h: 2, k: 1, d: 256, scale: 0.06, p: 0.3},
	{docs: []int32{150, 33}, h: 1, k: 1, d: 208, scale: 0.07, window: 90, nan: []int64{20, 182}},
	{docs: []int32{140}, h: 2, k: 1, d: 80, scale: 0.1},
	{docs: []int32{70, 40}, h: 2, k: 1, d: 64, scale: 0.125, window: 50, shift: 3},
	{docs: []int32{35}, h: 2, k: 1, d: 272, scale: 0.06, p: 0.5},
}

func (s attentionBatch) String() string {
	return fmt.Sprintf("docs=%v,h=%d,k=%d,d=%d,window=%d,p=%g,nan=%v,shift=%d", s.docs, s.h, s.k, s.d, s.window, s.p, s.nan, s.shift)
}

// part is the batch of some of its documents only, whose first row was row `from`.
func (s attentionBatch) part(doc, count int) (part attentionBatch, from int64) {
	part = s
	part.docs, part.nan = s.docs[doc:doc+count], nil
	for _, n := range s.docs[:doc] {
		from += int64(n)
	}
	for _, r := range s.nan {
		if r >= from && r < from+part.rows() {
			part.nan = append(part.nan, r-from)
		}
	}
	return part, from
}

func (s attentionBatch) rows() (n int64) {
	for _, d := range s.docs {
		n += int64(d)
	}
	return n
}

// attentionRun is a batch on one backend.
type attentionRun struct {
	t *testing.T
	b kernels.Backend
	s attentionBatch
}

func (r attentionRun) tensor(d kernels.DType, data []byte, dims ...int64) kernels.Tensor {
	r.t.Helper()
	mem, err := r.b.Alloc(kernels.MemInputs, kernels.ShapeOf(d, dims...).Bytes()+64)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.b.Free(mem) })
	out := kernels.NewTensor(mem, r.s.shift*d.Size(), d, dims...)
	if data != nil {
		r.b.Write(out, data)
	}
	return out
}

// random holds normally distributed BF16 numbers: those of row i follow from seed, from + i, which is a row's place in the whole batch.
func (r attentionRun) random(seed uint64, from, n, heads int64, nan []int64) kernels.Tensor {
	data := make([]byte, 0, n*heads*r.s.d*2)
	for row := range n {
		rng, bad := rand.New(rand.NewPCG(seed, uint64(from+row))), false
		for _, at := range nan {
			bad = bad || at == row
		}
		for range heads * r.s.d {
			v := rng.NormFloat64()
			if bad {
				v = math.NaN()
			}
			data = binary.LittleEndian.AppendUint16(data, ref.Float64ToBF16(v))
		}
	}
	return r.tensor(kernels.BF16, data, n, heads, r.s.d)
}

func (r attentionRun) numbers(t kernels.Tensor) []float64 {
	r.t.Helper()
	raw := make([]byte, t.Bytes())
	if err := r.b.Read(raw, t); err != nil {
		r.t.Fatal(err)
	}
	out := make([]float64, t.Len())
	for i := range out {
		if t.Type == kernels.F32 {
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		} else {
			out[i] = float64(ref.BF16ToFloat32(binary.LittleEndian.Uint16(raw[2*i:])))
		}
	}
	return out
}

// run gives out, lse and dqkv; first is the number of the batch's first document and from that of its first row.
func (r attentionRun) run(first int, from int64) map[string][]float64 {
	s, n, heads := r.s, r.s.rows(), r.s.h+2*r.s.k
	ends, longest := make([]byte, 4, 4*len(s.docs)+4), int64(1)
	for end, i := int32(0), 0; i < len(s.docs); i++ {
		end, longest = end+s.docs[i], max(longest, int64(s.docs[i]))
		ends = binary.LittleEndian.AppendUint32(ends, uint32(end))
	}
	var step []byte
	for _, v := range []uint64{77, 5, uint64(first), 0} {
		step = binary.LittleEndian.AppendUint64(step, v)
	}
	a := kernels.AttentionArgs{
		Out: r.tensor(kernels.BF16, nil, n, s.h, s.d), LSE: r.tensor(kernels.F32, nil, s.h, n), QKV: r.random(1, from, n, heads, s.nan),
		CuLens: r.tensor(kernels.I32, ends, int64(len(s.docs))+1), Heads: s.h, KVHeads: s.k, MaxLen: longest, Window: s.window, Scale: s.scale,
		Dropout: kernels.Dropout{P: s.p, Purpose: kernels.PurposeDropoutAttn, Layer: 3},
	}
	if s.p > 0 {
		a.Dropout.Step = r.tensor(kernels.I64, step, kernels.StepLen)
	}
	r.b.Attention(a)
	g := kernels.AttentionBackwardArgs{
		DQKV: r.tensor(kernels.BF16, nil, n, heads, s.d), DOut: r.random(2, from, n, s.h, nil), Out: a.Out, LSE: a.LSE, QKV: a.QKV, CuLens: a.CuLens,
		Heads: s.h, KVHeads: s.k, MaxLen: longest, Window: s.window, Scale: s.scale, Dropout: a.Dropout,
	}
	if bytes := r.b.AttentionBackwardPlan(g); bytes > 0 {
		r.s.shift *= kernels.F32.Size() // of bytes: what is in it is f32
		g.Work = r.tensor(kernels.U8, nil, bytes)
	}
	r.b.AttentionBackward(g)
	return map[string][]float64{"out": r.numbers(a.Out), "lse": r.numbers(a.LSE), "dqkv": r.numbers(g.DQKV)}
}

// compareAttention wants NaN where the reference has one and nowhere else, and errors within rounding.
func compareAttention(t *testing.T, name string, got, want []float64, rel, norm float64) {
	t.Helper()
	largest := 0.0
	for _, v := range want {
		if !math.IsNaN(v) {
			largest = max(largest, math.Abs(v))
		}
	}
	for i, v := range want {
		if math.IsNaN(v) != math.IsNaN(got[i]) || math.Abs(got[i]-v) > rel*math.Abs(v)+norm*largest {
			t.Fatalf("%s: element %d of %d is %g, want %g", name, i, len(want), got[i], v)
		}
	}
}

// Batches of several tiles a document agree with the reference, and every document has the bits that it has alone.
func TestAttentionTiles(t *testing.T) {
	device := opened(t)
	reference := ref.Open(ref.Options{})
	for _, variant := range []string{"sm90", "sm80"} {
		if err := kernels.Force("*="+variant, device.Variants()); err != nil {
			continue // not one of this GPU's
		}
		for _, s := range attentionBatches {
			t.Run(variant+"/"+s.String(), func(t *testing.T) {
				force(t, device, "*="+variant)
				attentionAgrees(t, device, reference, s)
			})
		}
	}
}

func attentionAgrees(t *testing.T, device *Backend, reference kernels.Backend, s attentionBatch) {
	got, want := attentionRun{t, device, s}.run(0, 0), attentionRun{t, reference, s}.run(0, 0)
	compareAttention(t, "out", got["out"], want["out"], 1.01/128, 4e-3)
	compareAttention(t, "lse", got["lse"], want["lse"], 0, 5e-6)
	compareAttention(t, "dqkv", got["dqkv"], want["dqkv"], 1.01/128, 8e-3)
	for doc := range s.docs {
		part, from := s.part(doc, 1)
		alone := attentionRun{t, device, part}.run(doc, from)
		for name, width := range map[string]int64{"out": s.h * s.d, "dqkv": (s.h + 2*s.k) * s.d} {
			compareAttention(t, fmt.Sprintf("%s of document %d alone", name, doc), alone[name], got[name][from*width:(from+part.rows())*width], 0, 0)
		}
	}
}

// The backward with atomics agrees with the reference, also where the mask cuts through keys that are NaN. dk and dv are summed as in
// the deterministic one, to the bit where both are compiled alike.
func TestAttentionBackwardAtomic(t *testing.T) {
	device := opened(t)
	reference := ref.Open(ref.Options{})
	for _, s := range attentionBatches {
		t.Run(s.String(), func(t *testing.T) {
			force(t, device, "attention_backward=sm80")
			usual, want := attentionRun{t, device, s}.run(0, 0), attentionRun{t, reference, s}.run(0, 0)
			force(t, device, "attention_backward=atomic")
			got := attentionRun{t, device, s}.run(0, 0)
			compareAttention(t, "dqkv", got["dqkv"], want["dqkv"], 1.01/128, 8e-3)
			width := (s.h + 2*s.k) * s.d
			for row := range s.rows() {
				kv := row*width + s.h*s.d
				rel := 0.0
				if standIn == nil { // a GPU's compiler may contract sums otherwise in another kernel
					rel = 1.01 / 128
				}
				compareAttention(t, fmt.Sprintf("dk and dv of row %d", row), got["dqkv"][kv:(row+1)*width], usual["dqkv"][kv:(row+1)*width], rel, rel)
			}
		})
	}
}

// force puts a variant to use for the rest of the test.
func force(t *testing.T, b *Backend, spec string) {
	t.Helper()
	if err := kernels.Force(spec, b.Variants()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernels.Force("", nil) }) // forgetting cannot fail
}

// Cumulative lengths that do not fit the batch are a failure that names the document, for the kernels of tiles and the plain ones.
func TestAttentionRefusesDocuments(t *testing.T) {
	device := opened(t)
	for _, d := range []int64{64, 7} {
		r := attentionRun{t, device, attentionBatch{d: d}}
		ends := binary.LittleEndian.AppendUint32([]byte{0, 0, 0, 0, 5, 0, 0, 0}, 1<<20)
		device.Attention(kernels.AttentionArgs{
			Out: r.tensor(kernels.BF16, nil, 12, 1, d), LSE: r.tensor(kernels.F32, nil, 1, 12), QKV: r.random(1, 0, 12, 3, nil),
			CuLens: r.tensor(kernels.I32, ends, 3), Heads: 1, KVHeads: 1, MaxLen: 12, Scale: 1,
		})
		err := device.Sync()
		for _, part := range []string{"document 1:", "1048576"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("d %d: %v, want one with %q", d, err, part)
			}
		}
	}
}
