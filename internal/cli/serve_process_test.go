package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/primer-lm/primer/serve/servetest"
)

// served is a server as a process of its own.
type served struct {
	t    testing.TB
	cmd  *exec.Cmd
	url  string
	done chan error // its end
	log  *bytes.Buffer
}

var servesAt = regexp.MustCompile(`on (http://\S+)`)

// serveModel is the small model with a window in which an answer takes seconds, and a chat template.
func serveModel(t testing.TB, window int) string {
	t.Helper()
	from, to := folder(t, "pretrain"), t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
		raw, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "config.json" {
			raw = regexp.MustCompile(`"max_position_embeddings": *\d+`).ReplaceAll(raw, []byte(fmt.Sprintf(`"max_position_embeddings":%d`, window)))
		}
		if err := os.WriteFile(filepath.Join(to, name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// startServe starts a server and waits until it listens.
func startServe(t testing.TB, model string, args ...string) *served {
	t.Helper()
	s := &served{t: t, cmd: exec.Command("serve", append([]string{"--model", model, "--addr", "127.0.0.1:0"}, args...)...), done: make(chan error, 1), log: &bytes.Buffer{}}
	messages, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		for scan := bufio.NewScanner(messages); scan.Scan(); {
			fmt.Fprintln(s.log, scan.Text()) // read when the process has ended
			if m := servesAt.FindStringSubmatch(scan.Text()); m != nil {
				found <- m[1]
			}
		}
		s.done <- s.cmd.Wait()
	}()
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	select {
	case s.url = <-found:
	case err := <-s.done:
		t.Fatalf("it ended: %v: %s", err, s.log)
	case <-time.After(5 * time.Minute):
		t.Fatal("it does not listen")
	}
	return s
}

// end sends SIGTERM and returns the exit code and how long it took.
func (s *served) end() (code int, took time.Duration) {
	s.t.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.done:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode(), time.Since(began)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		return 0, time.Since(began)
	case <-time.After(5 * time.Minute):
		s.t.Fatal("it does not end")
	}
	return 0, 0
}

// metric reads one number of /metrics.
func (s *served) metric(name string) float64 {
	s.t.Helper()
	_, body := servetest.Do(s.t, s.url, servetest.Case{Method: "GET", Path: "/metrics"})
	for line := range strings.Lines(body) {
		if v, found := strings.CutPrefix(line, name+" "); found {
			n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatalf("no %s in the metrics", name)
	return 0
}

// idle waits until nothing is in the engine, the queue or the cache, and returns how long that took.
func (s *served) idle() time.Duration {
	s.t.Helper()
	began := time.Now()
	for time.Since(began) < 90*time.Second {
		if s.metric("primer_queue_sequences") == 0 && s.metric("primer_engine_running") == 0 && s.metric("primer_engine_waiting") == 0 && s.metric("primer_cache_pages_in_use") == 0 {
			return time.Since(began)
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Fatal("work goes on after its clients have gone")
	return 0
}

// rss is the process's memory in bytes.
func (s *served) rss() int64 {
	s.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// post opens a connection and sends a completion request.
func (s *served) post(body string) net.Conn {
	s.t.Helper()
	addr := strings.TrimPrefix(s.url, "http://")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "POST /v1/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", addr, len(body), body); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// The table of hostile requests against the process: it lives, answers the same after as before, and has not grown by 64 MiB.
func TestServeWithstandsHostileRequests(t *testing.T) {
	s := startServe(t, serveModel(t, 256), "--max-body", "1048576")
	cases := servetest.Cases(256, 1<<20)
	for i := 0; i < len(cases); i++ {
		if cases[i].Path == "/v1/chat/completions" && cases[i].Param != "" {
			cases[i].Param = "" // the model has no template, which may be said first
		}
	}
	servetest.Hostile(t, s.url, cases)
	before := s.rss()
	servetest.Hostile(t, s.url, cases)
	if grown := s.rss() - before; grown > 64<<20 {
		t.Errorf("it has grown by %d MiB", grown>>20)
	}
	if code, took := s.end(); code != exitDone || took > 20*time.Second { // a whole answer takes minutes where that is near
		t.Errorf("exit %d after %s: %s", code, took, s.log)
	}
}

// long is an answer of thousands of tokens that no stop token ends.
func long(tokens int, more string) string {
	return fmt.Sprintf(`{"prompt":"a","max_tokens":%d,"seed":1,"logit_bias":{"1":-100,"2":-100,"0":-100},"stream":true%s}`, tokens, more)
}

// Clients that leave, in the queue, in the prompt, while tokens come: all work stops and every page comes back. A client that stalls is
// cut off after the write timeout. Others are answered meanwhile.
func TestServeStopsWorkOfGoneClients(t *testing.T) {
	s := startServe(t, serveModel(t, 16384), "--seats", "4", "--write-timeout", "500ms", "--cache-tokens", "70000")
	for _, body := range []string{long(16000, ""), long(16000, `,"n":12`), strings.Replace(long(16000, ""), `"a"`, `"`+strings.Repeat("The town of Kalomir. ", 200)+`"`, 1),
		strings.Replace(long(16000, ""), `"stream":true`, `"stream":false`, 1)} {
		for _, wait := range []time.Duration{0, 5 * time.Millisecond, 150 * time.Millisecond} {
			c := s.post(body)
			time.Sleep(wait)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if took := s.idle(); took > 20*time.Second {
				t.Errorf("%.60s…, gone after %s: work stops after %s", body, wait, took)
			}
		}
	}
	stalled := s.post(long(16000, `,"logprobs":20,"n":4`))
	if err := stalled.(*net.TCPConn).SetReadBuffer(1); err != nil {
		t.Fatal(err)
	}
	if status, body := servetest.Do(t, s.url, servetest.Case{Body: `{"prompt":"a","max_tokens":3}`}); status != 200 {
		t.Errorf("beside a stalled reader: %d %s", status, body)
	}
	s.idle()
	if done := s.metric("primer_generated_tokens_total"); done >= 4*16000 {
		t.Errorf("%v tokens were computed for somebody who did not read", done)
	}
	if code, _ := s.end(); code != exitDone {
		t.Errorf("exit %d: %s", code, s.log)
	}
}

// SIGTERM: what is under way comes whole, what is new hears 503, and the process ends with 0, within the drain time or by cutting off.
func TestServeDrainsOnSIGTERM(t *testing.T) {
	model := serveModel(t, 16384)
	s := startServe(t, model, "--drain-timeout", "5m") // a busy machine takes a minute for what takes a second
	c := s.post(long(2000, ""))
	read := bufio.NewReader(c)
	if _, err := read.ReadString('{'); err != nil { // the first chunk
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	refused := false
	for range 200 {
		resp, err := http.Post(s.url+"/v1/completions", "application/json", strings.NewReader(`{"prompt":"a","max_tokens":1}`))
		if err != nil { // it had finished
			break
		}
		refused = refused || resp.StatusCode == http.StatusServiceUnavailable
		_ = resp.Body.Close()
		if refused {
			break
		}
	}
	rest, err := io.ReadAll(read)
	if err != nil || !strings.Contains(string(rest), "[DONE]") {
		t.Errorf("the answer under way was cut: …%q, %v", rest[max(0, len(rest)-80):], err)
	}
	if err := <-s.done; err != nil || !refused {
		t.Errorf("it ends with %v; a new request was refused: %v: %s", err, refused, s.log)
	}

	s = startServe(t, model, "--drain-timeout", "200ms")
	if _, err := bufio.NewReader(s.post(long(16000, `,"n":8`))).ReadString('{'); err != nil { // the first chunk
		t.Fatal(err)
	}
	if code, took := s.end(); code != exitFailure || took > 60*time.Second || !strings.Contains(s.log.String(), "cut off") {
		t.Errorf("exit %d after %s: %s", code, took, s.log)
	}
}

// A key in the environment is wanted, and stands in no log.
func TestServeKeyFromTheEnvironment(t *testing.T) {
	t.Setenv(keyVariable, "a-key-of-the-environment")
	s := startServe(t, serveModel(t, 256), "--log-requests")
	for key, want := range map[string]int{"": 401, "Bearer wrong-key-wrong": 401, "Bearer a-key-of-the-environment": 200} {
		if status, _ := servetest.Do(t, s.url, servetest.Case{Body: `{"prompt":"a","max_tokens":1}`, Header: map[string]string{"Authorization": key}}); status != want {
			t.Errorf("%q: %d, want %d", key, status, want)
		}
	}
	if status, _ := servetest.Do(t, s.url, servetest.Case{Method: "GET", Path: "/healthz"}); status != 200 {
		t.Errorf("health: %d", status)
	}
	if code, _ := s.end(); code != exitDone || strings.Contains(s.log.String(), "environment") || !strings.Contains(s.log.String(), "status=401") {
		t.Errorf("exit %d: %s", code, s.log)
	}
}
