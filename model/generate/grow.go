package generate

import "slices"

// A sequence starts when there are pages for the tokens that it has, and takes one more whenever it has filled its last. When none
// is left, the youngest that runs gives its pages away, goes back to the head of the queue, and is computed again later: what it has
// generated so far is then part of what is given, and as a row's bits do not depend on how it was computed, neither does anything
// that follows. Its full pages are remembered like others, so what nobody has overwritten meanwhile is found again.
//
// Sequences run in the order in which they came, and all that wait came later than all that run. The oldest never gives its pages
// away to another, and any request fits the cache alone, so the oldest always finishes: so do all.

// grow gives every running sequence the pages of its next rows; no step may be under way.
func (e *Engine) grow(l *line) {
	for i := 0; i < len(l.running); i++ {
		s := l.running[i]
		for s.pages != nil && len(s.pages) < e.pagesOf(s.rows()) {
			if e.pool.available() > 0 {
				s.pages = append(s.pages, e.pool.take())
				continue
			}
			youngest := len(l.running) - 1
			l.waiting = slices.Insert(l.waiting, 0, l.running[youngest])
			e.preempt(l.running[youngest])
			l.running = l.running[:youngest]
		}
	}
}

// preempt takes a sequence's pages away; start says what is done when it has others.
func (e *Engine) preempt(s *sequence) {
	e.pool.release(s.pages)
	s.pages = nil
	e.mu.Lock()
	e.stats.Preempted++
	e.mu.Unlock()
}

// pagesOf is how many pages hold so many positions.
func (e *Engine) pagesOf(positions int) int { return (positions + e.pool.size - 1) / e.pool.size }
