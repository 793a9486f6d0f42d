package serve

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Every route with no, a wrong and a right key: /healthz alone is open, and no key stands in a log, an answer or the metrics.
func TestKeys(t *testing.T) {
	const right, second, wrong = "right-key-123", "second-key-123", "wrong-key-123"
	var log bytes.Buffer
	var mu sync.Mutex
	w := start(t, parts(t, nil), Options{Keys: []string{right, second}, LogRequests: true, Log: slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))})
	for _, r := range w.s.table {
		path := strings.Replace(r.path, "{model}", "tiny-model", 1)
		for key, refused := range map[string]bool{"": !r.open, wrong: !r.open, right + "x": !r.open, right[:len(right)-1]: !r.open, right: false, second: false} {
			for name, set := range map[string]func(*http.Request){
				"bearer": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+key) },
				"basic":  func(r *http.Request) { r.SetBasicAuth("x", key) },
			} {
				status, body := w.do(r.method, path, "{}", set)
				if (status == http.StatusUnauthorized) != refused || strings.Contains(body, "-key-123") {
					t.Errorf("%s %s by %s with %q: %d %s", r.method, path, name, key, status, body)
				}
			}
		}
	}
	if status, _ := w.do("GET", "/nothing", ""); status != http.StatusUnauthorized {
		t.Errorf("what there is, is told without a key: %d", status)
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(log.String(), "-key-123") || !strings.Contains(log.String(), "/v1/completions") {
		t.Errorf("the log: %.300s", &log)
	}
}

type locked struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// Clients without a key send "Bearer " with nothing behind it.
func TestNoKeysNeeded(t *testing.T) {
	w := start(t, parts(t, nil), Options{Hosts: []string{"models.example"}})
	for _, set := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") },
		func(r *http.Request) { r.Host = "LOCALHOST:1" },
		func(r *http.Request) { r.Host = "[::1]:80" },
		func(r *http.Request) { r.Host = "10.0.0.7" },
		func(r *http.Request) { r.Host = "models.example:443" },
		func(r *http.Request) { r.Header.Set("Origin", w.url) },
	} {
		if status, body := w.do("GET", "/v1/models", "", set); status != 200 {
			t.Errorf("%d %s", status, body)
		}
	}
}
