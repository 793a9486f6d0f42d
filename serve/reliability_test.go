package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// until waits for something to become true.
func until(t testing.TB, what string, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

const endless = `{"prompt":"a","max_tokens":120,"stream":true}`

// open posts a body on a connection of its own and returns it with what was read of the answer.
func (w *site) open(body string) (net.Conn, *bufio.Reader) {
	w.t.Helper()
	addr := strings.TrimPrefix(w.url, "http://")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "POST /v1/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", addr, len(body), body); err != nil {
		w.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// A client that leaves takes its work along, wherever that stands: waiting, computed, streamed or not, one choice or many.
func TestGoneClientsStopTheirWork(t *testing.T) {
	f := &fake{script: saying(300), pause: 200 * time.Millisecond} // 24 s for an answer that nobody cuts
	w := start(t, parts(t, with(f)), Options{})
	for _, body := range []string{endless, strings.Replace(endless, "true", "false", 1), `{"prompt":["a","b","c"],"n":5,"max_tokens":120,"stream":true}`} {
		conn, _ := w.open(body)
		until(t, "the work begins", func() bool { return f.running.Load() > 0 })
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		gone := time.Now()
		until(t, "the work stops", func() bool { used, _ := w.s.gate.load(); return f.running.Load() == 0 && used == 0 })
		if took := time.Since(gone); took > 10*time.Second {
			t.Errorf("%s: it stops %s after its client", body, took)
		}
	}
}

// A client that does not read is cut off once what was written finds no room for the write timeout; others do not notice.
func TestStalledReadersAreCutOff(t *testing.T) {
	f := &fake{script: saying(300, 301, 302), pause: 0}
	w := start(t, parts(t, func(p *Parts) { p.Engine, p.Window = f, 1<<22 }), Options{WriteTimeout: 300 * time.Millisecond, QueueTokens: 1 << 40})
	f.pause = 0
	conn, _ := w.open(`{"prompt":"a","max_tokens":2000000,"stream":true,"logprobs":0}`)
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	until(t, "the work begins", func() bool { return f.running.Load() > 0 })
	if status, body := w.do("POST", "/v1/completions", `{"prompt":"a","max_tokens":5}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	until(t, "the stalled reader is cut off", func() bool { used, _ := w.s.gate.load(); return used == 0 })
	if n := f.tokens.Load(); n >= 2000000 {
		t.Errorf("all %d tokens were computed for somebody who did not read", n)
	}
}

// A client that does not send is cut off too: within the header by a closed connection, within the body by 408.
func TestSlowSendersAreCutOff(t *testing.T) {
	w := start(t, parts(t, nil), Options{HeaderTimeout: 200 * time.Millisecond, ReadTimeout: 200 * time.Millisecond})
	for sent, want := range map[string]string{
		"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ":                                                             "",
		"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"prom": "408",
		"": "",
		// Bodies that nobody asks for, and that never come, hold nothing up.
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n":                                     "200 OK",
		"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n":                                    "404",
		"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n": "415",
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || !strings.Contains(string(got), want) || want == "" && strings.Contains(string(got), "200 OK") {
			t.Errorf("%q: %q, %v", sent, got, err)
		}
	}
}

// A header above 64 KiB is refused by net/http itself.
func TestLargeHeader(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	large := func(n int) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Large", strings.Repeat("a", n)) }
	}
	if status, _ := w.do("GET", "/healthz", "", large(70<<10)); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("70 KiB: %d", status)
	}
	if status, _ := w.do("GET", "/healthz", "", large(32<<10)); status != http.StatusOK {
		t.Errorf("32 KiB: %d", status)
	}
}

// What does not fit the queue gets 429 at once, with a time to come again; what fits is answered.
func TestFullQueue(t *testing.T) {
	f := &fake{script: saying(300), pause: 200 * time.Millisecond}
	w := start(t, parts(t, with(f)), Options{Queue: 4})
	var conns []net.Conn
	for range 12 { // 8 seats and 4 places
		c, _ := w.open(endless)
		conns = append(conns, c)
	}
	until(t, "the queue is full", func() bool { used, _ := w.s.gate.load(); return used == 12 })
	r, err := http.NewRequest("POST", w.url+"/v1/completions", strings.NewReader(`{"prompt":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	began := time.Now()
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || time.Since(began) > 10*time.Second {
		t.Errorf("%d, Retry-After %q, after %s", resp.StatusCode, resp.Header.Get("Retry-After"), time.Since(began))
	}
	if status, _ := w.do("GET", "/healthz", ""); status != 200 {
		t.Errorf("health while the queue is full: %d", status)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	until(t, "the queue empties", func() bool { used, tokens := w.s.gate.load(); return used == 0 && tokens == 0 })
	if status, body := w.do("POST", "/v1/completions", `{"prompt":"a","max_tokens":1}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// One key may not take all places.
func TestOneKeyLeavesRoom(t *testing.T) {
	g := newGate(2, Options{Queue: 6, QueueTokens: 1000, Keys: []string{"a", "b"}})
	var leaves []func()
	for range 4 {
		leave, err := g.enter(0, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	var told *Error
	if _, err := g.enter(0, 1, 1); !errors.As(err, &told) || told.Status != 429 {
		t.Errorf("a fifth of one key: %v", err)
	}
	if leave, err := g.enter(1, 4, 1); err != nil {
		t.Errorf("another key: %v", err)
	} else {
		leave()
	}
	for _, leave := range leaves {
		leave()
	}
	leave, err := g.enter(0, 1, 400) // of 500
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.enter(0, 1, 101); !errors.As(err, &told) || told.Status != 429 {
		t.Errorf("more than half of the tokens for one key: %v", err)
	}
	leave()
	if used, tokens := g.load(); used != 0 || tokens != 0 || len(g.byKey) != 0 {
		t.Errorf("%d, %d, %v left", used, tokens, g.byKey)
	}
}

func TestDeadline(t *testing.T) {
	f := &fake{script: saying(300), pause: 20 * time.Millisecond}
	w := start(t, parts(t, with(f)), Options{Deadline: 100 * time.Millisecond})
	if status, body := w.do("POST", "/v1/completions", `{"prompt":"a","max_tokens":100}`); status != 504 || !strings.Contains(body, `"timeout"`) {
		t.Errorf("%d %s", status, body)
	}
	_, body := w.do("POST", "/v1/completions", endless)
	if !strings.Contains(body, `"timeout"`) || strings.Contains(body, "[DONE]") {
		t.Errorf("a stream past its deadline: %s", body)
	}
	until(t, "the work stops", func() bool { return f.running.Load() == 0 })
}

// A handler that panics answers 500, and the next request is answered.
func TestPanicsStayInTheirRequest(t *testing.T) {
	f := &fake{script: saying(300)}
	w := start(t, parts(t, with(f)), Options{})
	for i := range w.s.table {
		if w.s.table[i].path == "/detokenize" {
			w.s.table[i].handle = func(*call) error { panic("planted") }
		}
	}
	if status, body := w.do("POST", "/detokenize", `{}`); status != 500 || strings.Contains(body, "planted") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := w.do("POST", "/v1/completions", `{"prompt":"a"}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// Many clients at once, of which most leave: everything is given back.
func TestManyGoneClients(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	const want = `{"prompt":"The town","max_tokens":20,"temperature":0}`
	_, before := w.do("POST", "/v1/completions", want)
	var work sync.WaitGroup
	for i := range 100 {
		work.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%20)*time.Millisecond)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, "POST", w.url+"/v1/completions", strings.NewReader(endless))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/json")
			if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	work.Wait()
	until(t, "all is given back", func() bool { used, tokens := w.s.gate.load(); return used == 0 && tokens == 0 })
	_, after := w.do("POST", "/v1/completions", want)
	cut := func(s string) string { _, text, _ := strings.Cut(s, `"text"`); return text }
	if cut(before) != cut(after) {
		t.Errorf("%s\n%s", before, after)
	}
}
