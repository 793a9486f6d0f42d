package load

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// mappedVariable names a folder with room for 15 GB.
const mappedVariable = "PRIMER_LOAD_7B"

// BenchmarkMapped7B serves a 7B model in bf16 straight from its mapped files: how long until it serves, how fast it generates, and
// how much memory that is no file's.
func BenchmarkMapped7B(b *testing.B) {
	dir := os.Getenv(mappedVariable)
	if dir == "" || os.Getenv(pythonVariable) == "" {
		b.Skipf("%s (a folder with room for 15 GB) or %s (`make bench-serve`) is not set", mappedVariable, pythonVariable)
	}
	c := Mistral7B()
	m := &bench{b: b, dir: b.TempDir(), folder: filepath.Join(dir, "random-7b"), result: &Result{}}
	m.ours = filepath.Join(m.dir, "serve")
	command(b, "go", "build", "-o", m.ours, "../../cmd/serve")
	if _, err := os.Stat(m.folder); err != nil {
		pieces := m.tokenizer()
		if err := WriteRandom(m.folder, &c, pieces); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	url := "http://" + address(b)
	cmd := exec.Command(m.ours, "--model", m.folder, "--addr", url[len("http://"):], "--seats", "4", "--window", "4096")
	s, err := Start(context.Background(), "ours", cmd, url, "/readyz")
	if err != nil {
		b.Fatal(err)
	}
	loaded := time.Since(began)
	prompt := texts(b, 1, 300)[0]
	a, err := s.Complete(context.Background(), prompt, 16)
	if err != nil || a.Status != 200 {
		b.Fatalf("%+v, %v", a, err)
	}
	anonymous := status(cmd.Process.Pid, "RssAnon")
	resident := status(cmd.Process.Pid, "VmRSS")
	if err := s.Stop(); err != nil {
		b.Fatal(err)
	}
	gaps := timesOf(a.Gaps)
	b.ReportMetric(loaded.Seconds(), "s-to-ready")
	b.ReportMetric(float64(anonymous)/(1<<30), "GiB-anonymous")
	b.Logf("serves after %.2f s; prompt of %d tokens read in %.1f s, then %v a token; %.2f GiB anonymous of %.2f GiB resident",
		loaded.Seconds(), a.Prompt, a.First.Seconds(), gaps.P50, float64(anonymous)/(1<<30), float64(resident)/(1<<30))
}

// A folder of random weights has what was asked for, and opens.
func TestWriteRandom(t *testing.T) {
	c := Mistral7B()
	c.VocabSize, c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumHeads, c.NumKeyValueHeads, c.HeadDim = 96, 32, 48, 2, 4, 2, 8
	folder := filepath.Join(t.TempDir(), "m")
	if err := WriteRandom(folder, &c, nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(folder, "model.safetensors"))
	if err != nil || info.Size() < 2*(2*96*32) {
		t.Errorf("%v, %v", info, err)
	}
}
