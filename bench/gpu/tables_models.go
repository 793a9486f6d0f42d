package gpu

import (
	"fmt"
	"math"
	"strconv"
)

// nominal is what a GPU's data sheet says of dense bf16 products, FLOP/s; 0 for a GPU that is not listed.
func nominal(gpu string) float64 {
	switch gpu {
	case "NVIDIA H200", "NVIDIA H100 80GB HBM3": // SXM both; PCIe and NVL cards have less
		return 989e12
	}
	return 0
}

func (s *Summary) trainingTable(b *page) {
	records := s.of(kindTrain)
	if records == nil {
		return
	}
	gpu := nominal(s.about(oursSide)["gpu"])
	s.section(b, "Training")
	b.line("One step is one micro-batch; bf16 with f32 master weights, AdamW, no dropout, random tokens. The peer is torch.compile with SDPA under " +
		"bf16 autocast. MFU: the model's FLOPs, causal half, three times the forward pass, over the measured peak of products, and over the data sheet's " +
		"(989 TFLOP/s for H100 SXM and H200). Memory is what each side's allocator counts at most.\n")
	b.table("model", "side", "tokens a step", "tokens/s", "× peer", "MFU measured / sheet", "memory GiB", "× peer", "first and last loss")
	for _, r := range records {
		if r.Median() == 0 || r.Tokens == 0 {
			continue
		}
		rate, peer, flops := float64(r.Tokens)/r.Median(), s.peerOf(r), s.trainFLOPs(r.Model)
		times, less := "", ""
		if r.Side == oursSide {
			times, less = "peer missing", "peer missing"
			if peer != nil {
				x := rate / (float64(peer.Tokens) / peer.Median())
				times = s.mark(ratioText(x), x >= targetTraining, true)
				less = "–"
				if peer.Memory > 0 {
					y := float64(r.Memory) / float64(peer.Memory)
					less = s.mark(ratioText(y), y <= targetTrainingMemory, true)
				}
			}
		}
		target := trainingRates[r.Model]
		mfu := share(flops*rate, s.peaks().GEMM) + " / " + share(flops*rate, gpu)
		losses := "–"
		if n := len(r.Losses); n > 0 {
			losses = fmt.Sprintf("%.3f, %.3f", r.Losses[0], r.Losses[n-1])
		}
		b.row(r.Model, r.Side, fmt.Sprint(r.Tokens), s.mark(fmt.Sprintf("%.0f", rate), rate >= target, target > 0 && r.Side == oursSide), times, mfu,
			fmt.Sprintf("%.2f", float64(r.Memory)/(1<<30)), less, losses)
	}
	s.compareLosses(b, records)
	b.line("\nTargets: × peer ≥ %.1f, then 1.1; 500M ≥ 110,000 and 1.3B ≥ 54,000 tokens/s on one H200; memory ≤ %.1f × the peer's.", targetTraining, targetTrainingMemory)
}

// sameLoss is how far the first losses of two sides may lie apart: both are near the logarithm of the vocabulary, with other
// random numbers.
const sameLoss = 0.03

// compareLosses says where two sides cannot have trained the same model.
func (s *Summary) compareLosses(b *page, records []Record) {
	for _, r := range records {
		p := s.peerOf(r)
		if r.Side != oursSide || p == nil || len(r.Losses) == 0 || len(p.Losses) == 0 {
			continue
		}
		if x, y := r.Losses[0], p.Losses[0]; !(math.Abs(x-y) <= sameLoss*y) {
			b.line("\n**%s: the first losses, %.3f and %.3f, differ: the sides do not train the same model, ratios mean nothing.**", r.Model, x, y)
		}
	}
}

// trainFLOPs is the operations of a training step per token; our side counts them, the peer's model is the same.
func (s *Summary) trainFLOPs(model string) float64 {
	for _, r := range s.of(kindTrain) {
		if r.Model == model && r.FLOPs > 0 && r.Tokens > 0 {
			return r.FLOPs / float64(r.Tokens)
		}
	}
	return 0
}

// peerOf is the peer's record of the same training, nil when there is none.
func (s *Summary) peerOf(r Record) *Record {
	for _, p := range s.of(kindTrain) {
		if p.Side == torchSide && p.Model == r.Model && p.T == r.T && p.Batch == r.Batch && p.Median() > 0 {
			return &p
		}
	}
	return nil
}

func (s *Summary) generationTable(b *page) {
	records := s.of(kindGenerate)
	if records == nil {
		return
	}
	peaks := s.peaks()
	s.section(b, "Generation")
	b.line("Random bf16 weights, requests to generate.Engine at once, greedy, by the host's clock. Prefill: to the first new token. " +
		"Decode: a step of all sequences; its roofline is the bytes of the weights and of the cached keys and values over the measured copy bandwidth. " +
		"Shared: prompts with 15/16 in common, beside prompts with nothing in common.\n")
	b.table("model", "work", "batch", "prompt", "ms", "tokens/s", "of the roofline or peak", "memory GiB")
	for _, r := range records {
		if r.Median() == 0 {
			continue
		}
		b.row(r.Model, r.Name, fmt.Sprint(r.Batch), fmt.Sprint(r.T), fmt.Sprintf("%.2f", 1e3*r.Median()),
			fmt.Sprintf("%.0f", float64(r.Tokens)/r.Median()), s.generationShare(r, peaks), fmt.Sprintf("%.2f", float64(r.Memory)/(1<<30)))
	}
	b.line("\nTargets: decode of 7B ≥ %.0f %% of the roofline; shared prefixes ≥ %.0f × (the table has the ratio).", 100*targetDecode7B, targetShared)
}

func (s *Summary) generationShare(r Record, peaks Answer) string {
	switch r.Name {
	case "prefill":
		return share(r.FLOPs/r.Median(), peaks.GEMM) + " of products"
	case "decode":
		rate := r.Bytes / r.Median()
		return s.mark(share(rate, peaks.Copy), peaks.Copy > 0 && rate/peaks.Copy >= targetDecode7B, r.Model == "7B")
	}
	alone, err := strconv.ParseFloat(r.About[unsharedSeconds], 64)
	if err != nil || alone <= 0 {
		return "–"
	}
	x := alone / r.Median()
	return s.mark(ratioText(x)+" × without sharing", x >= targetShared, true)
}
