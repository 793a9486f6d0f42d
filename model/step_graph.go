package model

import (
	"fmt"
	"slices"

	"github.com/primer-lm/primer/kernels"
)

// stepGraphs are the captured decode steps of a model: one for each of few numbers of rows, which batches are filled up to, and
// one more where top tokens are wanted, as many as there can be.
type stepGraphs struct {
	device kernels.Capturer // nil: steps are issued operation by operation
	of     map[graphShape]kernels.Graph
	k, v   []kernels.Tensor // the caches whose addresses are in the graphs
}

// graphShape is what tells the graphs of a model apart.
type graphShape struct{ rows, top int64 }

// shapeOf is the shape that a step is issued in. Only steps that decode are filled up, and only where that makes them a graph:
// rows that nobody wants cost time.
func (m *Model) shapeOf(in *StepInput) stepShape {
	seqs := int64(len(in.Lens))
	s := stepShape{rows: int64(len(in.Tokens)), seqs: seqs, columns: int64(len(in.PageTable)) / seqs, wanted: int64(len(in.Rows)),
		draws: shapeOfDraws(in)}
	if m.graphs.device == nil || !decodes(in) {
		return s
	}
	n := graphRows(s.rows, min(m.opt.Tokens, m.opt.Docs, m.opt.LogitRows))
	draws := drawShape{rows: n}
	if in.Top > 0 {
		draws.top = m.maxTop()
	}
	return stepShape{rows: n, seqs: n, columns: m.pages(), wanted: n, draws: draws, graph: true}
}

// decodes says whether every sequence has one row, and a token is drawn after each, from raw logits.
func decodes(in *StepInput) bool {
	if len(in.Draws) != len(in.Tokens) || len(in.Lens) != len(in.Tokens) || !plain(in.Draws) {
		return false
	}
	for i, r := range in.Rows {
		if int(r) != i || int(in.CuLens[i]) != i {
			return false
		}
	}
	return true
}

// graphRows is the number of rows that n are filled up to: 1, 2, 3, 4, 6, 8, 12, 16, 24, …, and at most `most`. So there are two
// graphs for a doubling, and at most a third of the rows is wasted.
func graphRows(n, most int64) int64 {
	size := int64(1)
	for size < n && size < most {
		if size >= 2 && size+size/2 >= n {
			size += size / 2
			break
		}
		size *= 2
	}
	return min(size, most)
}

// replay issues a step as a graph. The first of a shape is issued as it is, so that kernels and algorithms are there, and then
// captured for the next.
func (m *Model) replay(t *stepTensors, k, v []kernels.Tensor) error {
	g := &m.graphs
	if !slices.Equal(k, g.k) || !slices.Equal(v, g.v) {
		g.close()
		g.of, g.k, g.v = map[graphShape]kernels.Graph{}, slices.Clone(k), slices.Clone(v)
	}
	shape := graphShape{t.n, t.draw.top}
	if graph := g.of[shape]; graph != nil {
		graph.Launch()
		return nil
	}
	m.issueStep(t, k, v)
	graph, err := g.device.Capture(func() { m.issueStep(t, k, v) })
	if err != nil {
		return fmt.Errorf("model: a decode step of %d rows: %w", t.n, err)
	}
	g.of[shape] = graph
	return nil
}

func (g *stepGraphs) close() {
	for _, graph := range g.of {
		graph.Close()
	}
	g.of, g.k, g.v = nil, nil, nil
}
