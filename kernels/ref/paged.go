package ref

import "github.com/primer-lm/primer/kernels"

// PagedWrite stores the key and value heads of new rows in the cache:
//
//	for n with slot[n] ≥ 0, g: cache[slot / PageSize, g, slot mod PageSize, :] = qkv[n, H+g, :] and [n, H+K+g, :]
func (b *Backend) PagedWrite(a kernels.PagedWriteArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		size, slots := a.KCache.Dim(2), a.Slots.HostI64()
		for n, slot := range slots {
			if limit := a.KCache.Dim(0) * size; slot >= limit {
				return deviceError("paged_write", "row %d has slot %d of a cache of %d", n, slot, limit)
			}
		}
		p := newPacked(a.QKV, a.Heads, a.KVHeads)
		for n, slot := range slots {
			if slot < 0 {
				continue
			}
			for g := range p.k {
				at := ((slot/size)*a.KVHeads+int64(g))*size + slot%size
				for c := range p.d {
					put(a.KCache, at*int64(p.d)+int64(c), p.head(n, p.h+g)[c])
					put(a.VCache, at*int64(p.d)+int64(c), p.head(n, p.h+p.k+g)[c])
				}
			}
		}
		return nil
	})
}

// PagedAttention is Attention of new rows against the cache. For sequence s of length lens[s], its last new row being position
// lens[s]−1:
//
//	for every new row at position i, h: p[j] = softmax_j(Scale·q·K[page(j), g, j mod PageSize]) over first(i) ≤ j ≤ i
//	                                    out = Σ_j p[j]·V[page(j), g, j mod PageSize]
func (b *Backend) PagedAttention(a kernels.PagedAttentionArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		docs, err := documents("paged_attention", a.CuLens, a.QKV.Dim(0), a.QKV.Dim(0))
		if err != nil {
			return err
		}
		p, lens := newPacked(a.QKV, a.Heads, a.KVHeads), a.Lens.HostI32()
		k, v := newPages(a.KCache, a.PageTable), newPages(a.VCache, a.PageTable)
		for s, doc := range docs {
			if err := k.check(s, int(lens[s]), doc.rows); err != nil {
				return err
			}
			for r := range doc.rows {
				for h := range p.h {
					i, n, g := int(lens[s])-doc.rows+r, doc.from+r, h/(p.h/p.k)
					first := firstKey(i, a.Window)
					scores := make([]float64, 0, i-first+1)
					for j := first; j <= i; j++ {
						scores = append(scores, float64(a.Scale)*dot(p.query(n, h), k.at(s, g, j)))
					}
					softmax(scores)
					out := make([]float64, p.d)
					for j := first; j <= i; j++ {
						axpy(out, scores[j-first], v.at(s, g, j))
					}
					store(a.Out.Rows(int64(n), 1).Reshape(int64(p.h), int64(p.d)).Rows(int64(h), 1), out)
				}
			}
		}
		return nil
	})
}

// PagedAttentionPlan returns 0: the reference needs no workspace.
func (b *Backend) PagedAttentionPlan(kernels.PagedAttentionArgs) int64 { return 0 }

// pages reads one cache [pages,K,PageSize,D] through a page table [S,max pages].
type pages struct {
	cache, table kernels.Tensor
}

func newPages(cache, table kernels.Tensor) pages { return pages{cache, table} }

// at returns what the cache holds for position j of sequence s and key head g.
func (p pages) at(s, g, j int) []float64 {
	heads, size, dim := p.cache.Dim(1), p.cache.Dim(2), p.cache.Dim(3)
	page := int64(p.table.HostI32()[int64(s)*p.table.Dim(1)+int64(j)/size])
	row := (page*heads+int64(g))*size + int64(j)%size
	return load(p.cache.Reshape(p.cache.Dim(0)*heads*size, dim).Rows(row, 1))
}

// check requires a sequence's length and pages to exist.
func (p pages) check(s, length, rows int) error {
	size, width := p.cache.Dim(2), p.table.Dim(1)
	used := (int64(length) + size - 1) / size
	if length < rows || used > width {
		return deviceError("paged_attention", "sequence %d has length %d, %d new rows and %d pages", s, length, rows, width)
	}
	return inside("paged_attention", "page", p.table.HostI32()[int64(s)*width:][:used], p.cache.Dim(0))
}
