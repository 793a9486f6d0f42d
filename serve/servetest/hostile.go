package servetest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Hostile sends all cases to a server at url. Each must get its status with an error in OpenAI's form that tells nothing of the
// machine, and a good request gets the same answer after them as before.
func Hostile(t *testing.T, url string, cases []Case) {
	t.Helper()
	if len(cases) < 120 {
		t.Fatalf("%d cases, fewer than 120", len(cases))
	}
	good := `{"prompt":"The town","max_tokens":8,"temperature":0}`
	before := text(t, url, good)
	var slowest time.Duration
	for _, c := range cases {
		began := time.Now()
		status, body := Do(t, url, c)
		slowest = max(slowest, time.Since(began))
		var e struct {
			Error *struct {
				Message, Type string
				Param, Code   *string
			}
		}
		switch err := json.Unmarshal([]byte(body), &e); {
		case status != c.Want:
			t.Errorf("%s: %d, want %d: %s", c.Name, status, c.Want, short(body))
		case err != nil || e.Error == nil || e.Error.Message == "" || e.Error.Type == "":
			t.Errorf("%s: no error in OpenAI's form: %q (%v)", c.Name, short(body), err)
		case c.Param != "" && (e.Error.Param == nil || *e.Error.Param != c.Param):
			t.Errorf("%s: the answer names %v, not %s: %s", c.Name, e.Error.Param, c.Param, body)
		case len(body) > 1024, strings.Contains(body, "/work"), strings.Contains(body, "/tmp"), strings.Contains(body, "root:"), strings.Contains(body, ".go:"), strings.Contains(body, "goroutine"):
			t.Errorf("%s: the answer tells too much: %s", c.Name, short(body))
		}
	}
	if after := text(t, url, good); after != before {
		t.Errorf("a good request gets %q after, %q before", after, before)
	}
	t.Logf("%d cases, the slowest took %s", len(cases), slowest)
}

// text is what a good completion says.
func text(t *testing.T, url, body string) string {
	t.Helper()
	status, raw := Do(t, url, Case{Body: body})
	var c struct{ Choices []struct{ Text string } }
	if err := json.Unmarshal([]byte(raw), &c); status != http.StatusOK || err != nil || len(c.Choices) != 1 || c.Choices[0].Text == "" {
		t.Fatalf("a good request: %d %s", status, raw)
	}
	return c.Choices[0].Text
}

// Do sends the request of a case.
func Do(t testing.TB, url string, c Case) (status int, body string) {
	t.Helper()
	method, path, kind := c.Method, c.Path, c.Type
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/v1/completions"
	}
	r, err := http.NewRequest(method, url+path, strings.NewReader(c.Body))
	if err != nil {
		t.Fatal(err)
	}
	if kind == "" {
		kind = "application/json"
	}
	if kind != "-" {
		r.Header.Set("Content-Type", kind)
	}
	for name, v := range c.Header {
		r.Header.Set(name, v)
	}
	r.Host = c.Host
	resp, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return resp.StatusCode, string(raw)
}
