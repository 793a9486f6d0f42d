package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// pagedShape is a cache with the new rows of some sequences: lens are their lengths with the new rows.
type pagedShape struct {
	lens, rows    []int32
	h, k, d, size int64
	window, split int64
}

var pagedShapes = []pagedShape{
	{lens: []int32{1}, rows: []int32{1}, h: 1, k: 1, d: 2, size: 1},
	{lens: []int32{17, 3, 64}, rows: []int32{1, 1, 1}, h: 4, k: 2, d: 16, size: 16},
	{lens: []int32{33, 7, 130}, rows: []int32{5, 7, 1}, h: 6, k: 2, d: 48, size: 8},
	{lens: []int32{70, 41}, rows: []int32{33, 1}, h: 3, k: 1, d: 7, size: 16, window: 9},
	{lens: []int32{100, 1, 65}, rows: []int32{2, 1, 65}, h: 2, k: 2, d: 33, size: 32, split: 16},
	{lens: []int32{300}, rows: []int32{3}, h: 4, k: 1, d: 64, size: 16, split: 64, window: 100},
	// One and two rows of queries in all, which may have a way of their own: windows, several splits, other dimensions.
	{lens: []int32{130, 70}, rows: []int32{1, 2}, h: 2, k: 2, d: 32, size: 8, window: 9, split: 16},
	{lens: []int32{300}, rows: []int32{1}, h: 2, k: 1, d: 64, size: 16, window: 100, split: 64},
	{lens: []int32{77, 129}, rows: []int32{1, 1}, h: 2, k: 2, d: 128, size: 16},
	{lens: []int32{40}, rows: []int32{1}, h: 3, k: 3, d: 12, size: 4},
}

func (s pagedShape) String() string {
	return fmt.Sprintf("lens=%v,rows=%v,h=%d,k=%d,d=%d,page=%d,window=%d,split=%d", s.lens, s.rows, s.h, s.k, s.d, s.size, s.window, s.split)
}

func pagedCases() []Case {
	var out []Case
	for _, s := range pagedShapes {
		for _, d := range acts {
			for _, cache := range acts {
				name := fmt.Sprintf("%v,%v,cache=%v", s, d, cache)
				out = append(out, Case{Op: "PagedAttention", Name: name, Units: int64(len(s.lens)), Run: func(p *Probe) { s.attend(p, d, cache) }},
					Case{Op: "PagedWrite", Name: name, Run: func(p *Probe) { s.write(p, d, cache) }})
			}
			if s.d%2 == 0 || len(s.lens) > 1 {
				out = append(out, s.chunkCase(d))
			}
		}
	}
	return out
}

// pages gives every sequence its pages in a shuffled order, and returns the table [S,width] with garbage where a sequence has
// none. One page belongs to nobody.
func (s pagedShape) pages(p *Probe) (table [][]int32, total int64) {
	width := int64(0)
	for _, n := range s.lens {
		used := (int64(n) + s.size - 1) / s.size
		total, width = total+used, max(width, used)
	}
	total++
	order, next := p.random("pages").Perm(int(total)), 0
	for _, n := range s.lens {
		row := make([]int32, width+1)
		for i := range row {
			row[i] = -1 << 30
			if int64(i)*s.size < int64(n) {
				row[i] = int32(order[next])
				next++
			}
		}
		table = append(table, row)
	}
	return table, total
}

// slot is where position t of a sequence with these pages lies.
func (s pagedShape) slot(pages []int32, t int64) int64 {
	return int64(pages[t/s.size])*s.size + t%s.size
}

// cache is filled at the positions that the sequences have; everything else, as in a recycled page, is NaN.
func (s pagedShape) cache(p *Probe, name string, table [][]int32, total int64) []float64 {
	x, out := p.values(name, total*s.k*s.size*s.d), make([]float64, total*s.k*s.size*s.d)
	for i := range out {
		out[i] = nan
	}
	for seq, length := range s.lens {
		for t := range int64(length) {
			slot := s.slot(table[seq], t)
			for g := range s.k {
				at := ((slot/s.size*s.k+g)*s.size + slot%s.size) * s.d
				copy(out[at:at+s.d], x[at:at+s.d])
			}
		}
	}
	return out
}

// attend runs some sequences. The key and value heads of the new rows are NaN: they are read from the cache.
func (s pagedShape) attend(p *Probe, d, cache kernels.DType) {
	table, total := s.pages(p)
	seqs := p.Window()
	n, rows, culens, _ := attentionShape{docs: s.rows}.rows(seqs)
	width := int64(1) // of no sequences
	if len(table) > 0 {
		width = int64(len(table[0]))
	}
	var flat, lens []int32
	longest := int64(0)
	for i := seqs.From; i < seqs.From+seqs.Count; i++ {
		flat, lens, longest = append(flat, table[i]...), append(lens, s.lens[i]), max(longest, int64(s.lens[i]))
	}
	qkv := p.values("qkv", n*(s.h+2*s.k)*s.d)
	for r := range n {
		for head := s.h; head < s.h+2*s.k; head++ {
			fillRows(qkv, s.d, nan, r*(s.h+2*s.k)+head)
		}
	}
	a := kernels.PagedAttentionArgs{
		Out: p.RowsOut("out", rows, attentionTolerance(d), d, n, s.h, s.d), QKV: p.RowsPut("qkv", rows, d, qkv, n, s.h+2*s.k, s.d),
		KCache:    p.Put("kcache", cache, s.cache(p, "k", table, total), total, s.k, s.size, s.d),
		VCache:    p.Put("vcache", cache, s.cache(p, "v", table, total), total, s.k, s.size, s.d),
		PageTable: p.Put("table", kernels.I32, floats(flat), seqs.Count, width), CuLens: p.Ints("culens", culens...),
		Lens: p.Ints("lens", lens...), Heads: s.h, KVHeads: s.k, MaxLen: max(longest, 1), Window: s.window, SplitKeys: s.split, Scale: 0.31,
	}
	a.Work = p.Work(p.B.PagedAttentionPlan(a))
	p.B.PagedAttention(a)
}

