package datasets

import (
	"container/heap"
	"slices"

	"github.com/primer-lm/primer/data"
)

// most keeps the n examples with most pairs; of equals, the earlier ones. It holds no more
// than n.
type most struct {
	n    int
	seen int
	kept rankedHeap
	left int64 // how many were not kept
}

type ranked struct {
	ex    data.Example
	index int
}

// rankedHeap has the example that goes first on top: fewest pairs, then latest.
type rankedHeap []ranked

func (h rankedHeap) Len() int { return len(h) }
func (h rankedHeap) Less(i, j int) bool {
	a, b := len(h[i].ex.Pairs), len(h[j].ex.Pairs)
	return a < b || a == b && h[i].index > h[j].index
}
func (h rankedHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *rankedHeap) Push(x any)   { *h = append(*h, x.(ranked)) }
func (h *rankedHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (m *most) add(ex data.Example) {
	r := ranked{ex, m.seen}
	m.seen++
	if len(m.kept) < m.n {
		heap.Push(&m.kept, r)
		return
	}
	m.left++
	if len(ex.Pairs) > len(m.kept[0].ex.Pairs) {
		m.kept[0] = r
		heap.Fix(&m.kept, 0)
	}
}

// inOrder gives what was kept, in the order in which it came.
func (m *most) inOrder() []ranked {
	slices.SortFunc(m.kept, func(a, b ranked) int { return a.index - b.index })
	return m.kept
}
