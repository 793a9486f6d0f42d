package model_test

import (
	"math"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// cached drives a Model with a paged cache: the least that a generation loop needs.
type cached struct {
	t     *testing.T
	m     *model.Model
	k, v  []kernels.Tensor
	pages int
	size  int
}

func newCache(t *testing.T, m *model.Model, seqs int) *cached {
	t.Helper()
	c, o := m.Config(), m.Options()
	cache := &cached{t: t, m: m, size: int(o.PageSize), pages: int((o.MaxLen + o.PageSize - 1) / o.PageSize)}
	for range 2 * c.NumHiddenLayers {
		shape := kernels.ShapeOf(m.CacheType(), int64(seqs*cache.pages), c.NumKeyValueHeads, o.PageSize, c.HeadDim)
		mem, err := m.Backend().Alloc(kernels.MemCache, shape.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Backend().Free(mem) })
		cache.k = append(cache.k, kernels.NewTensor(mem, 0, m.CacheType(), shape.Dims()...))
		m.Backend().Fill(kernels.FillArgs{Dst: cache.k[len(cache.k)-1], Value: math.NaN()})
	}
	cache.k, cache.v = cache.k[:c.NumHiddenLayers], cache.k[c.NumHiddenLayers:]
	return cache
}

// chunk is what one sequence adds in a step: tokens from a position on.
type chunk struct {
	seq, from int
	tokens    []int32
}

// run adds chunks to their sequences and returns the logits of every row.
func (c *cached) run(chunks ...chunk) [][]float32 {
	c.t.Helper()
	in := &model.StepInput{CuLens: []int32{0}, K: c.k, V: c.v}
	for _, ch := range chunks {
		for i, tok := range ch.tokens {
			at := ch.from + i
			in.Tokens, in.Positions = append(in.Tokens, tok), append(in.Positions, int32(at))
			in.Rows = append(in.Rows, int32(len(in.Rows)))
			in.Slots = append(in.Slots, int64((ch.seq*c.pages+at/c.size)*c.size+at%c.size))
		}
		in.CuLens, in.Lens = append(in.CuLens, int32(len(in.Tokens))), append(in.Lens, int32(ch.from+len(ch.tokens)))
		for p := range c.pages {
			in.PageTable = append(in.PageTable, int32(ch.seq*c.pages+p))
		}
	}
	logits, err := c.m.Step(in)
	if err != nil {
		c.t.Fatal(err)
	}
	raw := make([]byte, logits.Bytes())
	if err := c.m.Backend().Read(raw, logits); err != nil {
		c.t.Fatal(err)
	}
	all, out := floats(raw), [][]float32{}
	for v := int(logits.Dim(1)); len(all) > 0; all = all[v:] {
		out = append(out, all[:v])
	}
	return out
}

func argmax(row []float32) int32 {
	best := 0
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return int32(best)
}

func openModel(t *testing.T, b kernels.Backend, g *golden) *model.Model {
	t.Helper()
	m, err := model.Open(b, g.folder.Config, g.folder, model.InferOptions{Tokens: 128, Docs: 4, Math: kernels.F32, LogitRows: 128, PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// Logits of whole rows, prefilled side by side, and 64 greedy tokens, decoded one at a time: as transformers has them.
func TestGoldenLogitsAndGreedyTokens(t *testing.T) {
	for _, name := range goldenNames {
		g := openGolden(t, name)
		for _, b := range backends(t) {
			m := openModel(t, b, g)
			cache := newCache(t, m, 3)
			var logits []float32
			for _, row := range cache.run(chunk{0, 0, g.Tokens[0]}, chunk{1, 0, g.Tokens[1]}) {
				logits = append(logits, row...)
			}
			if err := worst(logits, g.tensors["logits"]); !(err <= goldenTolerance) {
				t.Errorf("%s on %s: logits are %.3g of their largest value away", name, b.Name(), err)
			}
			rows := cache.run(chunk{2, 0, g.Prompt})
			next, at := argmax(rows[len(rows)-1]), len(g.Prompt)
			for i, want := range g.Greedy {
				if next != want {
					t.Fatalf("%s on %s: greedy token %d is %d, transformers has %d", name, b.Name(), i, next, want)
				}
				next = argmax(cache.run(chunk{2, at, []int32{next}})[0])
				at++
			}
		}
	}
}

// A row's logits are the same bits whether its sequence is alone, beside others, prefilled whole or in chunks; and those of
// scoring, which attends over documents instead of pages, the same within rounding.
func TestStepDoesNotDependOnBatching(t *testing.T) {
	g := openGolden(t, "mistral-window")
	for _, b := range backends(t) {
		m := openModel(t, b, g)
		row := g.Tokens[0]
		alone := newCache(t, m, 1).run(chunk{0, 0, row})
		cache := newCache(t, m, 2)
		first := cache.run(chunk{0, 0, g.Tokens[1][:11]}, chunk{1, 0, row[:7]})[11:]
		first = append(first, cache.run(chunk{1, 7, row[7:20]}, chunk{0, 11, g.Tokens[1][11:12]})[:13]...)
		for i := 20; i < len(row); i++ {
			first = append(first, cache.run(chunk{1, i, row[i : i+1]})...)
		}
		for i := range alone {
			for j := range alone[i] {
				if math.Float32bits(alone[i][j]) != math.Float32bits(first[i][j]) {
					t.Fatalf("%s: row %d differs between whole and chunked prefill", b.Name(), i)
				}
			}
		}
		scores, err := m.Score(nextTokens(row))
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(row) - 1 {
			want := nll(alone[i], row[i+1])
			if err := math.Abs(float64(scores.NLL[i]) - want); !(err < 1e-4) {
				t.Errorf("%s: row %d: scored %v, from the logits of generation %v", b.Name(), i, scores.NLL[i], want)
			}
			if scores.ArgMax[i] != argmax(alone[i]) {
				t.Errorf("%s: row %d: arg max %d, from the logits of generation %d", b.Name(), i, scores.ArgMax[i], argmax(alone[i]))
			}
		}
	}
}

func nll(logits []float32, target int32) float64 {
	largest, sum := float64(logits[argmax(logits)]), 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - largest)
	}
	return largest + math.Log(sum) - float64(logits[target])
}

// A model opened for many sequences must also have the workspace that few of them take, far into a long window.
func TestStepOfFewSequencesInALongWindow(t *testing.T) {
	g := openGolden(t, "llama-gqa-odd")
	c := *g.folder.Config
	c.MaxPositions, c.NumHiddenLayers = 3000, 1
	for _, b := range backends(t) {
		m, err := model.Open(b, &c, g.folder, model.InferOptions{Tokens: 64, Docs: 40, Math: kernels.F32, PageSize: 16})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		cache := newCache(t, m, 1)
		var last []float32
		for at := 0; at < 300; at += 60 {
			tokens := make([]int32, 60)
			for i := range tokens {
				tokens[i] = int32((at + i) * 7 % 101)
			}
			rows := cache.run(chunk{0, at, tokens})
			last = rows[len(rows)-1]
		}
		again := cache.run(chunk{0, 299, []int32{299 * 7 % 101}})[0]
		for i := range last {
			if math.Float32bits(last[i]) != math.Float32bits(again[i]) {
				t.Fatalf("%s: decoding position 299 alone differs from its chunk", b.Name())
			}
		}
	}
}
