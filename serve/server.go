package serve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/tokenizer"
)

// Engine computes continuations; *generate.Engine is one.
type Engine interface {
	Generate(ctx context.Context, r generate.Request) (generate.Result, error)
	Score(ctx context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error)
	Stats() generate.Stats
}

// Parts are what a server answers with; Open makes them of a model folder.
type Parts struct {
	Name      string // of the model, as /v1/models tells it
	Engine    Engine
	Seats     int // sequences that the engine computes at a time
	Window    int // tokens of prompt and continuation together
	Tokenizer *tokenizer.Tokenizer
	Template  *Template // of chats; nil: the folder has none
	Close     func() error
}

// Server answers requests. It is an http.Handler; Serve runs it on a listener.
type Server struct {
	opt     Options
	parts   Parts
	began   time.Time
	words   *words
	gate    *gate
	guard   *guard
	metrics *metrics
	table   []route
	encodes chan struct{} // as many as texts may be encoded at a time: each takes a core

	connections atomic.Int64
	draining    atomic.Bool
	broken      chan struct{} // closed when the engine has failed
	breakOnce   sync.Once
	failure     error
}

// New makes a server of its parts, which it owns from then on.
func New(p Parts, o Options) (*Server, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	if p.Engine == nil || p.Tokenizer == nil || p.Seats < 1 || p.Window < 2 {
		return nil, fmt.Errorf("%w: engine and tokenizer, at least one sequence and two positions are needed", ErrOptions)
	}
	if o.QueueTokens == 0 {
		o.QueueTokens = max(1<<20, 4*int64(p.Seats)*int64(p.Window))
	}
	s := &Server{opt: o, parts: p, began: time.Now(), words: newWords(p.Tokenizer), gate: newGate(p.Seats, o), guard: newGuard(o),
		encodes: make(chan struct{}, maxEncodes()), broken: make(chan struct{})}
	s.metrics = newMetrics(s)
	s.table = s.routes()
	return s, nil
}

// Close frees the model. Nothing may be under way.
func (s *Server) Close() error {
	if s.parts.Close == nil {
		return nil
	}
	return s.parts.Close()
}

// fail marks the engine as failed: the process is to end rather than to answer every request with an error.
func (s *Server) fail(err error) {
	s.breakOnce.Do(func() {
		s.opt.Log.Error("the generation engine has failed", "error", err)
		s.failure = err
		close(s.broken)
	})
}

// isBroken says whether the engine has failed.
func (s *Server) isBroken() bool {
	select {
	case <-s.broken:
		return true
	default:
		return false
	}
}

// generate is the engine's Generate; a failure that is nobody's request's is the server's.
func (s *Server) generate(ctx context.Context, r generate.Request) (generate.Result, error) {
	if s.isBroken() {
		return generate.Result{}, errBroken
	}
	out, err := s.parts.Engine.Generate(ctx, r)
	if err != nil {
		return out, s.told(ctx, err)
	}
	s.metrics.done(&r, &out)
	return out, nil
}

// told passes errors that belong to a request and takes those that do not as the engine's end.
func (s *Server) told(ctx context.Context, err error) error {
	switch {
	case err == nil, ctx.Err() != nil,
		errors.Is(err, generate.ErrTooLong), errors.Is(err, generate.ErrBadRequest), errors.Is(err, generate.ErrClosed):
		return err
	}
	s.fail(err)
	return errBroken
}

// score is the engine's Score.
func (s *Server) score(ctx context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error) {
	out, err := s.parts.Engine.Score(ctx, requests)
	return out, s.told(ctx, err)
}
