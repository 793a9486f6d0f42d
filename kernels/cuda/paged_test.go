//go:build cuda

package cuda

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// Whatever the chunks and the batch, a row has the bits that it has when everything is computed at once, and those are what the
// float64 reference says.
func TestPagedAttentionOfModels(t *testing.T) {
	for _, m := range pagedModels() {
		t.Run(m.String(), func(t *testing.T) {
			r := m.run(t, openPaged(t))
			whole, width := r.attend(r.whole()...), int(m.h*m.d)
			reference := ref.Open(ref.Options{})
			defer closePaged(t, reference)
			r.close(whole, m.run(t, reference).attend(r.whole()...))
			rows := func(p pagedChunk) []uint16 { return whole[p.seq][int(p.from)*width : int(p.to)*width] }
			for s, n := range m.lens {
				p := pagedChunk{s, n / 2, n}
				r.same("the second half alone", r.attend(p)[0], rows(p))
				p = pagedChunk{s, n - min(3, n), n}
				r.same("three rows alone", r.attend(p)[0], rows(p))
				for i := int32(0); i < n; i += 1 + n/20 {
					p = pagedChunk{s, i, i + 1}
					r.same(fmt.Sprintf("row %d alone", i), r.attend(p)[0], rows(p))
				}
			}
			var batch []pagedChunk
			for i := range int32(40) {
				s := int(i) % len(m.lens)
				from := i * 7 % m.lens[s]
				batch = append(batch, pagedChunk{s, from, min(from+i%3*i%7, m.lens[s])})
			}
			for i, got := range r.attend(batch...) {
				r.same(fmt.Sprintf("%+v in a batch", batch[i]), got, rows(batch[i]))
			}
		})
	}
}

// A length or a page that does not fit is a failure that names the sequence, and what comes after it waits for Sync.
func TestPagedAttentionFails(t *testing.T) {
	for _, c := range []struct {
		name    string
		spoil   func(lens, table []int32)
		numbers []string
	}{
		{"page", func(_, table []int32) { table[1] = 1 << 20 }, []string{"sequence 0", "1048576"}},
		{"length", func(lens, _ []int32) { lens[1] = 5000 }, []string{"sequence 1", "5000"}},
	} {
		for _, d := range []int64{64, 24} {
			m := pagedModel{lens: []int32{100, 100}, h: 2, k: 1, d: d, page: 16, bad: -1}
			r := m.run(t, openPaged(t))
			lens, table := []int32{100, 100}, append(append([]int32{}, r.data.table[0]...), r.data.table[1]...)
			c.spoil(lens, table)
			a := kernels.PagedAttentionArgs{
				Out: r.put(kernels.BF16, make([]byte, 2*2*d*2), 0, 2, 2, d), QKV: r.put(kernels.BF16, make([]byte, 2*4*d*2), 0, 2, 4, d),
				KCache: r.k, VCache: r.v, PageTable: r.put(kernels.I32, pagedBytes(table), 0, 2, int64(len(table)/2)),
				CuLens: r.put(kernels.I32, pagedBytes([]int32{0, 1, 2}), 0, 3), Lens: r.put(kernels.I32, pagedBytes(lens), 0, 2),
				Heads: 2, KVHeads: 1, MaxLen: 100, Scale: 1,
			}
			work := r.b.PagedAttentionPlan(a)
			a.Work = r.put(kernels.U8, make([]byte, work), 0, work)
			r.b.PagedAttention(a)
			r.b.PagedWrite(kernels.PagedWriteArgs{KCache: r.k, VCache: r.v, QKV: a.QKV, Slots: r.put(kernels.I64, make([]byte, 16), 0, 2), Heads: 2, KVHeads: 1})
			err := r.b.Sync()
			for _, want := range append(c.numbers, "paged_attention") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s, d=%d: %v, want %q named", c.name, d, err, want)
				}
			}
			raw := make([]byte, len(r.data.k)*2)
			if err := r.b.Read(raw, r.k); err != nil || string(raw) != string(pagedBytes(r.data.k)) {
				t.Errorf("%s, d=%d: the op after the failure ran (%v)", c.name, d, err)
			}
		}
	}
}

// Heads of whole vectors of 16 bytes, which the suite's addresses never are, and the same heads an element off.
func TestPagedWriteOfModels(t *testing.T) {
	const rows, h, k, d, pages, size = 5, 6, 3, 136, 3, 4
	rng := rand.New(rand.NewPCG(3, 4))
	random := func(n int) []byte {
		raw := make([]byte, n)
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		return raw
	}
	for _, of := range []kernels.DType{kernels.F32, kernels.BF16} {
		bytes := int(of.Size())
		qkv, old := random(rows*(h+2*k)*d*bytes), random(pages*k*size*d*bytes)
		slots := []int64{7, -1, 0, 11, 3}
		var want [2][]byte
		for i := range want {
			want[i] = append([]byte(nil), old...)
			for n, slot := range slots {
				for g := 0; slot >= 0 && g < k; g++ {
					to := ((int(slot)/size*k+g)*size + int(slot)%size) * d * bytes
					copy(want[i][to:to+d*bytes], qkv[(n*(h+2*k)+h+i*k+g)*d*bytes:])
				}
			}
		}
		for shift := range int64(2) {
			r := &pagedRun{t: t, b: openPaged(t)}
			caches := [2]kernels.Tensor{r.put(of, old, shift, pages, k, size, d), r.put(of, old, shift, pages, k, size, d)}
			r.b.PagedWrite(kernels.PagedWriteArgs{KCache: caches[0], VCache: caches[1], QKV: r.put(of, qkv, 0, rows, h+2*k, d),
				Slots: r.put(kernels.I64, pagedBytes(slots), 0, rows), Heads: h, KVHeads: k})
			for i, cache := range caches {
				got := make([]byte, len(old))
				if err := r.b.Read(got, cache); err != nil || string(got) != string(want[i]) {
					t.Errorf("%v, %d elements off, cache %d: other bytes than those written (%v)", of, shift, i, err)
				}
			}
		}
	}
}
