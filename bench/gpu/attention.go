package gpu

import (
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// measureAttention answers a case of attention: Batch documents of T tokens, all heads with keys of their own, as the peers are
// given them. Mode forces a variant ("attention_backward=sm80"); "" takes what is in use.
func measureAttention(b kernels.Backend, c Case) (a Answer, err error) {
	forget, err := force(b, c.Mode)
	if err != nil {
		return a, err
	}
	defer forget()
	config := model.Config{NumHeads: c.Heads, NumKeyValueHeads: c.Heads, HeadDim: c.Dim, HiddenSize: c.Heads * c.Dim}
	f := &fixture{backend: b}
	defer f.release()
	err = caught(func() (err error) {
		s := shapeOf(f, Layer{N: c.Batch * c.T, T: c.T}, config)
		l := s.attention
		if c.Name == "backward" {
			l = s.attentionBackward
		} else if c.Name != "forward" {
			return fmt.Errorf("attention has no pass %q", c.Name)
		}
		work := l()
		a, err = measure(b, c.Rounds, work.run)
		a.FLOPs = work.flops
		return err
	})
	return a, err
}

// attentionModesOf lists the variants of attention's passes that a backend has, as Case.Mode names them.
func attentionModesOf(b kernels.Backend) (modes []string) {
	for _, v := range b.Variants() {
		if v.Available && (v.Op == "attention" || v.Op == "attention_backward") {
			modes = append(modes, v.Op+"="+v.Name)
		}
	}
	return modes
}

// attentionWork is the FLOPs of a case, for every side the same.
func attentionWork(c Case) float64 {
	flops := attentionFLOPs(c.Batch, c.Heads, c.Dim, c.T)
	if c.Name == "backward" {
		flops = math.Round(backwardProducts * flops)
	}
	return flops
}
