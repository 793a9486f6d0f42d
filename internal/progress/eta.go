package progress

import "time"

// eta estimates the time left from the pace of the last half of the work seen, so that a slow start (compiling, warming caches)
// is forgotten and a pause is not magnified.
type eta struct {
	seen  bool
	start mark
	last  mark
	marks []mark // some of the points between, oldest first
}

// mark is how much was done at a time.
type mark struct {
	at   time.Time
	done int64
}

// maxMarks bounds the points kept; when there are more, every second one goes.
const maxMarks = 64

func (e *eta) add(now time.Time, done int64) {
	m := mark{now, done}
	if !e.seen {
		e.seen, e.start = true, m
	}
	e.last = m
	if n := len(e.marks); n > 0 && now.Sub(e.marks[n-1].at) < now.Sub(e.start.at)/maxMarks {
		return // closer together than the picture is fine
	}
	e.marks = append(e.marks, m)
	if len(e.marks) > maxMarks {
		kept := e.marks[:0]
		for i := 0; i < len(e.marks); i += 2 {
			kept = append(kept, e.marks[i])
		}
		e.marks = kept
	}
}

// left is the time until total is done; false while nothing can be said.
func (e *eta) left(total int64) (time.Duration, bool) {
	if total <= 0 || !e.seen || e.last.done >= total {
		return 0, false
	}
	from, half := e.start, e.start.done+(e.last.done-e.start.done)/2
	for _, m := range e.marks {
		if m.done <= half {
			from = m
		}
	}
	done, took := e.last.done-from.done, e.last.at.Sub(from.at)
	if done <= 0 || took <= 0 {
		return 0, false
	}
	return time.Duration(float64(took) / float64(done) * float64(total-e.last.done)), true
}

// took is the time since the first mark.
func (e *eta) took(now time.Time) time.Duration {
	if !e.seen {
		return 0
	}
	return now.Sub(e.start.at)
}
