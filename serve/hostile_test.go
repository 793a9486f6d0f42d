package serve

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/primer-lm/primer/serve/servetest"
)

func TestHostileRequests(t *testing.T) {
	w := start(t, parts(t, nil), Options{MaxBody: 1 << 20})
	servetest.Hostile(t, w.url, servetest.Cases(testWindow, 1<<20))
}

// The request readers hold against anything: an error that is the client's, never a panic, and nothing kept of what is refused.
func FuzzRequest(f *testing.F) {
	for _, c := range servetest.Cases(testWindow, 4096) {
		f.Add([]byte(c.Body))
	}
	f.Add([]byte(`{"prompt":[[1,2],[3]],"logit_bias":{"5":-1.5},"stop":["a"],"seed":-1,"stream_options":{"include_usage":true}}`))
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"\ud83d\ude00\ud800"}]}]}`))
	p := parts(f, nil)
	s, err := New(p, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, body []byte) { readAll(t, s, body) })
}

// readAll reads a body as every kind of request. What is refused is the client's fault, in a few words.
func readAll(t *testing.T, s *Server, body []byte) {
	t.Helper()
	for name, read := range map[string]fields{"completion": new(completionRequest).fields(s), "chat": new(chatRequest).fields(s), "synthesis": new(synthRequest).fields(s)} {
		if err := read.read(body); err != nil {
			if told := s.answer(t.Context(), err); told.Status != 400 || len(told.Message) > 1024 {
				t.Errorf("%s: %q: %+v", name, body, told)
			}
		}
	}
}

// mutated reads requests that differ from the table's by some bytes, cut, doubled, moved or changed.
func mutated(t *testing.T, n int, seed uint64) {
	p := parts(t, nil)
	s, err := New(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rng := rand.New(rand.NewPCG(seed, 0))
	cases := servetest.Cases(testWindow, 512)
	const alphabet = "{}[]\",:\\u0123456789eE+-.truefalsn \x00\xff\xe4"
	for range n {
		b := []byte(cases[rng.IntN(len(cases))].Body)
		for range 1 + rng.IntN(4) {
			at, to := rng.IntN(len(b)+1), rng.IntN(len(b)+1)
			at, to = min(at, to), max(at, to)
			switch rng.IntN(4) {
			case 0:
				b = slices.Delete(b, at, min(to, at+8))
			case 1:
				b = slices.Insert(b, at, b[at:min(to, at+32)]...)
			case 2:
				b = slices.Insert(b, at, alphabet[rng.IntN(len(alphabet))])
			case 3:
				if at < len(b) {
					b[at] = alphabet[rng.IntN(len(alphabet))]
				}
			}
		}
		if readAll(t, s, b); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestMutatedRequests(t *testing.T) { mutated(t, 20_000, 1) }
