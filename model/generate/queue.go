package generate

import "slices"

// collect takes the sequences that goroutines handed over; it waits only when there is nothing to compute. It returns false when
// the engine is closed.
func (e *Engine) collect(waiting *[]*sequence, wait bool) (open bool) {
	wait = wait && len(*waiting) == 0
	for {
		var s *sequence
		if wait {
			select {
			case s = <-e.jobs:
			case <-e.closed:
				return false
			}
		} else {
			select {
			case s = <-e.jobs:
			case <-e.closed:
				return false
			default:
				return true
			}
		}
		*waiting, wait = append(*waiting, s), false
	}
}

// admit starts waiting sequences, in order, while there are pages and places. Those that are cancelled leave, wherever they stand.
func (e *Engine) admit(l *line) {
	l.waiting = slices.DeleteFunc(l.waiting, func(s *sequence) bool {
		err := s.ctx.Err()
		if err != nil {
			e.fail(s, err)
		}
		return err != nil
	})
	for len(l.waiting) > 0 && len(l.running) < e.seats && e.start(l.waiting[0], l.running) {
		l.running, l.waiting = append(l.running, l.waiting[0]), l.waiting[1:]
	}
}

// start gives a sequence the pages of what it has to compute, those found in the cache among them; false if there are too few. Beside
// others that run, one page stays free for each of them and for itself, else the next steps would take its pages away again. Nor does
// it start while one of them computes what it could take over: several continuations of one prompt cost it once.
func (e *Engine) start(s *sequence, others []*sequence) bool {
	// What is wanted of a row is its logits: no page with such a row is taken over.
	var found []int32
	if !e.opt.NoReuse {
		found = e.pool.match(s.tokens[:s.want])
	}
	if !e.opt.NoReuse && e.coming(s, len(found), others) {
		return false
	}
	e.pool.retain(found)
	need, spare := e.pagesOf(s.rows())-len(found), 0
	if len(others) > 0 {
		spare = len(others) + 1
	}
	if need+spare > e.pool.available() {
		e.pool.release(found)
		return false
	}
	s.pages = found
	for range need {
		s.pages = append(s.pages, e.pool.take())
	}
	s.known, s.done = len(found), len(found)*e.pool.size
	if !s.began {
		s.began, s.cached = true, s.done
	}
	return true
}

// coming says whether one of those that run is about to compute the page that s could take over behind those that were found.
func (e *Engine) coming(s *sequence, found int, running []*sequence) bool {
	end := (found + 1) * e.pool.size
	return end <= s.want && slices.ContainsFunc(running, func(r *sequence) bool {
		return r.done < end && end <= r.rows() && slices.Equal(r.tokens[:end], s.tokens[:end])
	})
}
