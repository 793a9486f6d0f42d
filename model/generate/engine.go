package generate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// Options sizes an engine.
type Options struct {
	CacheTokens int64 // positions of the KV cache over all sequences; 0: 16 × the model's window
	// TokenBytes gives what a token adds to the text; needed for stop strings.
	TokenBytes func(id int32) []byte
}

// Stats counts what an engine has done.
type Stats struct {
	Steps     int64 `json:"steps"`
	Rows      int64 `json:"rows"`      // tokens computed, prompts and new ones
	Generated int64 `json:"generated"` // new tokens
	Cached    int64 `json:"cached"`    // prompt tokens found in the cache
	Finished  int64 `json:"finished"`  // requests
	Preempted int64 `json:"preempted"` // times that a sequence gave its pages away and was computed again later

	Waiting int `json:"waiting"` // requests that have not begun, now
	Running int `json:"running"` // requests under way, now
	Pages   int `json:"pages"`   // of the cache
	InUse   int `json:"in_use"`  // of them, held by requests under way
}

// Engine computes requests of many goroutines together. Close it when all of them are done.
type Engine struct {
	m     *model.Model
	b     kernels.Backend
	opt   Options
	cache *kernels.Memory
	k, v  []kernels.Tensor // of each layer, [pages,K,PageSize,D]
	pool  *pool
	seats int // sequences that run at once

	goesAhead bool // a step may be issued before the tokens of the one before are looked at

	jobs   chan job
	closed chan struct{}
	once   sync.Once
	done   sync.WaitGroup

	mu    sync.Mutex
	stats Stats
}

// job is what goroutines hand to the loop: a sequence, or a piece of work for its goroutine, which alone uses the model.
type job struct {
	seq  *sequence
	work func()
}

// New makes an engine of a model that was opened with a PageSize. The model is the engine's until Close, and stays open.
func New(m *model.Model, opt Options) (_ *Engine, err error) {
	o, c := m.Options(), m.Config()
	if o.PageSize < 1 {
		return nil, fmt.Errorf("%w: the model was opened without a page size", ErrBadRequest)
	}
	if opt.CacheTokens == 0 {
		opt.CacheTokens = 16 * o.MaxLen
	}
	pages := (opt.CacheTokens + o.PageSize - 1) / o.PageSize
	e := &Engine{m: m, b: m.Backend(), opt: opt, pool: newPool(int(pages), int(o.PageSize)), seats: int(min(o.Docs, o.LogitRows)),
		goesAhead: m.Graphs(), jobs: make(chan job), closed: make(chan struct{})}
	bytes := pages * c.NumKeyValueHeads * o.PageSize * c.HeadDim * m.CacheType().Size()
	bytes = (bytes + 63) / 64 * 64
	if e.cache, err = e.b.Alloc(kernels.MemCache, 2*c.NumHiddenLayers*bytes); err != nil {
		return nil, fmt.Errorf("KV cache of %d positions: %w", opt.CacheTokens, err)
	}
	for i := range c.NumHiddenLayers {
		e.k = append(e.k, kernels.NewTensor(e.cache, 2*i*bytes, m.CacheType(), pages, c.NumKeyValueHeads, o.PageSize, c.HeadDim))
		e.v = append(e.v, kernels.NewTensor(e.cache, (2*i+1)*bytes, m.CacheType(), pages, c.NumKeyValueHeads, o.PageSize, c.HeadDim))
	}
	e.done.Go(e.loop)
	return e, nil
}

// Close ends the loop and waits for the device; requests under way fail with ErrClosed.
func (e *Engine) Close() (err error) {
	e.once.Do(func() {
		close(e.closed)
		e.done.Wait()
		err = e.m.Sync()
		e.b.Free(e.cache)
	})
	return err
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// Generate continues one prompt and waits for the result. When ctx ends, the work for it ends within a step.
func (e *Engine) Generate(ctx context.Context, r Request) (Result, error) {
	o := e.m.Options()
	if err := r.check(e.m.Config().VocabSize, o.MaxLen, e.opt.TokenBytes != nil); err != nil {
		return Result{}, err
	}
	if need := e.pagesFor(&r); need > len(e.pool.pages) {
		return Result{}, fmt.Errorf("%w: it takes %d pages of the cache, which has %d", ErrTooLong, need, len(e.pool.pages))
	}
	out := make(chan reply, 1)
	tokens := make([]int32, len(r.Prompt), len(r.Prompt)+r.MaxNewTokens)
	copy(tokens, r.Prompt)
	if err := e.hand(ctx, job{seq: &sequence{ctx: ctx, req: r, reply: out, tokens: tokens}}); err != nil {
		return Result{}, err
	}
	answer := <-out // the loop answers every sequence it took
	return answer.result, answer.err
}

// Score computes the log-probabilities of given continuations.
func (e *Engine) Score(ctx context.Context, requests []ScoreRequest) (results []ScoreResult, err error) {
	done := make(chan struct{})
	work := func() {
		defer close(done)
		o := e.m.Options()
		results, err = Batched{Model: e.m, Tokens: int(o.Tokens), Docs: int(o.Docs)}.Score(ctx, requests)
	}
	if err := e.hand(ctx, job{work: work}); err != nil {
		return nil, err
	}
	<-done
	return results, err
}

func (e *Engine) hand(ctx context.Context, j job) error {
	select {
	case e.jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closed:
		return ErrClosed
	}
}

// pagesFor is how many pages a request can come to need.
func (e *Engine) pagesFor(r *Request) int {
	return (len(r.Prompt) + r.MaxNewTokens + e.pool.size - 1) / e.pool.size
}

// errDevice marks a failure of the device: the engine cannot go on.
var errDevice = errors.New("generation stopped")
