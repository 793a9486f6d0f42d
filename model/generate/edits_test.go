package generate

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// witness notes the raw logits of every row that is sampled.
type witness struct {
	kernels.Backend
	t    *testing.T
	rows [][]float64
}

func (w *witness) Sample(a kernels.SampleArgs) {
	raw := make([]byte, a.Logits.Bytes())
	if err := w.Backend.Read(raw, a.Logits); err != nil {
		w.t.Error(err)
	}
	for range a.Logits.Dim(0) {
		var row []float64
		for range a.Logits.Dim(1) {
			row, raw = append(row, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))), raw[4:]
		}
		w.rows = append(w.rows, row)
	}
	w.Backend.Sample(a)
}

// penalised is what the text books say: the repetition penalty of CTRL over all tokens so far, presence and frequency as OpenAI
// subtracts them for generated ones, then the bias.
func penalised(row []float64, r *Request, generated []int32) []float64 {
	out := slices.Clone(row)
	for t := range out {
		id, count := int32(t), 0.0
		for _, g := range generated {
			if g == id {
				count++
			}
		}
		if r.RepetitionPenalty != 0 && (count > 0 || slices.Contains(r.Prompt, id)) {
			if out[t] < 0 {
				out[t] *= float64(r.RepetitionPenalty)
			} else {
				out[t] /= float64(r.RepetitionPenalty)
			}
		}
		if count > 0 {
			out[t] -= float64(r.PresencePenalty)
		}
		out[t] += float64(r.LogitBias[id]) - count*float64(r.FrequencyPenalty)
		if len(generated) < r.MinNewTokens && slices.Contains(r.StopIDs, id) {
			out[t] = math.Inf(-1)
		}
	}
	return out
}

func TestPenaltiesAndBias(t *testing.T) {
	w := &witness{Backend: openCPU(t), t: t}
	e := engine(t, w, model.InferOptions{Tokens: 64, Docs: 2, PageSize: 8}, Options{})
	base := Request{Prompt: []int32{5, 9, 2, 9}, MaxNewTokens: 30}
	plain := alone(t, e, []Request{base})[0]
	for name, change := range map[string]func(r *Request){
		"repetition": func(r *Request) { r.RepetitionPenalty = 1.6 },
		"reward":     func(r *Request) { r.RepetitionPenalty = 0.7 },
		"presence":   func(r *Request) { r.PresencePenalty = 1.5 },
		"frequency":  func(r *Request) { r.FrequencyPenalty = 0.6 },
		"bias":       func(r *Request) { r.LogitBias = map[int32]float32{3: 4, plain.Tokens[0]: float32(math.Inf(-1)), 8: -2} },
		"least":      func(r *Request) { r.MinNewTokens, r.StopIDs = 9, plain.Tokens[:4] },
		"all": func(r *Request) {
			r.RepetitionPenalty, r.PresencePenalty, r.FrequencyPenalty, r.LogitBias = 1.2, 0.3, 0.2, map[int32]float32{9: 2}
		},
		"all and the least": func(r *Request) {
			r.RepetitionPenalty, r.FrequencyPenalty, r.LogitBias, r.MinNewTokens, r.StopIDs = 1.3, 0.2, map[int32]float32{9: 2, 4: 1}, 12, []int32{9, 4, 90}
		},
	} {
		r := base
		change(&r)
		w.rows = nil
		got := alone(t, e, []Request{r})[0]
		if slices.Equal(got.Tokens, plain.Tokens) || len(got.Tokens) < r.MinNewTokens {
			t.Errorf("%s: changes nothing: %v", name, got.Tokens)
		}
		for i, token := range got.Tokens {
			edited, best := penalised(w.rows[i], &r, got.Tokens[:i]), 0
			for k, l := range edited {
				if l > edited[best] {
					best = k
				}
			}
			if token != int32(best) {
				t.Errorf("%s: token %d is %d (%v), the most probable is %d (%v)", name, i, token, edited[token], best, edited[best])
				break
			}
			if want := -nllOf(w.rows[i], token); !(math.Abs(float64(got.LogProbs[i])-want) < 1e-5) {
				t.Errorf("%s: token %d at %v, of the raw logits %v", name, i, got.LogProbs[i], want)
			}
		}
	}
}

