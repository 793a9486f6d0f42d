package gpu

import (
	"context"
	"errors"
	"fmt"
)

// keeper holds one side's process for a step, and begins another when that one is gone or no longer to be trusted: after an
// error of ours the device may refuse everything. It records every answer.
type keeper struct {
	k      *check
	ctx    context.Context
	name   string
	side   *side
	absent error // why it cannot be started
	lost   int   // processes
	last   error // that ended the last one
}

// mostLost is how many processes a step may lose: each begins anew at the price of seconds.
const mostLost = 4

func (k *check) keep(ctx context.Context, name string) *keeper {
	return &keeper{k: k, ctx: ctx, name: name}
}

// ask has one case answered, and records the answer or what went wrong.
func (s *keeper) ask(c Case) error {
	c.Side = s.name
	a, err := s.answer(c)
	if err != nil {
		a.Error = err.Error()
	}
	s.k.record(c, a)
	return err
}

func (s *keeper) answer(c Case) (a Answer, err error) {
	if err := s.ctx.Err(); err != nil {
		return a, fmt.Errorf("%w: no time was left", errNotRun)
	}
	switch {
	case s.absent != nil:
		return a, s.absent
	case s.lost >= mostLost:
		return a, fmt.Errorf("%w: given up after %d processes, the last: %w", errNotRun, s.lost, s.last)
	case s.side == nil:
		if s.side, s.absent = s.k.open(s.ctx, s.name); s.absent != nil {
			return a, s.absent
		}
	}
	a, err = s.side.ask(c)
	if err != nil && (s.name == oursSide || errors.Is(err, errSide)) {
		s.side.kill()
		_ = s.side.close() // err says more
		s.side, s.last = nil, err
		s.lost++
	}
	return a, err
}

// close ends the process. How ours ends matters: it says what it could not free. A peer has answered, and is not waited for.
func (s *keeper) close() error {
	switch {
	case s.side == nil:
		return nil
	case s.name == oursSide:
		return s.side.close()
	}
	s.side.kill()
	_ = s.side.close()
	return nil
}
