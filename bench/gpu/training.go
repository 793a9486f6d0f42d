package gpu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/train"
)

// trainWarm steps are not measured: algorithms are chosen in them.
const trainWarm = 3

// measureTraining answers a case of training: train.Loop, as every run of Primer uses it, on random tokens from random weights,
// Batch rows of T tokens a step in one micro-batch, no dropout (the peer has none). Seconds are those between the ends of
// neighbouring steps, by the host's clock.
func measureTraining(b kernels.Backend, shapes *Shapes, c Case) (a Answer, err error) {
	config, ok := shapes.Models[c.Model]
	if !ok {
		return a, fmt.Errorf("shapes %s have no model %q", shapes.Name, c.Model)
	}
	tokens := c.Batch * c.T
	m, err := model.OpenTrainer(b, &config, model.Options{Tokens: tokens, Docs: c.Batch, MaxLen: c.T, Math: half, Moments: kernels.F32})
	if err != nil {
		return a, err
	}
	defer m.Close()
	if err := m.Initialize(1); err != nil {
		return a, err
	}
	cfg := train.Config{Recipe: "gpu-check", Steps: int64(trainWarm + c.Rounds), BatchTokens: tokens, SeqLen: c.T, MicroTokens: tokens, Rate: 1e-4,
		MinRate: 1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Clip: 1, Math: train.MathBF16, Recompute: "none"}
	last := time.Now()
	_, err = train.Loop(context.Background(), cfg, m, &randomRows{config.VocabSize, c.T, c.Batch, 0}, train.Position{}, train.Hooks{
		Step: func(r train.StepRecord) error {
			now := time.Now()
			if r.Step > trainWarm {
				a.Seconds = append(a.Seconds, now.Sub(last).Seconds())
			}
			a.Losses, last = append(a.Losses, r.Loss), now
			return nil
		}})
	a.Clock, a.Tokens, a.FLOPs = clockHost, tokens, m.Plan().PerToken*float64(tokens)
	a.Memory = deviceBytes(b)
	a.About = map[string]string{"parameters": fmt.Sprint(config.NumParams()), "planned bytes": fmt.Sprint(m.Plan().Total())}
	return a, err
}

// randomRows gives steps of random tokens, each row a document; the seed is the step.
type randomRows struct {
	vocab, t, rows int64
	step           uint64
}

func (s *randomRows) Step(batchTokens, microTokens int64) ([]*data.Batch, error) {
	if n := s.t * s.rows; batchTokens != n || microTokens != n {
		return nil, errors.New("a step is one micro-batch of all rows")
	}
	b := &data.Batch{CuLens: []int32{0}, LossTokens: batchTokens}
	random := rand.New(rand.NewPCG(s.step, 0))
	for range s.rows {
		next := random.Int32N(int32(s.vocab))
		for p := range s.t {
			b.Tokens, next = append(b.Tokens, next), random.Int32N(int32(s.vocab))
			b.Targets, b.Positions, b.Mask = append(b.Targets, next), append(b.Positions, int32(p)), append(b.Mask, 1)
		}
		b.CuLens = append(b.CuLens, int32(len(b.Tokens)))
	}
	s.step++
	return []*data.Batch{b}, nil
}

func (s *randomRows) State() (json.RawMessage, error) { return json.Marshal(s.step) }

func (s *randomRows) Restore(raw json.RawMessage) error { return json.Unmarshal(raw, &s.step) }

func (s *randomRows) Manifest() any { return nil }
