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
)

// The kernels of the tensor cores at the sizes of models, which the suite's small shapes do not reach: every instance, groups
// below, at and above a tile's 16 rows, pages below and above a tile of keys.
type pagedModel struct {
	lens                 []int32
	h, k, d, page        int64
	window, split, shift int64 // shift: elements by which tensors miss their alignment
	bad                  int32 // a position whose value is not finite, in every sequence; −1: none
	value                float32
}

func pagedModels() []pagedModel {
	return []pagedModel{
		{lens: []int32{130, 5, 77}, h: 8, k: 2, d: 128, page: 16, split: 64, bad: -1},
		{lens: []int32{75, 18}, h: 20, k: 1, d: 64, page: 32, split: 100, bad: -1},
		{lens: []int32{90, 33}, h: 4, k: 4, d: 256, page: 64, split: 48, bad: -1},
		{lens: []int32{100}, h: 3, k: 1, d: 80, page: 7, window: 40, split: 50, bad: -1},
		{lens: []int32{140, 20}, h: 4, k: 2, d: 128, page: 16, window: 33, split: 32, bad: -1},
		{lens: []int32{60, 21}, h: 8, k: 2, d: 112, page: 16, split: 64, shift: 1, bad: -1},
		{lens: []int32{70, 40}, h: 8, k: 2, d: 64, page: 16, split: 32, bad: 20, value: float32(math.NaN())},
		{lens: []int32{70, 40}, h: 4, k: 4, d: 128, page: 16, window: 30, split: 64, bad: 20, value: float32(math.Inf(1))},
	}
}

func (m pagedModel) String() string {
	return fmt.Sprintf("lens=%v,h=%d,k=%d,d=%d,page=%d,window=%d,split=%d,shift=%d,bad=%d", m.lens, m.h, m.k, m.d, m.page, m.window, m.split, m.shift, m.bad)
}

// pagedData is a model's tensors on the host: bf16 queries of all positions, caches, and the pages of every sequence.
type pagedData struct {
	qkv, k, v []uint16
	table     [][]int32
	first     []int64 // row of qkv where a sequence begins
}

func pagedBF16(x float32) uint16 { return uint16(math.Float32bits(x) >> 16) }

// data fills the caches where sequences have keys; all else is NaN, as is every key and value head of qkv.
func (m pagedModel) data() (p pagedData) {
	rng := rand.New(rand.NewPCG(7, uint64(m.d)))
	normal := func() uint16 { return pagedBF16(float32(rng.NormFloat64())) }
	pages, rows := int64(1), int64(0)
	for _, n := range m.lens {
		p.first, rows = append(p.first, rows), rows+int64(n)
		pages += ceilDiv(int64(n), m.page)
	}
	order, width := rng.Perm(int(pages)), ceilDiv(int64(m.lens[0]), m.page)
	p.k, p.v = make([]uint16, pages*m.k*m.page*m.d), make([]uint16, pages*m.k*m.page*m.d)
	for i := range p.k {
		p.k[i], p.v[i] = 0x7fc0, 0x7fc0
	}
	for _, n := range m.lens {
		table := make([]int32, width)
		for i := range table {
			table[i] = -5
		}
		for t := range n {
			at := &table[int64(t)/m.page]
			if int64(t)%m.page == 0 {
				*at, order = int32(order[0]), order[1:]
			}
			for g := range m.k {
				from := ((int64(*at)*m.k+g)*m.page + int64(t)%m.page) * m.d
				for i := range m.d {
					p.k[from+i], p.v[from+i] = normal(), normal()
				}
				if t == m.bad {
					p.v[from+3] = pagedBF16(m.value)
				}
			}
		}
		p.table = append(p.table, table)
	}
	for i := range rows * (m.h + 2*m.k) * m.d {
		if i/m.d%(m.h+2*m.k) >= m.h {
			p.qkv = append(p.qkv, 0x7fc0)
			continue
		}
		p.qkv = append(p.qkv, normal())
	}
	return p
}

// pagedBackend is what these tests need of a backend.
type pagedBackend interface {
	kernels.PagedOps
	Alloc(kind kernels.MemoryKind, bytes int64) (*kernels.Memory, error)
	Write(dst kernels.Tensor, src []byte)
	Read(dst []byte, src kernels.Tensor) error
	Sync() error
	Close() error
}

// openPaged opens the device on the stand-in.
func openPaged(t *testing.T) pagedBackend {
	b, err := openBackend(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePaged(t, b) })
	return b
}

