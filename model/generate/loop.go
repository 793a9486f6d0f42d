package generate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/primer-lm/primer/model"
)

// line is what the loop goes through round after round.
type line struct {
	waiting, running []*sequence // in the order they came; all that wait behind all that run
	issued           *batch      // a step whose tokens were not looked at yet
}

func (l *line) idle() bool { return len(l.running) == 0 && l.issued == nil }

// loop is the only goroutine that uses the model. Sequences wait in the order they came, and start as soon as the cache has pages for
// what they have to compute now; see grow.go for what happens when more are wanted than there are.
func (e *Engine) loop() {
	var l line
	for e.collect(&l.waiting, l.idle()) {
		e.round(&l)
	}
	for _, s := range append(l.waiting, l.running...) {
		e.fail(s, ErrClosed)
	}
	e.publish(&line{})
}

// round takes in who can start, computes a step, and answers those that are through.
func (e *Engine) round(l *line) {
	e.admit(l)
	if l.issued == nil {
		e.grow(l)
	}
	if !l.idle() {
		var err error
		if l.issued, err = e.advance(l.issued, l.running); err != nil {
			e.failAll(l.running, err)
			l.running, l.issued = nil, nil
		}
	}
	e.settle(l)
	e.publish(l)
}

// failAll ends all that runs with a failure of the device. It may be of a step that nobody waited for, whose pages are remembered
// but were never written, so no page is found any more.
func (e *Engine) failAll(running []*sequence, err error) {
	for _, s := range running {
		e.leave(s)
	}
	e.pool.forget()
	for _, s := range running {
		e.fail(s, fmt.Errorf("%w: %w", errDevice, err))
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
	if e.goesAhead && e.follows(issued, running) {
		ahead = e.planAhead(issued)
		if err := e.issue(ahead); err != nil {
			return nil, err
		}
	}
	return ahead, e.look(issued)
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

// look takes what a step drew and moves its sequences on. A step that draws nothing is not waited for: what it fails with comes
// back from a later one, and what it should have written is forgotten then.
func (e *Engine) look(b *batch) error {
	var drawn model.Drawn
	if len(b.wants) > 0 {
		var err error
		if drawn, err = e.m.Drawn(); err != nil {
			return err
		}
	}
	for i, s := range b.seqs {
		if !s.ended {
			s.done += b.takes[i]
			e.rememberFull(s)
		}
	}
	generated := int64(0)
	for i, w := range b.wants {
		if w.seq.ended { // with the token before, which this step was issued without knowing
			continue
		}
		if !w.given {
			generated++
		}
		if finish, ends := w.seq.take(w, tokenOf(&drawn, i, w.seq.req.TopLogProbs), e.opt.TokenBytes); ends {
			e.end(w.seq, finish)
		}
	}
	e.mu.Lock()
	e.stats.Generated += generated
	e.mu.Unlock()
	return nil
}

// rememberFull makes the pages that have become full known.
func (e *Engine) rememberFull(s *sequence) {
	for ; !e.opt.NoReuse && (s.known+1)*e.pool.size <= s.done; s.known++ {
		before := int32(-1)
		if s.known > 0 {
			before = s.pages[s.known-1]
		}
		e.pool.remember(s.pages[s.known], before, s.tokens[s.known*e.pool.size:(s.known+1)*e.pool.size])
	}
}

func (e *Engine) end(s *sequence, f Finish) {
	e.leave(s)
	e.mu.Lock()
	e.stats.Finished++
	e.stats.Cached += int64(s.cached)
	e.mu.Unlock()
	e.answer(s, reply{result: s.result(f)})
}

// leave gives a sequence's pages away. A step under way may still write behind the positions that are done: what the next owner
// of the page writes comes later, and only full pages of positions that are done are remembered.
func (e *Engine) leave(s *sequence) {
	e.pool.release(s.pages)
	s.pages, s.ended = nil, true
}

// settle drops the sequences that ended or whose context did.
func (e *Engine) settle(l *line) {
	l.running = slices.DeleteFunc(l.running, func(s *sequence) bool {
		if err := s.ctx.Err(); err != nil && !s.ended {
			e.leave(s)
			e.fail(s, err)
		}
		return s.ended
	})
}

// answer notes what a sequence gets. publish sends it, so that who is answered finds the counts as they are then.
func (e *Engine) answer(s *sequence, r reply) { e.answers = append(e.answers, answer{s.reply, r}) }

func (e *Engine) fail(s *sequence, err error) { e.answer(s, reply{err: err}) }

// publish sets the gauges and sends what was answered.
func (e *Engine) publish(l *line) {
	e.mu.Lock()
	e.stats.Waiting, e.stats.Running = len(l.waiting), len(l.running)
	e.stats.InUse = len(e.pool.pages) - e.pool.available()
	e.mu.Unlock()
	for _, a := range e.answers {
		a.to <- a.reply
	}
	clear(e.answers)
	e.answers = e.answers[:0]
}
