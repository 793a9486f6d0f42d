package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// After SIGTERM requests under way finish, new ones are told why they are refused, and the server ends.
func TestDrain(t *testing.T) {
	f := &fake{script: saying(300), pause: 25 * time.Millisecond}
	w := start(t, parts(t, with(f)), Options{})
	_, answer := w.open(endless)
	until(t, "the work begins", func() bool { return f.running.Load() > 0 })
	ended := make(chan error, 1)
	go func() { ended <- w.stop() }()
	until(t, "draining", w.s.draining.Load)
	for path, want := range map[string]int{"/v1/completions": 503, "/v1/synthesize": 503} {
		if status, body := w.do("POST", path, `{"prompt":"a"}`); status != want || !strings.Contains(body, "shutting_down") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for path, want := range map[string]int{"/readyz": 503, "/healthz": 200} {
		if status, body := w.do("GET", path, ""); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	all, err := io.ReadAll(answer)
	if err != nil || !strings.Contains(string(all), "[DONE]") || !strings.Contains(string(all), `"finish_reason":"length"`) {
		t.Errorf("the request under way was cut: %.200q, %v", all, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://")); err == nil {
		t.Error("the listener is open")
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	f := &fake{script: saying(300), pause: 100 * time.Millisecond}
	w := start(t, parts(t, with(f)), Options{DrainTimeout: 200 * time.Millisecond})
	w.open(endless)
	until(t, "the work begins", func() bool { return f.running.Load() > 0 })
	began := time.Now()
	if err := w.stop(); !errors.Is(err, ErrCut) || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	if f.running.Load() != 0 {
		t.Error("work goes on")
	}
}

// When the engine fails the server does not live on half: it says so and ends with the error.
func TestBrokenEngineEndsTheServer(t *testing.T) {
	f := &fake{script: saying(300), fail: errors.New("device at 0x7f lost")}
	p := parts(t, with(f))
	s, err := New(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(context.Background(), l) }()
	w := &site{t: t, s: s, url: "http://" + l.Addr().String()}
	status, body := w.do("POST", "/v1/completions", `{"prompt":"a"}`)
	if status != 500 || strings.Contains(body, "0x7f") || !strings.Contains(body, "engine_failed") {
		t.Errorf("%d %s", status, body)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, f.fail) {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
}