func closePaged(t *testing.T, b pagedBackend) {
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// pagedRun is a backend with a model's caches on it.
type pagedRun struct {
	t    *testing.T
	b    pagedBackend
	m    pagedModel
	data pagedData
	k, v kernels.Tensor
}

// put makes a tensor, `shift` elements off its alignment.
func (r *pagedRun) put(d kernels.DType, raw []byte, shift int64, dims ...int64) kernels.Tensor {
	mem, err := r.b.Alloc(kernels.MemInputs, int64(len(raw))+shift*d.Size()+1)
	if err != nil {
		r.t.Fatal(err)
	}
	x := kernels.NewTensor(mem, shift*d.Size(), d, dims...)
	r.b.Write(x, raw)
	return x
}

func pagedBytes(values any) []byte {
	raw, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		panic(err)
	}
	return raw
}

func (m pagedModel) run(t *testing.T, b pagedBackend) *pagedRun {
	r := &pagedRun{t: t, b: b, m: m, data: m.data()}
	pages := int64(len(r.data.k)) / (m.k * m.page * m.d)
	r.k = r.put(kernels.BF16, pagedBytes(r.data.k), m.shift, pages, m.k, m.page, m.d)
	r.v = r.put(kernels.BF16, pagedBytes(r.data.v), m.shift, pages, m.k, m.page, m.d)
	return r
}

// pagedChunk is the new rows [from, to) of a sequence, the last of which is its end.
type pagedChunk struct {
	seq      int
	from, to int32
}

// attend computes some parts in one call and returns each one's rows.
func (r *pagedRun) attend(parts ...pagedChunk) [][]uint16 {
	m, n, culens := r.m, int64(0), []int32{0}
	var lens, table []int32
	var qkv []uint16
	longest, row := int32(1), (m.h+2*m.k)*m.d
	for _, p := range parts {
		n += int64(p.to - p.from)
		at := r.data.first[p.seq]
		qkv = append(qkv, r.data.qkv[(at+int64(p.from))*row:(at+int64(p.to))*row]...)
		culens, lens, table, longest = append(culens, int32(n)), append(lens, p.to), append(table, r.data.table[p.seq]...), max(longest, p.to)
	}
	seqs := int64(len(parts))
	a := kernels.PagedAttentionArgs{
		Out: r.put(kernels.BF16, pagedBytes(make([]uint16, n*m.h*m.d)), m.shift, n, m.h, m.d), QKV: r.put(kernels.BF16, pagedBytes(qkv), m.shift, n, m.h+2*m.k, m.d),
		KCache: r.k, VCache: r.v, PageTable: r.put(kernels.I32, pagedBytes(table), 0, seqs, int64(len(table))/seqs),
		CuLens: r.put(kernels.I32, pagedBytes(culens), 0, seqs+1), Lens: r.put(kernels.I32, pagedBytes(lens), 0, seqs),
		Heads: m.h, KVHeads: m.k, MaxLen: int64(longest) + 77, Window: m.window, SplitKeys: m.split, Scale: 0.11,
	}
	if work := r.b.PagedAttentionPlan(a); work > 0 {
		a.Work = r.put(kernels.U8, []byte(strings.Repeat("\xff", int(work))), 0, work)
	}
	r.b.PagedAttention(a)
	raw := make([]byte, n*m.h*m.d*2)
	if err := r.b.Read(raw, a.Out); err != nil {
		r.t.Fatal(err)
	}
	var out [][]uint16
	for i := range parts {
		values := make([]uint16, int64(culens[i+1]-culens[i])*m.h*m.d)
		for at := range values {
			values[at] = binary.LittleEndian.Uint16(raw[(int64(culens[i])*m.h*m.d+int64(at))*2:])
		}
		out = append(out, values)
	}
	return out
}

func (r *pagedRun) whole() []pagedChunk {
	var all []pagedChunk
	for s, n := range r.m.lens {
		all = append(all, pagedChunk{s, 0, n})
	}
	return all
}

func pagedNaN(x uint16) bool { return x&0x7fff > 0x7f80 }

// same requires equal bits (any NaN is like another).
func (r *pagedRun) same(what string, got, want []uint16) {
	r.t.Helper()
	for i := range want {
		if got[i] != want[i] && !(pagedNaN(got[i]) && pagedNaN(want[i])) {
			r.t.Fatalf("%s: element %d is %#x, %#x in the whole", what, i, got[i], want[i])
		}
	}
}

// close holds results against the reference's: within 1/128 of the value and 1/256 of the largest.
func (r *pagedRun) close(got, want [][]uint16) {
	r.t.Helper()
	value := func(x uint16) float64 { return float64(math.Float32frombits(uint32(x) << 16)) }
	for s := range want {
		for i := range want[s] {
			g, w := value(got[s][i]), value(want[s][i])
			if math.IsNaN(w) && math.IsNaN(g) || math.IsInf(w, 0) && g == w {
				continue
			}
			if !(math.Abs(g-w) <= math.Abs(w)/128+1.0/256) {
				r.t.Fatalf("sequence %d, element %d (row %d): got %v, want %v", s, i, int64(i)/(r.m.h*r.m.d), g, w)
			}
		}
	}
}
