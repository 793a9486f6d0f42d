//go:build slow

package cli

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/primer-lm/primer/serve/servetest"
)

// 10,000 connections at once, most of them idle or half-sent: those that ask are answered, by a completion or by an error in OpenAI's
// form, and the process lives. Fewer where the machine allows fewer open files.
func TestServeTenThousandConnections(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := 10_000
	if most := int(limit.Cur) - 200; most < n {
		t.Logf("%d connections: open files are limited to %d", most, limit.Cur)
		n = most
	}
	s := startServe(t, serveModel(t, 256), "--header-timeout", "60s", "--read-timeout", "60s", "--queue", "500")
	addr := strings.TrimPrefix(s.url, "http://")
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.DialTimeout("tcp", addr, 30*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer c.Close()
		conns[i] = c
		if i%2 == 0 {
			if _, err := io.WriteString(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"); err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
		}
	}
	if open := s.metric("primer_connections"); open < float64(n)*0.99 {
		t.Errorf("%v connections are open, not %d", open, n)
	}
	if status, body := servetest.Do(t, s.url, servetest.Case{Body: `{"prompt":"a","max_tokens":3}`}); status != 200 {
		t.Errorf("beside %d connections: %d %s", n, status, body)
	}
	var mu sync.Mutex
	statuses := map[string]int{}
	var work sync.WaitGroup
	for i := 0; i < n; i += 2 { // the half-sent ones go on
		work.Go(func() {
			c := conns[i]
			body := `{"prompt":"a","max_tokens":2}`
			_ = c.SetDeadline(time.Now().Add(100 * time.Second))
			if _, err := fmt.Fprintf(c, "Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				t.Errorf("connection %d: %v", i, err)
				return
			}
			answer, err := io.ReadAll(c)
			if err != nil || len(answer) < 12 {
				t.Errorf("connection %d: %q, %v", i, answer, err)
				return
			}
			status := string(answer[9:12])
			if status != "200" && !(status == "429" && strings.Contains(string(answer), `"error"`) && strings.Contains(string(answer), "Retry-After")) {
				t.Errorf("connection %d: %s", i, answer)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	work.Wait()
	t.Logf("%d connections, statuses %v, %d MiB", n, statuses, s.rss()>>20)
	if statuses["200"] == 0 {
		t.Error("nobody was answered")
	}
	s.idle()
	if code, _ := s.end(); code != exitDone {
		t.Errorf("exit %d: %s", code, s.log)
	}
}
