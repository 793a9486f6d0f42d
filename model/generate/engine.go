package generate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// Options sizes an engine.
type Options struct {
	CacheTokens int64 // positions of the KV cache over all sequences; 0: 16 × the model's window
	// NoReuse computes every prompt from its beginning: no time tells what others have asked, and pages are kept for nobody. A request
	// that was preempted is computed anew as well.
	NoReuse bool
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

	Waiting int `json:"waiting"` // requests without a place, now: not begun, or preempted
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

	answers []answer // of this round of the loop

	handing atomic.Int64 // sequences that the loop has not taken yet
	jobs    chan *sequence
	closed  chan struct{}
	once    sync.Once
	done    sync.WaitGroup

	mu    sync.Mutex
	stats Stats
}

// New makes an engine of a model that was opened with a PageSize. The model is the engine's until Close, and stays open.
func New(m *model.Model, opt Options) (*Engine, error) {
	e, err := newEngine(m, opt)
	if err == nil {
		e.done.Go(e.loop)
	}
	return e, err
}

// newEngine makes an engine whose loop does not run yet.
func newEngine(m *model.Model, opt Options) (_ *Engine, err error) {
	o, c := m.Options(), m.Config()
	if o.PageSize < 1 {
		return nil, fmt.Errorf("%w: the model was opened without a page size", ErrBadRequest)
	}
	if opt.CacheTokens == 0 {
		opt.CacheTokens = 16 * o.MaxLen
	}
	pages := (opt.CacheTokens + o.PageSize - 1) / o.PageSize
	e := &Engine{m: m, b: m.Backend(), opt: opt, pool: newPool(int(pages), int(o.PageSize)), seats: int(min(o.Docs, o.LogitRows)),
		goesAhead: m.Graphs(), jobs: make(chan *sequence), closed: make(chan struct{})}
	bytes := pages * c.NumKeyValueHeads * o.PageSize * c.HeadDim * m.CacheType().Size()
	bytes = (bytes + 63) / 64 * 64
	if e.cache, err = e.b.Alloc(kernels.MemCache, 2*c.NumHiddenLayers*bytes); err != nil {
		return nil, fmt.Errorf("KV cache of %d positions: %w", opt.CacheTokens, err)
	}
	for i := range c.NumHiddenLayers {
		e.k = append(e.k, kernels.NewTensor(e.cache, 2*i*bytes, m.CacheType(), pages, c.NumKeyValueHeads, o.PageSize, c.HeadDim))
		e.v = append(e.v, kernels.NewTensor(e.cache, (2*i+1)*bytes, m.CacheType(), pages, c.NumKeyValueHeads, o.PageSize, c.HeadDim))
	}
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

// Stats returns the counts so far. Who has been answered is counted.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Waiting += int(e.handing.Load())
	s.Pages = len(e.pool.pages)
	return s
}

// Generate continues one prompt and waits for the result. When ctx ends, the work for it ends within a step.
func (e *Engine) Generate(ctx context.Context, r Request) (Result, error) {
	if err := e.check(&r); err != nil {
		return Result{}, err
	}
	out := make(chan reply, 1)
	s := newSequence(ctx, r, e.m.Config().VocabSize, out)
	if s.rows() == 0 { // one token, and none wanted
		return s.result(FinishLength), nil
	}
	if err := e.hand(ctx, s); err != nil {
		return Result{}, err
	}
	answer := <-out // the loop answers every sequence it took
	return answer.result, answer.err
}

func (e *Engine) hand(ctx context.Context, s *sequence) error {
	e.handing.Add(1)
	defer e.handing.Add(-1)
	select {
	case e.jobs <- s:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closed:
		return ErrClosed
	}
}

// errDevice marks a failure of the device: the engine cannot go on.
var errDevice = errors.New("generation stopped")