func nllOf(row []float64, token int32) float64 {
	sum := 0.0
	for _, l := range row {
		sum += math.Exp(l)
	}
	return math.Log(sum) - row[token]
}

// A stop id cannot be drawn before the least number of tokens, and is from then on.
func TestStopIDsWaitForTheLeast(t *testing.T) {
	e := open(t, model.InferOptions{Tokens: 64, Docs: 2, PageSize: 8}, Options{})
	var all []int32
	for id := range int32(testVocab) {
		if id != 7 {
			all = append(all, id)
		}
	}
	res, err := e.Generate(context.Background(), Request{Prompt: []int32{1}, MaxNewTokens: 20, MinNewTokens: 5, StopIDs: all, Temperature: 1, LogitBias: map[int32]float32{}})
	if err != nil || !slices.Equal(res.Tokens[:5], []int32{7, 7, 7, 7, 7}) || res.Finish != FinishStop {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRefusedPenalties(t *testing.T) {
	e := open(t, model.InferOptions{Tokens: 64, Docs: 2, PageSize: 8}, Options{})
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	everything := map[int32]float32{}
	for id := range int32(testVocab) {
		everything[id] = -inf
	}
	for i, r := range []Request{{RepetitionPenalty: -1}, {RepetitionPenalty: nan}, {RepetitionPenalty: inf}, {PresencePenalty: nan}, {FrequencyPenalty: inf},
		{LogitBias: map[int32]float32{testVocab: 1}}, {LogitBias: map[int32]float32{-1: 1}}, {LogitBias: map[int32]float32{1: nan}},
		{LogitBias: map[int32]float32{1: inf}}, {LogitBias: everything}, {TopLogProbs: 21}, {TopLogProbs: -1}} {
		r.Prompt, r.MaxNewTokens = []int32{1}, 3
		if _, err := e.Generate(context.Background(), r); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%d: %v", i, err)
		}
	}
	delete(everything, 4)
	last := Request{Prompt: []int32{1}, MaxNewTokens: 3, LogitBias: everything, Temperature: 2}
	if res, err := e.Generate(context.Background(), last); err != nil || !slices.Equal(res.Tokens, []int32{4, 4, 4}) {
		t.Errorf("one token is left: %+v, %v", res, err)
	}
	last.MinNewTokens, last.StopIDs = 1, []int32{4}
	if _, err := e.Generate(context.Background(), last); !errors.Is(err, ErrBadRequest) {
		t.Errorf("and may not come: %v", err)
	}
}

// A step has room for so many edits; who finds none waits, and gets the same.
func TestMoreEditsThanAStepTakes(t *testing.T) {
	bias := map[int32]float32{}
	for id := range int32(testVocab) {
		bias[id] = float32(id%7) / 2
	}
	var rs []Request
	for i := range int32(7) { // of whose edits a step takes four times the vocabulary
		rs = append(rs, Request{Prompt: []int32{i, 3}, MaxNewTokens: 9, LogitBias: bias, FrequencyPenalty: 0.4})
	}
	want := alone(t, open(t, model.InferOptions{Tokens: 64, Docs: 1, PageSize: 16}, Options{CacheTokens: 64}), rs)
	got := atOnce(t, still(t, model.InferOptions{Tokens: 64, Docs: 7, PageSize: 4}, Options{}), rs)
	for i := range want {
		if !slices.Equal(got[i].Tokens, want[i].Tokens) || !slices.Equal(got[i].LogProbs, want[i].LogProbs) {
			t.Errorf("%d: %+v, alone %+v", i, got[i], want[i])
		}
	}
}
