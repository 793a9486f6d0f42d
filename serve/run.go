package serve

import (
	"context"
	"sync"
	"time"

	"github.com/primer-lm/primer/model/generate"
)

// event is what the engine says about one of a request's sequences: a token, or that it has ended.
type event struct {
	job    int
	token  generate.Token
	ended  bool
	result generate.Result
	err    error
}

// inbox takes events from the engine's goroutine, which must not wait, to the request's. What waits in it is bounded by the tokens
// that were asked for.
type inbox struct {
	mu     sync.Mutex
	events []event
	some   chan struct{} // holds one
}

func (b *inbox) put(e event) {
	b.mu.Lock()
	b.events = append(b.events, e)
	b.mu.Unlock()
	select {
	case b.some <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.events
	b.events = nil
	return out
}

// run computes sequences side by side and tells what happens to them, on the caller's goroutine: tokens only where they are wanted.
// After each batch of events it calls flush. The first error ends the work for all of them; when run returns, nothing of it is in
// the engine any more.
func (s *Server) run(ctx context.Context, jobs []generate.Request, tokens bool, tell func(event) error, flush func() error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	box := &inbox{some: make(chan struct{}, 1)}
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	for i, r := range jobs {
		r.OnToken = s.watch(r, func(t generate.Token) {
			if tokens {
				box.put(event{job: i, token: t})
			}
		})
		work.Go(func() {
			result, err := s.generate(ctx, r)
			box.put(event{job: i, ended: true, result: result, err: err})
		})
	}
	for left := len(jobs); left > 0; {
		select {
		case <-box.some:
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, e := range box.take() {
			if e.err != nil {
				return e.err
			}
			if e.ended {
				left--
			}
			if err := tell(e); err != nil {
				return err
			}
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return nil
}

// watch measures how long tokens take on their way past.
func (s *Server) watch(r generate.Request, next func(generate.Token)) func(generate.Token) {
	last, first := time.Now(), true
	return func(t generate.Token) {
		now := time.Now()
		if first {
			s.metrics.firstToken.Observe(now.Sub(last).Seconds())
		} else {
			s.metrics.eachToken.Observe(now.Sub(last).Seconds())
		}
		last, first = now, false
		next(t)
	}
}
