package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake answers completions as both servers do, and notes what it was asked.
type fake struct {
	mu      sync.Mutex
	prompts []string
	status  int
	body    string // of the stream, instead of the usual
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Prompt string `json:"prompt"`
		N      int    `json:"max_tokens"`
		More   bool   `json:"more"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !body.More {
		http.Error(w, fmt.Sprint("what is this? ", err), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.prompts = append(f.prompts, body.Prompt)
	if f.status != 0 {
		http.Error(w, "no", f.status)
		return
	}
	if f.body != "" {
		fmt.Fprint(w, f.body)
		return
	}
	for i := range body.N {
		fmt.Fprintf(w, "data: {\"choices\":[{\"text\":\"w%d \"}]}\n\n", i)
	}
	fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", len(body.Prompt), body.N)
}

func serverOf(t *testing.T, f *fake) *Server {
	h := httptest.NewServer(f)
	t.Cleanup(h.Close)
	return &Server{Name: "fake", Client: Client{URL: h.URL, HTTP: h.Client(), Extra: map[string]any{"more": true}}}
}

// A chain's second prompt begins with its first one and what was answered.
func TestAugment(t *testing.T) {
	f := &fake{}
	got, err := serverOf(t, f).Augment(context.Background(), &Corpus{Texts: []string{"a", "b", "c"}, Rounds: 2, New: 2, Chains: 1})
	if err != nil || got.Texts != 3 || got.New != 6 {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(f.prompts) != 3 || !strings.HasPrefix(f.prompts[1], f.prompts[0]+"w0 w1 ") || strings.Contains(f.prompts[2], "w0") {
		t.Errorf("prompts %q", f.prompts)
	}
	f.status = http.StatusTooManyRequests
	if _, err := serverOf(t, f).Augment(context.Background(), &Corpus{Texts: []string{"a", "b", "c"}, Rounds: 1, New: 2, Chains: 2}); err == nil {
		t.Error("a corpus that was refused counts")
	}
}

func TestCrowdCounts(t *testing.T) {
	f := &fake{}
	r := &Rush{Clients: 3, For: 50 * time.Millisecond, Prompts: []string{"a", "b"}, New: 3, Pause: time.Millisecond}
	if got := serverOf(t, f).Crowd(context.Background(), r); got.Answered < 3 || got.Busy+got.Failed > 0 || got.New != 3*got.Answered ||
		got.First.N != got.Answered || got.Gaps.N != 2*got.Answered {
		t.Errorf("%+v", got)
	}
	f.status = http.StatusTooManyRequests
	if got := serverOf(t, f).Crowd(context.Background(), r); got.Busy < 3 || got.Answered+got.Failed > 0 {
		t.Errorf("%+v", got)
	}
	f.status = http.StatusInternalServerError
	if got := serverOf(t, f).Crowd(context.Background(), r); got.Failed < 3 || !strings.Contains(got.Problem, "no") {
		t.Errorf("%+v", got)
	}
}

// A stream that breaks off, or ends without a count, is no answer.
func TestBrokenStreams(t *testing.T) {
	for _, body := range []string{"data: {\"choices\":[{\"text\":\"a\"}]}\n\n", "data: [DONE]\n\n", "data: {\n\n", "data: {\"error\":{}}\n\n"} {
		s := serverOf(t, &fake{body: body})
		if a, err := s.Complete(context.Background(), "a", 1); err == nil {
			t.Errorf("%q: %+v", body, a)
		}
	}
}

func TestTimes(t *testing.T) {
	all := make([]time.Duration, 101)
	for i := range all {
		all[i] = time.Duration(100 - i)
	}
	if got := timesOf(all); got != (Times{101, 50, 99, 100}) {
		t.Errorf("%+v", got)
	}
}
