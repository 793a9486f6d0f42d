package train

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// stepper computes optimizer steps: gradients of all micro-batches, norm, clipping, AdamW, without the host in between.
type stepper struct {
	cfg   Config
	model *model.Trainer
	b     kernels.Backend
	state model.State
	hyper [kernels.HyperLen * 4]byte // may change again after collect
}

func newStepper(cfg Config, m *model.Trainer) *stepper {
	return &stepper{cfg: cfg, model: m, b: m.Backend(), state: m.State()}
}

// outcome is what the host learns of a step, after it.
type outcome struct {
	loss     float64 // mean over the step's loss tokens
	gradNorm float64 // before clipping
	finite   bool
}

// step issues one step, counted from 1, and waits for it. A step that is not finite has changed nothing but the gradients.
func (s *stepper) step(n int64, batches []*data.Batch) (outcome, error) {
	lossTokens, err := s.issue(n, batches)
	if err != nil {
		return outcome{}, err
	}
	return s.collect(lossTokens)
}

// issue puts a whole step on the queue and returns how many tokens have a loss in it.
func (s *stepper) issue(n int64, batches []*data.Batch) (lossTokens int64, err error) {
	for _, b := range batches {
		lossTokens += b.LossTokens
	}
	if lossTokens == 0 {
		return 0, fmt.Errorf("step %d: no token of the batch has a loss", n)
	}
	first := batches[0].Sample
	token := int64(0)
	for i, b := range batches {
		micro := &model.Batch{Tokens: b.Tokens, Targets: b.Targets, Positions: b.Positions, Mask: b.Mask, CuLens: b.CuLens,
			Scale: float32(1 / float64(lossTokens)), Seed: int64(s.cfg.Seed), Step: n, Sample: b.Sample - first, Token: token}
		if err := s.model.MicroBatch(micro, i == 0, nil); err != nil {
			return 0, fmt.Errorf("step %d: %w", n, err)
		}
		token += int64(len(b.Tokens))
	}
	s.update(n)
	return lossTokens, nil
}

// update issues gradient norm, clipping and AdamW.
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
}

// collect waits for the step and reads what came out.
func (s *stepper) collect(lossTokens int64) (outcome, error) {
	sum, err := s.model.LossSum()
	if err != nil {
		return outcome{}, err
	}
	var raw [kernels.ClipLen * 4]byte
	if err := s.b.Read(raw[:], s.state.Clip); err != nil {
		return outcome{}, err
	}
	clip := func(i int) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))) }
	return outcome{loss: sum / float64(lossTokens), gradNorm: clip(kernels.ClipNorm), finite: clip(kernels.ClipFinite) == 1}, nil
}

// culprit names what is not finite after a failed step: the first parameter, in forward order, whose gradient is not, or
// the loss.
func (s *stepper) culprit(out outcome) string {
	flat := s.model.Flat()
	for i := range flat.Params {
		t := flat.Tensor(s.state.Grad, i)
		raw := make([]byte, t.Bytes())
		if err := s.b.Read(raw, t.Reshape(t.Len())); err != nil {
			return fmt.Sprintf("gradients, which cannot be read: %v", err)
		}
		for at := 0; at < len(raw); at += 4 {
			if g := math.Float32frombits(binary.LittleEndian.Uint32(raw[at:])); g-g != 0 {
				return fmt.Sprintf("the gradient of %s (element %d is %v; loss %v)", flat.Params[i].Name, at/4, g, out.loss)
			}
		}
	}
	return fmt.Sprintf("the loss (%v)", out.loss)
}
