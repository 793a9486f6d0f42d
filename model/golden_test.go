package model_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// golden is one folder of testdata/goldens: a model, and what transformers computes with it.
type golden struct {
	name    string
	folder  *hf.Folder
	Tokens  [][]int32            `json:"tokens"`
	Loss    float64              `json:"loss"`
	Prompt  []int32              `json:"prompt"`
	Greedy  []int32              `json:"greedy"`
	tensors map[string][]float32 // "logits", "grad.<name>"
}

var goldenNames = []string{"llama2-mha", "llama-gqa-odd", "llama3-tied", "llama3-headdim", "mistral-window", "mistral-full-tied", "mistral-window-odd"}

func openGolden(t *testing.T, name string) *golden {
	t.Helper()
	dir := filepath.Join("testdata", "goldens", name)
	folder, err := hf.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	g := &golden{name: name, folder: folder, tensors: map[string][]float32{}}
	raw, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err == nil {
		err = json.Unmarshal(raw, g)
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err = os.ReadFile(filepath.Join(dir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	entries, start, err := hf.ParseHeader(raw, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		g.tensors[e.Name] = floats(raw[start+e.Begin : start+e.End])
	}
	return g
}

func floats(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// batch packs rows of tokens as documents that predict their own next tokens; the last of each has no target.
func nextTokens(rows ...[]int32) *model.Batch {
	b := &model.Batch{CuLens: []int32{0}}
	for _, row := range rows {
		for i, tok := range row {
			b.Tokens = append(b.Tokens, tok)
			if i+1 < len(row) {
				b.Targets, b.Mask = append(b.Targets, row[i+1]), append(b.Mask, 1)
			} else {
				b.Targets, b.Mask = append(b.Targets, 0), append(b.Mask, 0)
			}
		}
		b.CuLens = append(b.CuLens, int32(len(b.Tokens)))
	}
	b.Scale = 1 / float32(b.LossTokens())
	return b
}

// openTrainer opens a golden's model for batches as large as its rows.
func openTrainer(t *testing.T, b kernels.Backend, g *golden, o model.Options) *model.Trainer {
	t.Helper()
	for _, r := range g.Tokens {
		o.Tokens += int64(len(r))
		o.MaxLen = max(o.MaxLen, int64(len(r)))
	}
	tr, err := model.OpenTrainer(b, g.folder.Config, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	if err := tr.Load(g.folder); err != nil {
		t.Fatal(err)
	}
	return tr
}

// step runs the micro-batches of one step and returns the mean loss.
func step(t *testing.T, tr *model.Trainer, batches ...*model.Batch) float64 {
	t.Helper()
	for i, b := range batches {
		if err := tr.MicroBatch(b, i == 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := tr.LossSum()
	if err != nil {
		t.Fatal(err)
	}
	return sum * float64(batches[0].Scale)
}

// gradients reads every named gradient.
func gradients(t *testing.T, tr *model.Trainer) map[string][]float32 {
	t.Helper()
	out := map[string][]float32{}
	for _, p := range tr.Flat().Params {
		for _, v := range p.Views {
			if v.Alias {
				continue
			}
			var w byteSink
			if err := tr.WriteView(&w, tr.State().Grad, v.Name, kernels.F32); err != nil {
				t.Fatal(err)
			}
			out[v.Name] = floats(w)
		}
	}
	return out
}

type byteSink []byte

func (s *byteSink) Write(p []byte) (int, error) { *s = append(*s, p...); return len(p), nil }

// worst returns the largest difference relative to the largest value of want.
func worst(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	largest, diff := 0.0, 0.0
	for i := range want {
		largest = math.Max(largest, math.Abs(float64(want[i])))
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= diff) {
			diff = d
		}
	}
	return diff / largest
}

const goldenTolerance = 1e-4 // of the tensor's largest value

// What transformers computes in f32, every backend must: the loss, and the gradient of every parameter.
func TestGoldenLossAndGradients(t *testing.T) {
	for _, name := range goldenNames {
		g := openGolden(t, name)
		for _, b := range backends(t) {
			tr := openTrainer(t, b, g, model.Options{Math: kernels.F32})
			loss := step(t, tr, nextTokens(g.Tokens...))
			if err := math.Abs(loss - g.Loss); !(err <= 1e-5*g.Loss) {
				t.Errorf("%s on %s: loss %v, transformers %v", name, b.Name(), loss, g.Loss)
			}
			largest := 0.0
			for view, got := range gradients(t, tr) {
				err := worst(got, g.tensors["grad."+view])
				if !(err <= goldenTolerance) {
					t.Errorf("%s on %s: gradient of %s: %.3g of its largest value away", name, b.Name(), view, err)
				}
				largest = max(largest, err)
			}
			t.Logf("%s on %s: loss off by %.2g, gradients by at most %.2g", name, b.Name(), math.Abs(loss-g.Loss), largest)
		}
	}
}

// BF16 storage must stay near f32: within what 8 bits of mantissa leave of random weights this large.
func TestBF16IsNearTheGoldens(t *testing.T) {
	for _, name := range goldenNames {
		g := openGolden(t, name)
		for _, b := range backends(t) {
			for _, stream := range []kernels.DType{kernels.BF16, kernels.F32} {
				tr := openTrainer(t, b, g, model.Options{Math: kernels.BF16, Stream: stream})
				loss := step(t, tr, nextTokens(g.Tokens...))
				largest := 0.0
				for view, got := range gradients(t, tr) {
					largest = max(largest, worst(got, g.tensors["grad."+view]))
				}
				if err := math.Abs(loss-g.Loss) / g.Loss; !(err <= 0.002) || !(largest <= 0.1) {
					t.Errorf("%s on %s, stream %v: loss %.3g away, gradients %.3g", name, b.Name(), stream, err, largest)
				}
				t.Logf("%s on %s, stream %v: loss off by %.2g, gradients by at most %.2g", name, b.Name(), stream, math.Abs(loss-g.Loss)/g.Loss, largest)
			}
		}
	}
}

func bytesOfFloats(values ...float32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}
