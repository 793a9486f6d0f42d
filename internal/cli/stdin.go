package cli

import (
	"context"
	"io"
	"sync"
)

// interruptible reads standard input so that an interrupt ends a read that waits for a pipe or a person.
type interruptible struct {
	ctx   context.Context
	in    io.Reader
	start sync.Once
	reads chan read
	rest  []byte
	err   error
}

type read struct {
	bytes []byte
	err   error
}

// Read implements io.Reader. One goroutine reads at a time.
func (r *interruptible) Read(p []byte) (int, error) {
	r.start.Do(func() {
		r.reads = make(chan read)
		go r.pump()
	})
	for len(r.rest) == 0 && r.err == nil {
		select {
		case next := <-r.reads:
			r.rest, r.err = next.bytes, next.err
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// pump hands over what comes in until it ends. After an interrupt it may wait in its last read until the process ends.
func (r *interruptible) pump() {
	for {
		b := make([]byte, 64<<10)
		n, err := r.in.Read(b)
		select {
		case r.reads <- read{b[:n], err}:
		case <-r.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}
