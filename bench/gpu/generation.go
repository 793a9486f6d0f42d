package gpu

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
)

// generator holds one model of random weights with an engine, for the cases of that model.
type generator struct {
	config  model.Config
	model   *model.Model
	engine  *generate.Engine
	prompts uint64 // so far: no prompt comes twice by chance
}

// chunkTokens is how many rows a step computes at most: a prompt is read in chunks of as many.
const chunkTokens = 8192

// openGenerator opens a model for all the cases that shapes have of it.
func openGenerator(b kernels.Backend, shapes *Shapes, name string) (g *generator, err error) {
	config, ok := shapes.Models[name]
	if !ok {
		return nil, fmt.Errorf("shapes %s have no model %q", shapes.Name, name)
	}
	var longest, most, cache int64
	for _, c := range shapes.Generate {
		if c.Model == name {
			pages := (c.T + c.New + 2 + pageSize - 1) / pageSize
			longest, most, cache = max(longest, pages*pageSize), max(most, c.Batch), max(cache, c.Batch*pages*pageSize)
		}
	}
	g = &generator{config: config}
	if g.model, err = model.Open(b, &config, randomWeights(&config), model.InferOptions{Tokens: max(chunkTokens, most), Docs: most,
		MaxLen: min(longest, config.MaxPositions), Math: half, LogitRows: most, PageSize: pageSize}); err != nil {
		return nil, err
	}
	if g.engine, err = generate.New(g.model, generate.Options{CacheTokens: cache}); err != nil {
		g.model.Close()
		return nil, err
	}
	return g, nil
}

func (g *generator) close() error {
	err := g.engine.Close()
	g.model.Close()
	return err
}

// measure answers a case by the host's clock, as requests see it.
func (g *generator) measure(b kernels.Backend, c Case) (a Answer, err error) {
	a.Clock = clockHost
	one := map[string]func(Case) (float64, error){"prefill": g.prefill, "decode": g.decode, "shared": g.shared}[c.Name]
	if one == nil {
		return a, fmt.Errorf("generation has no work %q", c.Name)
	}
	for round := range c.Rounds + 1 { // the first is warmth
		seconds, err := one(c)
		if err != nil {
			return a, err
		}
		if round > 0 {
			a.Seconds = append(a.Seconds, seconds)
		}
	}
	g.count(c, &a)
	if c.Name == "shared" {
		a.About, err = g.unshared(c)
	}
	a.Memory = deviceBytes(b)
	return a, err
}

// count says what one round computes and moves. Decoding is told by step: Seconds are divided into steps.
func (g *generator) count(c Case, a *Answer) {
	if c.Name != "decode" {
		a.Tokens, a.FLOPs = c.Batch*c.T, g.promptFLOPs(c)
		return
	}
	for i := range a.Seconds {
		a.Seconds[i] /= float64(c.New)
	}
	k := &g.config
	weights := float64(k.NumParams()-k.VocabSize*k.HiddenSize) * float64(half.Size()) // of the embedding table single rows
	cached := float64(c.Batch) * (float64(c.T) + float64(c.New)/2)                    // on average over the steps
	a.Tokens, a.Bytes = c.Batch, weights+cached*float64(2*k.NumHiddenLayers*k.NumKeyValueHeads*k.HeadDim*half.Size())
}

// promptFLOPs counts prompts, whose last rows alone meet the output matrix.
func (g *generator) promptFLOPs(c Case) float64 {
	head := 2 * float64(g.config.VocabSize*g.config.HiddenSize)
	return float64(c.Batch) * ((g.config.FLOPs(c.T)-head)*float64(c.T) + head)
}

// prefill times prompts that the cache does not know, to the first new token of each.
func (g *generator) prefill(c Case) (float64, error) { return g.run(g.fresh(c, 0), 1, 0) }

// decode times New steps. The prompts are read before, without being timed; the same requests then find them in the cache all
// but the last page, so that the first of the New steps is a little longer than a step of decoding.
func (g *generator) decode(c Case) (float64, error) {
	prompts := g.fresh(c, 0)
	if _, err := g.run(prompts, 1, 0); err != nil {
		return 0, err
	}
	return g.run(prompts, int(c.New), (c.T-1)/pageSize*pageSize)
}

