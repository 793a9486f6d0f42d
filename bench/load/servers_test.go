package load

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/primer-lm/primer/bench/speed"
	"github.com/primer-lm/primer/data/sample"
)

const (
	// llamaVariable names llama.cpp's server, pythonVariable the peers' Python: `make bench-serve` builds both.
	llamaVariable  = "PRIMER_LLAMA_SERVER"
	pythonVariable = "PRIMER_PYTHON"
	// textsVariable has another number of texts, secondsVariable of seconds that the crowd stays, shapesVariable other models.
	textsVariable   = "PRIMER_LOAD_TEXTS"
	secondsVariable = "PRIMER_LOAD_SECONDS"
	shapesVariable  = "PRIMER_LOAD_MODELS"

	parallel = 16 // chains in flight, and places of llama.cpp's server
	window   = 1024
)

func number(b *testing.B, variable string, usual int) int {
	b.Helper()
	n, err := speed.EnvNumber(variable, usual)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkServers runs a corpus in two rounds and a crowd of 200 clients on both servers, and writes a report into
// bench/results, or into the folder that PRIMER_SPEED_RESULTS names.
func BenchmarkServers(b *testing.B) {
	if os.Getenv(llamaVariable) == "" || os.Getenv(pythonVariable) == "" {
		b.Skipf("%s or %s is not set: `make bench-serve` builds what they name and runs this", llamaVariable, pythonVariable)
	}
	machine, err := speed.ReadMachine(runtime.NumCPU())
	if err != nil {
		b.Fatal(err)
	}
	report := Report{Began: time.Now(), Machine: machine}
	dir := b.TempDir()
	ours := filepath.Join(dir, "serve")
	command(b, "go", "build", "-o", ours, "../../cmd/serve")
	pieces := (&bench{b: b, dir: dir}).tokenizer()
	names := []string{"15M", "42M"}
	if text := os.Getenv(shapesVariable); text != "" {
		names = strings.Split(text, ",")
	}
	for _, s := range speed.GenerationShapes() {
		if !slices.Contains(names, s.Name) {
			continue
		}
		b.Run(s.Name, func(b *testing.B) {
			m := &bench{b: b, dir: dir, ours: ours, pieces: pieces, result: &Result{Model: fmt.Sprintf("%s: hidden %d, %d layers, vocabulary %d", s.Name,
				s.Config.HiddenSize, s.Config.NumHiddenLayers, s.Config.VocabSize)}}
			m.fixture(&s)
			m.corpus(number(b, textsVariable, 1000))
			m.crowd(number(b, secondsVariable, 60))
			report.Models = append(report.Models, m.result)
		})
	}
	if b.Failed() || len(report.Models) == 0 {
		return
	}
	results := os.Getenv("PRIMER_SPEED_RESULTS")
	if results == "" {
		results = "../results"
	}
	path, err := report.Write(results)
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("written to %s\n%s", path, text)
}

// bench is the run of one model.
type bench struct {
	b            *testing.B
	dir, ours    string
	folder, gguf string
	pieces       []byte // tokenizer.json
	result       *Result
}

func command(b *testing.B, name string, args ...string) {
	b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// tokenizer trains the one that all models here have.
func (m *bench) tokenizer() []byte {
	path := filepath.Join(m.dir, "tokenizer.json")
	command(m.b, os.Getenv(pythonVariable), "../../tools/peers/make_tokenizer.py", goRoot(m.b), "32000", path)
	raw, err := os.ReadFile(path)
	if err != nil {
		m.b.Fatal(err)
	}
	return raw
}

func goRoot(b *testing.B) string {
	root, err := sample.GoRoot()
	if err != nil {
		b.Fatal(err)
	}
	return root
}

// address is one of the loopback where nobody listens.
func address(b *testing.B) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// fixture makes the model in both forms.
func (m *bench) fixture(s *speed.Shape) {
	m.folder, m.gguf = filepath.Join(m.dir, s.Name), filepath.Join(m.dir, s.Name+".gguf")
	if err := speed.WriteModel(m.folder, &s.Config, "BF16", m.pieces); err != nil {
		m.b.Fatal(err)
	}
	command(m.b, os.Getenv(pythonVariable), "../../tools/peers/make_gguf.py", m.folder, m.gguf)
}

// start starts one of the servers.
func (m *bench) start(name string, extra ...string) *Server {
	at := address(m.b)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	ready := "/readyz"
	cmd := exec.Command(m.ours, append([]string{"--model", m.folder, "--addr", at, "--seats", fmt.Sprint(parallel),
		"--window", fmt.Sprint(window)}, extra...)...)
	if strings.HasPrefix(name, "llama") {
		ready = "/health"
		threads := fmt.Sprint(runtime.NumCPU())
		cmd = exec.Command(os.Getenv(llamaVariable), append([]string{"-m", m.gguf, "--port", at[strings.LastIndex(at, ":")+1:], "--parallel", fmt.Sprint(parallel),
			"--ctx-size", fmt.Sprint(parallel * window), "--threads", threads, "--threads-batch", threads, "--threads-http", "16", "--no-webui"}, extra...)...)
	}
	s, err := Start(ctx, name, cmd, "http://"+at, ready)
	if err != nil {
		m.b.Fatal(err)
	}
	return s
}

// corpus runs texts in two rounds: ours, ours without reuse, ours again, so that a machine that changes meanwhile is seen, and theirs.
func (m *bench) corpus(n int) {
	c := &Corpus{Texts: texts(m.b, n, 500), Rounds: 2, New: 64, Chains: parallel}
	m.result.Corpus = fmt.Sprintf("%d texts of %d characters in two rounds, %d new tokens each, %d chains in flight:", n, 500, c.New, c.Chains)
	for _, side := range []struct {
		name  string
		extra []string
	}{{"ours", nil}, {"ours, no prefix cache", []string{"--no-prefix-cache"}}, {"ours again", nil}, {"llama.cpp", nil}} {
		s := m.start(side.name, side.extra...)
		got, err := s.Augment(context.Background(), c)
		if err := s.Stop(); err != nil {
			m.b.Error(err)
		}
		if err != nil {
			m.b.Fatal(err)
		}
		m.b.Logf("%+v", got)
		m.result.Runs = append(m.result.Runs, got)
	}
	runs := m.result.Runs
	m.b.ReportMetric(runs[0].Rate()/runs[len(runs)-1].Rate(), "corpus-ratio")
}

// crowd lets 200 clients at both servers.
func (m *bench) crowd(seconds int) {
	r := &Rush{Clients: 200, For: time.Duration(seconds) * time.Second, Prompts: texts(m.b, 2000, 400), New: 32, Pause: time.Second}
	m.result.Crowd = fmt.Sprintf("%d clients for %d s, prompts of 400 characters, %d new tokens:", r.Clients, seconds, r.New)
	for _, name := range []string{"ours", "llama.cpp"} {
		s := m.start(name)
		got := s.Crowd(context.Background(), r)
		if err := s.Stop(); err != nil {
			m.b.Error(err)
		}
		m.b.Logf("%+v", got)
		m.result.Crowds, m.result.Memory = append(m.result.Crowds, got), append(m.result.Memory, s.Memory())
		if name == "ours" && got.Failed > 0 {
			m.b.Errorf("%d requests failed: %s", got.Failed, got.Problem)
		}
	}
}

// texts cuts the Go distribution's sources into pieces of so many characters.
func texts(b *testing.B, n, characters int) (out []string) {
	files, err := filepath.Glob(filepath.Join(goRoot(b), "src/*/*.go"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		for text := []rune(string(raw)); len(text) >= characters; text = text[characters:] {
			if out = append(out, string(text[:characters])); len(out) == n {
				return out
			}
		}
	}
	b.Fatalf("only %d pieces of %d characters in %s", len(out), characters, goRoot(b))
	return nil
}
