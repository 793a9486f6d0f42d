package gpu

import (
	"fmt"
	"slices"
	"time"
)

// The kinds of cases.
const (
	kindDescribe = "describe" // what the side runs on
	kindStart    = "start"    // opening the device: Seconds[0]
	kindPeaks    = "peaks"    // what the device can do
	kindOp       = "op"       // one op at one shape
	kindAttend   = "attention"
	kindTrain    = "train"
	kindGenerate = "generate"
)

// Case asks a side to measure something. Lengths are in tokens. Both Go and Python read it: tools/gpucheck/side.py.
type Case struct {
	Kind   string `json:"kind"`
	Name   string `json:"name,omitempty"`   // an op, or "forward", "backward"; "prefill", "decode", "shared"
	Side   string `json:"side,omitempty"`   // as tables call it
	Mode   string `json:"mode,omitempty"`   // how the side is to compute: a variant of ours, a back end of SDPA
	Model  string `json:"model,omitempty"`  // name in Shapes
	Config *Sizes `json:"config,omitempty"` // of Model, for a side that does not have our table
	T      int64  `json:"t,omitempty"`      // tokens of a document
	Batch  int64  `json:"batch,omitempty"`  // documents, sequences
	Heads  int64  `json:"heads,omitempty"`
	Dim    int64  `json:"dim,omitempty"` // of a head
	New    int64  `json:"new,omitempty"` // tokens generated behind T
	Rounds int    `json:"rounds"`        // that are measured, training: steps
}

// Sizes are those of a Llama, with Hugging Face's names.
type Sizes struct {
	VocabSize        int64   `json:"vocab_size"`
	HiddenSize       int64   `json:"hidden_size"`
	IntermediateSize int64   `json:"intermediate_size"`
	Layers           int64   `json:"num_hidden_layers"`
	Heads            int64   `json:"num_attention_heads"`
	KeyValueHeads    int64   `json:"num_key_value_heads"`
	Theta            float64 `json:"rope_theta"`
	Eps              float64 `json:"rms_norm_eps"`
}

// Answer is what a side measured.
type Answer struct {
	Seconds []float64         `json:"seconds,omitempty"` // of one call, in each round
	Clock   string            `json:"clock,omitempty"`   // clockEvents or clockHost
	FLOPs   float64           `json:"flops,omitempty"`   // that one call must compute
	Bytes   float64           `json:"bytes,omitempty"`   // that one call must move
	Tokens  int64             `json:"tokens,omitempty"`  // of one call
	Memory  int64             `json:"memory,omitempty"`  // bytes of the device at most
	Losses  []float64         `json:"losses,omitempty"`
	GEMM    float64           `json:"gemm,omitempty"`  // FLOP/s of bf16 products: peaks
	Copy    float64           `json:"copy,omitempty"`  // bytes/s read and written: peaks
	About   map[string]string `json:"about,omitempty"` // what else is known: names, versions
	Modes   []string          `json:"modes,omitempty"` // describe: "attention=sm80" and so on, that Case.Mode may name
	Error   string            `json:"error,omitempty"`
}

// The clocks. Events of the device leave out what the host does; the host's includes waiting for the device.
const (
	clockEvents = "events"
	clockHost   = "host"
)

// Record is a case with its answer: a line of results.jsonl.
type Record struct {
	Step string    `json:"step"`
	At   time.Time `json:"at"`
	Case
	Answer
}

// Median is that of the rounds, in seconds; 0 when nothing was measured.
func (a *Answer) Median() float64 {
	if len(a.Seconds) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(a.Seconds))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// check refuses an answer that is none to its question.
func (a *Answer) check(c Case) error {
	for _, s := range a.Seconds {
		if !(s > 0) {
			return fmt.Errorf("a time of %v seconds", s)
		}
	}
	switch c.Kind {
	case kindDescribe:
		return nil
	case kindPeaks:
		if !(a.GEMM > 0 && a.Copy > 0) {
			return fmt.Errorf("peaks of %v FLOP/s and %v bytes/s", a.GEMM, a.Copy)
		}
		return nil
	}
	if len(a.Seconds) < max(1, c.Rounds) {
		return fmt.Errorf("%d times for %d rounds", len(a.Seconds), c.Rounds)
	}
	return nil
}

// what names a case in messages.
func (c Case) what() string {
	s := c.Kind
	for _, part := range []string{c.Name, c.Model, c.Mode} {
		if part != "" {
			s += " " + part
		}
	}
	if c.T > 0 {
		s += fmt.Sprintf(" T=%d", c.T)
	}
	if c.Dim > 0 {
		s += fmt.Sprintf(" D=%d", c.Dim)
	}
	if c.Batch > 0 {
		s += fmt.Sprintf(" batch=%d", c.Batch)
	}
	return s
}
