package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ErrCut means that requests were under way when the drain time was over.
var ErrCut = errors.New("requests were cut off")

// Serve answers on a listener until ctx ends, and then drains: requests under way finish, new ones get 503, and Serve returns when
// the last is done or the drain time is over. It returns the engine's error when that fails.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{Handler: s, ReadHeaderTimeout: s.opt.HeaderTimeout, IdleTimeout: s.opt.IdleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.opt.Log.Handler(), slog.LevelDebug), ConnState: s.count}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-s.broken:
		// Requests under way are told so by their own handlers: they get a moment for it.
		return errors.Join(s.failure, s.stop(h, 2*time.Second))
	case <-ctx.Done():
	}
	s.draining.Store(true)
	h.SetKeepAlivesEnabled(false)
	s.opt.Log.Info("draining", "at most", s.opt.DrainTimeout)
	until := time.Now().Add(s.opt.DrainTimeout)
	s.drained(until)
	return s.stop(h, max(time.Until(until), time.Second))
}

// drained waits until no work is admitted any more. The listener is open meanwhile, so that new requests hear why they are refused.
func (s *Server) drained(until time.Time) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(until) {
		if used, _ := s.gate.load(); used == 0 {
			return
		}
		<-tick.C
	}
}

// stop closes the listener, waits for answers to be written, and cuts off what is left.
func (s *Server) stop(h *http.Server, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		used, _ := s.gate.load()
		_ = h.Close() // whose error would be that of a connection that is closed already
		s.wait()
		if used > 0 {
			return fmt.Errorf("%w: %d sequences after the drain time of %s", ErrCut, used, s.opt.DrainTimeout)
		}
	}
	return nil
}

// wait gives cut requests the time to leave the engine: a step or two.
func (s *Server) wait() { s.drained(time.Now().Add(5 * time.Second)) }

// count follows how many connections are open.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.connections.Add(-1)
	}
}
