package speed

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/train"
)

// trainSide is our side of training: train.Loop, as every run of Primer uses it, batches, clipping and AdamW included.
type trainSide struct {
	backend kernels.Backend
	model   *model.Trainer
	config  train.Config
	source  *rowSource
	at      train.Position
}

// openTrain opens the model of a job on the CPU.
func openTrain(job Job) (side, error) {
	backend, err := cpu.Open(cpu.Options{Threads: job.Threads})
	if err != nil {
		return nil, err
	}
	return openTrainOn(backend, job)
}

// openTrainOn is openTrain on a given backend, which becomes the side's.
func openTrainOn(backend kernels.Backend, job Job) (_ *trainSide, err error) {
	s := &trainSide{backend: backend}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	math, ok := map[string]kernels.DType{train.MathF32: kernels.F32, train.MathBF16: kernels.BF16}[job.Mode]
	if !ok {
		return nil, fmt.Errorf("mode is %q, must be %q or %q", job.Mode, train.MathF32, train.MathBF16)
	}
	if s.source, err = readRows(job.Tokens, job.T, job.Rows); err != nil {
		return nil, err
	}
	folder, err := hf.OpenFolder(job.Folder)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	tokens := int64(job.Rows * job.T)
	if s.model, err = model.OpenTrainer(backend, folder.Config, model.Options{Tokens: tokens, Docs: int64(job.Rows), MaxLen: int64(job.T),
		Math: math, Moments: kernels.F32}); err != nil {
		return nil, err
	}
	s.config = train.Config{Recipe: "speed", BatchTokens: tokens, SeqLen: int64(job.T), MicroTokens: tokens, Rate: job.Rate, MinRate: 1,
		Beta1: job.Beta1, Beta2: job.Beta2, Eps: job.Eps, WeightDecay: job.WeightDecay, Clip: job.Clip, Math: job.Mode, Recompute: "none"}
	return s, s.model.Load(folder)
}

func (s *trainSide) turn(t Turn) (took Took, err error) {
	if t.Work != WorkTrain {
		return took, fmt.Errorf("a side that trains cannot %s", t.Work)
	}
	s.config.Steps = s.at.Step + int64(t.Count)
	s.at, err = train.Loop(context.Background(), s.config, s.model, s.source, s.at, train.Hooks{Step: func(r train.StepRecord) error {
		took.Seconds, took.Losses = append(took.Seconds, r.Seconds), append(took.Losses, r.Loss)
		return nil
	}})
	return took, err
}

func (s *trainSide) close() error {
	if s.model != nil {
		s.model.Close()
	}
	return s.backend.Close()
}

// rowSource gives rows of a file in order, Rows of them a step, from the first again after the last.
type rowSource struct {
	tokens  []int32 // [steps × Rows, T+1]
	t, rows int
	step    int // next one
}

func readRows(path string, t, rows int) (*rowSource, error) {
	tokens, err := readTokens(path)
	if err != nil {
		return nil, err
	}
	if step := rows * (t + 1); step < 1 || len(tokens) < step || len(tokens)%step != 0 {
		return nil, fmt.Errorf("%s: %d tokens are no whole number of steps of %d rows of %d+1", path, len(tokens), rows, t)
	}
	return &rowSource{tokens: tokens, t: t, rows: rows}, nil
}

func readTokens(path string) ([]int32, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tokens := make([]int32, len(raw)/4)
	for i := range tokens {
		tokens[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return tokens, nil
}

func writeTokens(w io.Writer, tokens []int32) error {
	return binary.Write(w, binary.LittleEndian, tokens)
}

// Step returns the next step's rows as one micro-batch, each row a document.
func (s *rowSource) Step(batchTokens, microTokens int64) ([]*data.Batch, error) {
	b := &data.Batch{CuLens: []int32{0}, LossTokens: batchTokens}
	steps := len(s.tokens) / (s.rows * (s.t + 1))
	for r := range s.rows {
		row := s.tokens[(s.step%steps*s.rows+r)*(s.t+1):][:s.t+1]
		b.Tokens, b.Targets = append(b.Tokens, row[:s.t]...), append(b.Targets, row[1:]...)
		for p := range s.t {
			b.Positions, b.Mask = append(b.Positions, int32(p)), append(b.Mask, 1)
		}
		b.CuLens = append(b.CuLens, int32(len(b.Tokens)))
	}
	s.step++
	return []*data.Batch{b}, nil
}

// State is the number of the next step.
func (s *rowSource) State() (json.RawMessage, error) { return json.Marshal(s.step) }

// Restore goes to a step.
func (s *rowSource) Restore(raw json.RawMessage) error { return json.Unmarshal(raw, &s.step) }

// Manifest is nothing.
func (s *rowSource) Manifest() any { return nil }