// write stores new rows between old ones; one row is skipped.
func (s pagedShape) write(p *Probe, d, cache kernels.DType) {
	table, total := s.pages(p)
	var slots []int64
	for seq, rows := range s.rows {
		for r := range rows {
			slots = append(slots, s.slot(table[seq], int64(s.lens[seq]-rows+r)))
		}
	}
	if len(slots) > 1 {
		slots[len(slots)/2] = -1
	}
	size := total * s.k * s.size * s.d
	p.B.PagedWrite(kernels.PagedWriteArgs{
		KCache: p.InOut("kcache", exact, cache, p.values("k", size), total, s.k, s.size, s.d),
		VCache: p.InOut("vcache", exact, cache, p.values("v", size), total, s.k, s.size, s.d),
		QKV:    p.In("qkv", d, int64(len(slots)), s.h+2*s.k, s.d), Slots: p.Longs("slots", slots...), Heads: s.h, KVHeads: s.k,
	})
}

// chunkCase reads one sequence in every way that generation does: at once, row by row, and in uneven chunks. Bits must be equal,
// and close to what training computes.
func (s pagedShape) chunkCase(d kernels.DType) Case {
	n := int64(s.lens[len(s.lens)-1])
	one := s
	one.lens, one.rows = []int32{int32(n)}, []int32{int32(n)}
	pairs := []Pair{{"steps", "whole", exact}, {"chunks", "whole", exact}, {"whole", "trained", attentionTolerance(d)}}
	return Case{Op: "PagedAttention", Name: fmt.Sprintf("chunks of %v,%v", one, d), Pairs: pairs, Run: func(p *Probe) {
		table, total := one.pages(p)
		values, slots := make([]float64, total*s.k*s.size*s.d), make([]int64, n)
		fillRows(values, int64(len(values)), nan, 0)
		for t := range n {
			slots[t] = s.slot(table[0], t)
		}
		qkv := p.In("qkv", d, n, s.h+2*s.k, s.d)
		k := p.InOut("k", exact, d, values, total, s.k, s.size, s.d)
		v := p.InOut("v", exact, d, values, total, s.k, s.size, s.d)
		p.B.PagedWrite(kernels.PagedWriteArgs{KCache: k, VCache: v, QKV: qkv, Slots: p.Longs("slots", slots...), Heads: s.h, KVHeads: s.k})
		tables := p.Put("table", kernels.I32, floats(table[0]), 1, int64(len(table[0])))
		for _, way := range []struct {
			name  string
			chunk func(t int64) int64
		}{
			{"whole", func(int64) int64 { return n }}, {"steps", func(int64) int64 { return 1 }}, {"chunks", func(t int64) int64 { return 1 + t%7*5 }},
		} {
			out := p.Out(way.name, attentionTolerance(d), d, n, s.h, s.d)
			for t := int64(0); t < n; {
				rows := min(way.chunk(t), n-t)
				a := kernels.PagedAttentionArgs{
					Out: out.Rows(t, rows), QKV: qkv.Rows(t, rows), KCache: k, VCache: v, PageTable: tables,
					CuLens: p.Ints("culens", 0, int32(rows)), Lens: p.Ints("lens", int32(t+rows)), Heads: s.h, KVHeads: s.k,
					MaxLen: t + rows, Window: s.window, SplitKeys: s.split, Scale: 0.31,
				}
				a.Work = p.Work(p.B.PagedAttentionPlan(a))
				p.B.PagedAttention(a)
				t += rows
			}
		}
		a := kernels.AttentionArgs{
			Out: p.Out("trained", attentionTolerance(d), d, n, s.h, s.d), LSE: p.Out("lse", Tolerance{Norm: 5e-6}, kernels.F32, s.h, n), QKV: qkv,
			CuLens: p.Ints("culens", 0, int32(n)), Heads: s.h, KVHeads: s.k, MaxLen: n, Window: s.window, Scale: 0.31,
		}
		a.Work = p.Work(p.B.AttentionPlan(a))
		p.B.Attention(a)
	}}
}

func pagedFailures() []Failure {
	return []Failure{{Op: "PagedWrite", Name: "slot past the cache", Want: []string{"paged_write", "12"}, Run: func(p *Probe) {
		p.B.PagedWrite(kernels.PagedWriteArgs{
			KCache: p.InOut("k", exact, kernels.F32, p.values("k", 48), 3, 1, 4, 4), VCache: p.InOut("v", exact, kernels.F32, p.values("v", 48), 3, 1, 4, 4),
			QKV: p.In("qkv", kernels.F32, 2, 3, 4), Slots: p.Longs("slots", 3, 12), Heads: 1, KVHeads: 1,
		})
	}}}
}
