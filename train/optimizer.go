package train

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// stepper issues optimizer steps: gradients of all micro-batches, then norm, clipping and AdamW. It waits for nothing.
type stepper struct {
	cfg   Config
	model *model.Trainer
	b     kernels.Backend
	state model.State
	hyper [kernels.HyperLen * 4]byte
}

func newStepper(cfg Config, m *model.Trainer) *stepper {
	return &stepper{cfg: cfg, model: m, b: m.Backend(), state: m.State()}
}

// gradients issues a step's forward and backward passes; steps are counted from 1. Weights and moments stay as they are.
func (s *stepper) gradients(n int64, batches []*data.Batch) error {
	_, lossTokens := count(batches)
	if lossTokens == 0 {
		return fmt.Errorf("step %d: no token of the batch has a loss", n)
	}
	first := batches[0].Sample
	token := int64(0)
	for i, b := range batches {
		micro := &model.Batch{Tokens: b.Tokens, Targets: b.Targets, Positions: b.Positions, Mask: b.Mask, CuLens: b.CuLens,
			Scale: float32(1 / float64(lossTokens)), Seed: int64(s.cfg.Seed), Step: n, Sample: b.Sample - first, Token: token}
		if err := s.model.MicroBatch(micro, i == 0, nil); err != nil {
			return fmt.Errorf("step %d: %w", n, err)
		}
		token += int64(len(b.Tokens))
	}
	return nil
}

// update issues gradient norm, clipping, AdamW, and the way of the outcome to the host. A step that is not finite changes nothing.
func (s *stepper) update(n int64) {
	for i, v := range [kernels.HyperLen]float64{
		kernels.HyperRate:        s.cfg.RateAt(n),
		kernels.HyperCorrection1: 1 / (1 - math.Pow(s.cfg.Beta1, float64(n))),
		kernels.HyperCorrection2: 1 / (1 - math.Pow(s.cfg.Beta2, float64(n))),
	} {
		binary.LittleEndian.PutUint32(s.hyper[4*i:], math.Float32bits(float32(v)))
	}
	st := &s.state
	s.b.Write(st.Hyper, s.hyper[:])
	s.b.SumSquares(kernels.SumSquaresArgs{Out: st.SumSquares, X: st.Grad})
	s.b.Clip(kernels.ClipArgs{Clip: st.Clip, SumSquares: st.SumSquares, Loss: st.Loss, MaxNorm: float32(s.cfg.Clip)})
	s.b.AdamW(kernels.AdamWArgs{Master: st.Master, Shadow: st.Shadow, Grad: st.Grad, M: st.M, V: st.V, Decay: st.Decay, Hyper: st.Hyper,
		Clip: st.Clip, Beta1: float32(s.cfg.Beta1), Beta2: float32(s.cfg.Beta2), Eps: float32(s.cfg.Eps),
		WeightDecay: float32(s.cfg.WeightDecay)})
	s.model.FetchOutcome()
}

// culprit names what is not finite in a step that has written nothing: the first parameter, in forward order, whose gradient
// is not, or the loss. The gradients may be the next step's by now; they are computed again, from the same weights.
func (s *stepper) culprit(n int64, batches []*data.Batch, loss float64) string {
	if err := s.gradients(n, batches); err != nil {
		return fmt.Sprintf("the loss (%v; its gradients cannot be computed again: %v)", loss, err)
	}
	flat := s.model.Flat()
	for i := range flat.Params {
		t := flat.Tensor(s.state.Grad, i)
		raw := make([]byte, t.Bytes())
		if err := s.b.Read(raw, t.Reshape(t.Len())); err != nil {
			return fmt.Sprintf("gradients, which cannot be read: %v", err)
		}
		for at := 0; at < len(raw); at += 4 {
			if g := math.Float32frombits(binary.LittleEndian.Uint32(raw[at:])); g-g != 0 {
				return fmt.Sprintf("the gradient of %s (element %d is %v; loss %v)", flat.Params[i].Name, at/4, g, loss)
			}
		}
	}
	return fmt.Sprintf("the loss (%v)", loss)
}
