package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// testTemplate is a chat template with special tokens of its own and a role that it refuses.
const testTemplate = "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}" +
	"{{ '[' + m['role'] + '] ' + m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"

const testWindow = 128

// folder is a model of one small layer with fresh weights, made once.
var folder = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "primer-serve")
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "tiny-model")
	b, err := device.Open("cpu")
	if err != nil {
		return "", err
	}
	defer b.Close()
	t, err := model.OpenTrainer(b, &model.Config{ModelType: model.Llama, VocabSize: 1024, HiddenSize: 16, IntermediateSize: 32,
		NumHiddenLayers: 1, NumHeads: 2, NumKeyValueHeads: 2, HeadDim: 8, MaxPositions: testWindow, HiddenAct: "silu", RMSNormEps: 1e-5,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.5}, model.Options{Tokens: 2, Math: kernels.F32})
	if err != nil {
		return "", err
	}
	defer t.Close()
	if err := t.Initialize(1); err != nil {
		return "", err
	}
	err = durable.CommitDir(durable.OS, dir, func(d *durable.Dir) error {
		return hf.WriteFolder(d, hf.Output{Config: t.Config(), DType: "F32", Tokenizer: sample.Tokenizer(),
			Tensor: func(v model.View, w io.Writer) error {
				return t.WriteView(w, t.State().Master, v.Name, kernels.F32)
			}})
	})
	if err != nil {
		return "", err
	}
	config, err := json.Marshal(map[string]string{"chat_template": testTemplate, "bos_token": "<s>", "eos_token": "</s>"})
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), config, 0o644)
})

// parts opens the small model; change may put something else in a part's place.
func parts(t testing.TB, change func(*Parts)) Parts {
	t.Helper()
	dir, err := folder()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), dir, Load{Seats: 8})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&p)
	}
	return p
}

// site is a server on a port of its own.
type site struct {
	t    testing.TB
	s    *Server
	url  string
	stop func() error // drains
}

// start runs a server until the test ends.
func start(t testing.TB, p Parts, o Options) *site {
	t.Helper()
	s, err := New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	var once sync.Once
	var result error
	w := &site{t: t, s: s, url: "http://" + l.Addr().String(), stop: func() error {
		once.Do(func() { cancel(); result = <-ended })
		return result
	}}
	t.Cleanup(func() {
		_ = w.stop() // tests that care look at it themselves
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// do sends a request and returns status and body.
func (w *site) do(method, path, body string, change ...func(*http.Request)) (int, string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	resp, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// ok posts a body that must be answered, into a value of type T.
func ok[T any](w *site, path, body string) (out T) {
	w.t.Helper()
	status, raw := w.do(http.MethodPost, path, body)
	if status != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", path, body, status, raw)
	}
	if err := json.Unmarshal([]byte(raw), &out); err != nil {
		w.t.Fatalf("%s: %v: %s", path, err, raw)
	}
	return out
}

// events posts a body and returns what a stream's data lines held, without the last, which must be [DONE].
func events(w *site, path, body string) []string {
	w.t.Helper()
	status, raw := w.do(http.MethodPost, path, body)
	if status != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", path, body, status, raw)
	}
	var out []string
	for scan := bufio.NewScanner(bytes.NewReader([]byte(raw))); scan.Scan(); {
		if d, found := strings.CutPrefix(scan.Text(), "data: "); found {
			out = append(out, d)
		}
	}
	if len(out) == 0 || out[len(out)-1] != "[DONE]" {
		w.t.Fatalf("%s %s: a stream without its end: %s", path, body, raw)
	}
	return out[:len(out)-1]
}

func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestModelsAndHealth(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`, "/v1/models": `"id":"tiny-model"`,
		"/v1/models/tiny-model": fmt.Sprintf(`"max_model_len":%d,"chat":true`, testWindow), "/metrics": "primer_engine_steps_total",
	} {
		if status, body := w.do("GET", path, ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := w.do("GET", "/v1/models/another/one", ""); status != 404 || !strings.Contains(body, "model_not_found") {
		t.Errorf("%d %s", status, body)
	}
}

func TestTokenize(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	type tokens struct {
		Tokens []int32
		Count  int
	}
	for _, text := range []string{"The town of Kalomir", "<s>a</s>", "", "Grüße, 世界 \x00 🙂"} {
		got := ok[tokens](w, "/tokenize", `{"prompt":`+quote(text)+`}`)
		want, err := w.s.words.Encode(text)
		if err != nil || quote(got.Tokens) != quote(append([]int32{}, want...)) || got.Count != len(want) {
			t.Errorf("%q: %v, want %v (%v)", text, got, want, err)
		}
		back := ok[struct{ Prompt string }](w, "/detokenize", `{"tokens":`+quote(got.Tokens)+`}`)
		if back.Prompt != text {
			t.Errorf("%q comes back as %q", text, back.Prompt)
		}
	}
}
