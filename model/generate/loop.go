package generate

import (
	"errors"
	"fmt"

	"github.com/primer-lm/primer/model"
)

// batch is one step being put together.
type batch struct {
	in    model.StepInput
	seqs  []*sequence // in the order of the batch
	takes []int       // new rows of each
	wants []*sequence // that get a token, in the order of in.Rows
}

// loop is the only goroutine that uses the model. Sequences wait in the order they came; one starts as soon as the cache
// has pages for all it can come to need, so none ever has to be thrown out.
func (e *Engine) loop() {
	var waiting, running []*sequence
	defer func() {
		for _, s := range append(waiting, running...) {
			s.fail(ErrClosed)
		}
	}()
	for {
		if !e.collect(&waiting, len(running) == 0) {
			return
		}
		waiting, running = e.admit(waiting, running)
		if len(running) == 0 {
			continue
		}
		b := e.plan(running)
		if err := e.compute(b); err != nil {
			for _, s := range running {
				s.fail(fmt.Errorf("%w: %w", errDevice, err))
				e.pool.release(s.pages)
			}
			running = nil
			continue
		}
		running = e.settle(running)
	}
}

// collect takes what goroutines handed over; it waits for the first only when there is nothing to compute. false: closed.
func (e *Engine) collect(waiting *[]*sequence, wait bool) bool {
	wait = wait && len(*waiting) == 0
	for {
		var j job
		if wait {
			select {
			case j = <-e.jobs:
			case <-e.closed:
				return false
			}
		} else {
			select {
			case j = <-e.jobs:
			case <-e.closed:
				return false
			default:
				return true
			}
		}
		if j.work != nil {
			j.work()
			continue
		}
		*waiting, wait = append(*waiting, j.seq), false
	}
}

// admit starts waiting sequences, in order, while there are pages and places.
func (e *Engine) admit(waiting, running []*sequence) (left, now []*sequence) {
	for len(waiting) > 0 {
		s := waiting[0]
		if err := s.ctx.Err(); err != nil {
			s.fail(err)
			waiting = waiting[1:]
			continue
		}
		if len(running) >= e.seats {
			break
		}
		// The last prompt token is always computed: its logits are needed.
		found := e.pool.match(s.tokens[:len(s.tokens)-1])
		e.pool.retain(found)
		need := e.pagesFor(&s.req) - len(found)
		if need > e.pool.available() {
			e.pool.release(found)
			break
		}
		s.pages = found
		for range need {
			s.pages = append(s.pages, e.pool.take())
		}
		s.done = len(found) * e.pool.size
		s.cached = s.done
		running, waiting = append(running, s), waiting[1:]
	}
	return waiting, running
}

// plan gives every sequence a row before any gets a chunk: decoding goes on while prompts are read.
func (e *Engine) plan(running []*sequence) *batch {
	b := &batch{in: model.StepInput{CuLens: []int32{0}, K: e.k, V: e.v}}
	budget := int(e.m.Options().Tokens) - len(running)
	columns := 0
	for _, s := range running {
		take := min(1+max(budget, 0), len(s.tokens)-s.done)
		if budget < 0 && len(b.in.Tokens) >= int(e.m.Options().Tokens) {
			break
		}
		budget -= take - 1
		b.seqs, b.takes = append(b.seqs, s), append(b.takes, take)
		columns = max(columns, (s.done+take+e.pool.size-1)/e.pool.size)
		for p := s.done; p < s.done+take; p++ {
			b.in.Tokens = append(b.in.Tokens, s.tokens[p])
			b.in.Positions = append(b.in.Positions, int32(p))
			b.in.Slots = append(b.in.Slots, int64(s.pages[p/e.pool.size])*int64(e.pool.size)+int64(p%e.pool.size))
		}
		b.in.CuLens = append(b.in.CuLens, int32(len(b.in.Tokens)))
		b.in.Lens = append(b.in.Lens, int32(s.done+take))
		if s.done+take == len(s.tokens) {
			b.in.Rows = append(b.in.Rows, int32(len(b.in.Tokens)-1))
			b.in.Draws = append(b.in.Draws, s.draw())
			b.wants = append(b.wants, s)
		}
	}
	for _, s := range b.seqs {
		for c := range columns {
			b.in.PageTable = append(b.in.PageTable, s.pages[min(c, len(s.pages)-1)])
		}
	}
	return b
}

// compute runs a step, which draws tokens, and moves the sequences on. A step that draws none is not waited for: what it fails
// with comes back from the next one.
func (e *Engine) compute(b *batch) error {
	if _, err := e.m.Step(&b.in); err != nil {
		return errors.Join(err, e.m.Sync())
	}
	var tokens []int32
	var logProbs []float32
	if len(b.wants) > 0 {
		var err error
		if tokens, logProbs, err = e.m.Drawn(); err != nil {
			return err
		}
	}
	for i, s := range b.seqs {
		s.done += b.takes[i]
		e.rememberFull(s)
	}
	e.mu.Lock()
	e.stats.Steps++
	e.stats.Rows += int64(len(b.in.Tokens))
	e.stats.Generated += int64(len(b.wants))
	e.mu.Unlock()
	for i, s := range b.wants {
		if finish, ends := s.accept(tokens[i], logProbs[i], e.opt.TokenBytes); ends {
			e.end(s, finish)
		}
	}
	return nil
}

// rememberFull makes the pages that have become full known.
func (e *Engine) rememberFull(s *sequence) {
	before := int32(-1)
	for i := 0; (i+1)*e.pool.size <= s.done; i++ {
		e.pool.remember(s.pages[i], before, s.tokens[i*e.pool.size:(i+1)*e.pool.size])
		before = s.pages[i]
	}
}

func (e *Engine) end(s *sequence, f Finish) {
	e.pool.release(s.pages)
	s.pages = nil
	e.mu.Lock()
	e.stats.Finished++
	e.stats.Cached += int64(s.cached)
	e.mu.Unlock()
	s.finish(f)
}

// settle drops the sequences that ended or whose context did.
func (e *Engine) settle(running []*sequence) []*sequence {
	kept := running[:0]
	for _, s := range running {
		if s.pages == nil {
			continue
		}
		if err := s.ctx.Err(); err != nil {
			e.pool.release(s.pages)
			s.fail(err)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
