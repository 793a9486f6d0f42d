package generate

import "slices"

// collect takes the sequences that goroutines handed over, up to the first other work, which it returns; it waits only when there
// is nothing to compute. open is false when the engine is closed.
func (e *Engine) collect(waiting *[]*sequence, wait bool) (work func(), open bool) {
	wait = wait && len(*waiting) == 0
	for {
		var j job
		if wait {
			select {
			case j = <-e.jobs:
			case <-e.closed:
				return nil, false
			}
		} else {
			select {
			case j = <-e.jobs:
			case <-e.closed:
				return nil, false
			default:
				return nil, true
			}
		}
		if j.work != nil {
			return j.work, true
		}
		*waiting, wait = append(*waiting, j.seq), false
	}
}

// admit starts waiting sequences, in order, while there are pages and places. Those that are cancelled leave, wherever they stand.
func (e *Engine) admit(waiting, running []*sequence) (left, now []*sequence) {
	waiting = slices.DeleteFunc(waiting, func(s *sequence) bool {
		err := s.ctx.Err()
		if err != nil {
			s.fail(err)
		}
		return err != nil
	})
	for len(waiting) > 0 {
		s := waiting[0]
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