// shared times requests whose prompts differ in the last sixteenth only, after one that put the common part into the cache.
func (g *generator) shared(c Case) (float64, error) {
	prompts := g.fresh(c, c.T-c.T/16)
	began := time.Now()
	if _, err := g.run(prompts[:1], 1, 0); err != nil {
		return 0, err
	}
	_, err := g.run(prompts[1:], int(c.New), (c.T-c.T/16)/pageSize*pageSize)
	return time.Since(began).Seconds(), err
}

// unshared times the same work as shared without a common part, once.
func (g *generator) unshared(c Case) (map[string]string, error) {
	prompts := g.fresh(c, 0)
	began := time.Now()
	if _, err := g.run(prompts[:1], 1, 0); err != nil {
		return nil, err
	}
	_, err := g.run(prompts[1:], int(c.New), 0)
	return map[string]string{unsharedSeconds: fmt.Sprint(time.Since(began).Seconds())}, err
}

// unsharedSeconds is the key of Answer.About with the time of the same requests without a common prefix.
const unsharedSeconds = "unshared seconds"

// fresh draws Batch prompts of T tokens, of which the first `common` are the same in all.
func (g *generator) fresh(c Case, common int64) [][]int32 {
	g.prompts++
	random := rand.New(rand.NewPCG(g.prompts, 1))
	draw := func(n int64) (out []int32) {
		for range n {
			out = append(out, random.Int32N(int32(g.config.VocabSize)))
		}
		return out
	}
	prefix, prompts := draw(common), make([][]int32, c.Batch)
	for i := range prompts {
		prompts[i] = append(append([]int32(nil), prefix...), draw(c.T-common)...)
	}
	return prompts
}

// run generates behind all prompts at once, greedily, and returns the seconds until the last is done. Each must have found at
// least cached of its tokens in the cache.
func (g *generator) run(prompts [][]int32, fresh int, cached int64) (float64, error) {
	var all sync.WaitGroup
	problems := make([]error, len(prompts))
	began := time.Now()
	for i, p := range prompts {
		all.Go(func() {
			out, err := g.engine.Generate(context.Background(), generate.Request{Prompt: p, MaxNewTokens: fresh})
			switch {
			case err != nil:
			case len(out.Tokens) != fresh:
				err = fmt.Errorf("%d new tokens, asked for %d", len(out.Tokens), fresh)
			case int64(out.Cached) < cached:
				err = fmt.Errorf("%d tokens of a prompt of %d were found in the cache, should be %d", out.Cached, len(p), cached)
			}
			problems[i] = err
		})
	}
	all.Wait()
	return time.Since(began).Seconds(), errors.Join(problems...)
}

// randomWeights is a source of bf16 weights: pieces of one buffer of small normal numbers, and ones for norms.
func randomWeights(c *model.Config) model.Source {
	most := int64(0)
	for _, p := range c.Params() {
		most = max(most, p.Len())
	}
	s := &weightSource{shapes: map[string][]int64{}, buffer: make([]byte, most*half.Size())}
	for _, p := range c.Params() {
		for _, v := range p.Views {
			s.shapes[v.Name] = v.Shape
		}
	}
	tile := normals(half, tileElements, half.Size())
	for i := 1; i < len(tile); i += 2 {
		if tile[i]&0x7f >= 3 { // an exponent of bf16 less by 6: divided by 64
			tile[i] -= 3
		}
	}
	for at := 0; at < len(s.buffer); at += len(tile) {
		copy(s.buffer[at:], tile)
	}
	return s
}

type weightSource struct {
	shapes map[string][]int64
	buffer []byte
}

func (s *weightSource) Stored(name string) (model.Stored, bool) {
	shape, ok := s.shapes[name]
	if !ok {
		return model.Stored{}, false
	}
	n := half.Size()
	for _, d := range shape {
		n *= d
	}
	if len(shape) == 1 {
		ones := make([]byte, n)
		for i := 0; i < len(ones); i += 2 {
			ones[i], ones[i+1] = 0x80, 0x3f
		}
		return model.Stored{DType: half, Shape: shape, Bytes: ones}, true
	}
	return model.Stored{DType: half, Shape: shape, Bytes: s.buffer[:n]}, true
}
