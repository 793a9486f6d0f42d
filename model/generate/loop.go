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
	var issued *batch // a step whose tokens were not looked at yet
	defer func() {
		for _, s := range append(waiting, running...) {
			s.fail(ErrClosed)
		}
	}()
	for {
		work, open := e.collect(&waiting, len(running) == 0 && issued == nil)
		if !open {
			return
		}
		if work != nil {
			running, issued = e.quiet(issued, running), nil
			work()
			continue
		}
		waiting, running = e.admit(waiting, running)
		if len(running) == 0 && issued == nil {
			continue
		}
		var err error
		if issued, err = e.advance(issued, running); err != nil {
			e.failAll(running, err)
			running, issued = nil, nil
			continue
		}
		running = e.settle(running)
	}
}

// failAll ends all that runs with a failure of the device. It may be of a step that nobody waited for, whose pages are remembered
// but were never written, so no page is found any more.
func (e *Engine) failAll(running []*sequence, err error) {
	for _, s := range running {
		e.pool.release(s.pages)
	}
	e.pool.forget()
	for _, s := range running {
		s.fail(fmt.Errorf("%w: %w", errDevice, err))
	}
}

// advance looks at the tokens of the step that is issued, or of one that it issues. Where another can follow without them, that
// is issued first, so that the device does not wait for the host, and returned.
func (e *Engine) advance(issued *batch, running []*sequence) (ahead *batch, err error) {
	if issued == nil {
		issued = e.plan(running)
		if err := e.issue(issued); err != nil {
			return nil, err
		}
	}
	if e.goesAhead && follows(issued, running) {
		ahead = e.planAhead(issued)
		if err := e.issue(ahead); err != nil {
			return nil, err
		}
	}
	return ahead, e.look(issued)
}

// quiet waits for all that is under way and looks at it: other work on the model must not take over the failure of a step, nor
// come between a step and its tokens.
func (e *Engine) quiet(issued *batch, running []*sequence) []*sequence {
	var err error
	if issued != nil {
		if err = e.look(issued); err == nil {
			running = e.settle(running)
		}
	}
	if err = errors.Join(err, e.m.Sync()); err != nil {
		e.failAll(running, err)
		return nil
	}
	return running
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
			b.in.Slots = append(b.in.Slots, e.slot(s, p))
		}
		b.in.CuLens = append(b.in.CuLens, int32(len(b.in.Tokens)))
		b.in.Lens = append(b.in.Lens, int32(s.done+take))
		if s.done+take == len(s.tokens) {
			b.in.Rows = append(b.in.Rows, int32(len(b.in.Tokens)-1))
			b.in.Draws = append(b.in.Draws, s.draw(len(s.tokens)))
			b.wants = append(b.wants, s)
		}
	}
	b.putPages(columns)
	return b
}

// slot is where a sequence's position lies in the cache.
func (e *Engine) slot(s *sequence, position int) int64 {
	size := e.pool.size
	return int64(s.pages[position/size])*int64(size) + int64(position%size)
}

// putPages fills the page table: as many columns for every sequence.
func (b *batch) putPages(columns int) {
	for _, s := range b.seqs {
		for c := range columns {
			b.in.PageTable = append(b.in.PageTable, s.pages[min(c, len(s.pages)-1)])
		}
	}
}

// issue issues a step.
func (e *Engine) issue(b *batch) error {
	if _, err := e.m.Step(&b.in); err != nil {
		return errors.Join(err, e.m.Sync())
	}
	e.mu.Lock()
	e.stats.Steps++
	e.stats.Rows += int64(len(b.in.Tokens))
	e.mu.Unlock()
	return nil
}

// look takes the tokens that a step drew and moves its sequences on. A step that draws none is not waited for: what it fails
// with comes back from a later one, and what it should have written is forgotten then.
func (e *Engine) look(b *batch) (err error) {
	var tokens []int32
	var logProbs []float32
	if len(b.wants) > 0 {
		if tokens, logProbs, err = e.m.Drawn(); err != nil {
			return err
		}
	}
	for i, s := range b.seqs {
		if !s.ended {
			s.done += b.takes[i]
			e.rememberFull(s)
		}
	}
	e.count(b) // before anybody is answered
	for i, s := range b.wants {
		if s.ended { // with the token before, which this step was issued without knowing
			continue
		}
		if finish, ends := s.accept(tokens[i], logProbs[i], e.opt.TokenBytes); ends {
			e.end(s, finish)
		}
	}
	return nil
}

// count adds up the tokens that a step drew for somebody.
func (e *Engine) count(b *batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range b.wants {
		if !s.ended {
			e.stats.Generated++
		}
	}
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
	e.leave(s)
	e.mu.Lock()
	e.stats.Finished++
	e.stats.Cached += int64(s.cached)
	e.mu.Unlock()
	s.finish(f)
}

// leave gives a sequence's pages away. A step under way may still write behind the positions that are done: what the next owner
// of the page writes comes later, and only full pages of positions that are done are remembered.
func (e *Engine) leave(s *sequence) {
	e.pool.release(s.pages)
	s.pages, s.ended = nil, true
}

// settle drops the sequences that ended or whose context did.
func (e *Engine) settle(running []*sequence) []*sequence {
	kept := running[:0]
	for _, s := range running {
		if s.ended {
			continue
		}
		if err := s.ctx.Err(); err != nil {
			e.leave(s)
			s.fail(err)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
