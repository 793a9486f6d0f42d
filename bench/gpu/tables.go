package gpu

import (
	"fmt"
	"strings"
)

// The design's targets ("Speed"), on one H200.
const (
	targetFlashForward   = 0.85 // × SDPA flash
	targetFlashBackward  = 0.75
	targetEfficient      = 1.5  // × SDPA memory-efficient
	targetCuDNNForward   = 0.80 // × cuDNN, with Hopper's wgmma
	targetCuDNNBackward  = 0.70
	targetTraining       = 1.0  // × torch.compile and SDPA, then 1.1
	targetTrainingMemory = 0.8  // × torch.compile, at most
	targetDecode7B       = 0.75 // of the bandwidth roofline
	targetShared         = 2.0  // × without a shared prefix
)

// trainingRates are tokens/s that a model has to be trained with.
var trainingRates = map[string]float64{"500M": 110e3, "1.3B": 54e3}

// mark is a figure with a mark when it has a target: "0.80 ✗". What is held against a target is no figure where times mean nothing.
func (s *Summary) mark(text string, met, wanted bool) string {
	switch {
	case !wanted:
		return text
	case s.unreal() != "":
		return "n/a"
	case met:
		return text + " ✓"
	}
	return text + " ✗"
}

func ratioText(x float64) string { return fmt.Sprintf("%.2f", x) }

func (s *Summary) opTables(b *page) {
	records := s.of(kindOp)
	if records == nil {
		return
	}
	peaks := s.peaks()
	s.section(b, "Ops")
	b.line("bf16; medians of rounds, clock: %s. Products stand against the measured peak of products, the rest against the measured copy; "+
		"the design asks for at least %.0f %% of the copy of norms, rope, GLU, loss and AdamW.\n", records[0].Clock, 100*streamTarget)
	b.table("op", "layer", "µs", "TFLOP/s", "GB/s", "of peak")
	for _, r := range records {
		if r.Median() == 0 {
			continue
		}
		us := fmt.Sprintf("%.1f", 1e6*r.Median())
		if r.FLOPs > 0 {
			rate := r.FLOPs / r.Median()
			b.row(r.Name, r.Model, us, fmt.Sprintf("%.1f", rate/1e12), "", share(rate, peaks.GEMM))
			continue
		}
		rate, wanted := r.Bytes/r.Median(), false
		met := peaks.Copy > 0 && rate/peaks.Copy >= streamTarget
		if o, err := findOp(r.Name); err == nil {
			wanted = o.target > 0
		}
		b.row(r.Name, r.Model, us, "", fmt.Sprintf("%.0f", rate/1e9), s.mark(share(rate, peaks.Copy), met, wanted))
	}
}

func share(rate, peak float64) string {
	if peak == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*rate/peak)
}

// attentionTables has one row a shape: our variants in TFLOP/s, and for each back end its TFLOP/s and our best as a multiple of it.
func (s *Summary) attentionTables(b *page) {
	records := s.of(kindAttend)
	if records == nil {
		return
	}
	s.section(b, "Attention beside SDPA")
	b.line("bf16, causal, as many key heads as heads; TFLOP/s of the causal half (backward: 2.5 × the forward's). " +
		"Behind each back end: our best variant as a multiple of its speed.")
	for _, pass := range []string{"forward", "backward"} {
		b.line("\n%s:\n", strings.ToUpper(pass[:1])+pass[1:])
		modes := attentionModes(records, pass)
		columns := []string{"D", "T", "batch × heads"}
		for _, m := range modes {
			columns = append(columns, "Primer "+m)
		}
		for _, m := range sdpa {
			columns = append(columns, m, "× "+m)
		}
		b.table(columns...)
		for _, row := range attentionRows(records, pass) {
			s.attentionRow(b, row, modes, pass)
		}
	}
	b.line("\nTargets: × flash ≥ %.2f forward, ≥ %.2f backward; × efficient ≥ %.1f; × cudnn ≥ %.2f forward, ≥ %.2f backward (with Hopper's wgmma).",
		targetFlashForward, targetFlashBackward, targetEfficient, targetCuDNNForward, targetCuDNNBackward)
}

// attentionRow is one shape's records by side and mode.
type attentionRow struct {
	Case
	ours, theirs map[string]Record
}

func attentionModes(records []Record, pass string) (modes []string) {
	seen := map[string]bool{}
	for _, r := range records {
		if _, name, _ := strings.Cut(r.Mode, "="); r.Side == oursSide && r.Name == pass && !seen[name] {
			seen[name] = true
			modes = append(modes, name)
		}
	}
	return modes
}

func attentionRows(records []Record, pass string) (rows []*attentionRow) {
	at := map[string]*attentionRow{}
	for _, r := range records {
		if r.Name != pass || r.Median() == 0 {
			continue
		}
		shape := r.Case
		shape.Mode, shape.Side = "", ""
		row := at[shape.what()]
		if row == nil {
			row = &attentionRow{shape, map[string]Record{}, map[string]Record{}}
			at[shape.what()] = row
			rows = append(rows, row)
		}
		if _, name, _ := strings.Cut(r.Mode, "="); r.Side == oursSide {
			row.ours[name] = r
		} else {
			row.theirs[r.Mode] = r
		}
	}
	return rows
}

func (s *Summary) attentionRow(b *page, row *attentionRow, modes []string, pass string) {
	flops := attentionWork(row.Case)
	cells := []string{fmt.Sprint(row.Dim), fmt.Sprint(row.T), fmt.Sprintf("%d × %d", row.Batch, row.Heads)}
	best := 0.0
	for _, m := range modes {
		r, ok := row.ours[m]
		if !ok {
			cells = append(cells, "missing")
			continue
		}
		rate := flops / r.Median()
		best = max(best, rate)
		cells = append(cells, fmt.Sprintf("%.1f", rate/1e12))
	}
	targets := map[string]map[string]float64{
		"forward":  {"flash": targetFlashForward, "efficient": targetEfficient, "cudnn": targetCuDNNForward},
		"backward": {"flash": targetFlashBackward, "efficient": targetEfficient, "cudnn": targetCuDNNBackward},
	}[pass]
	for _, m := range sdpa {
		r, ok := row.theirs[m]
		if !ok {
			cells = append(cells, "missing", "–")
			continue
		}
		rate := flops / r.Median()
		times := "–"
		if best > 0 {
			times = s.mark(ratioText(best/rate), best/rate >= targets[m], true)
		}
		cells = append(cells, fmt.Sprintf("%.1f", rate/1e12), times)
	}
	b.row(cells...)
}
