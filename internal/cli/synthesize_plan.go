package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/synth/job"
	"github.com/primer-lm/primer/tokenizer"
)

// What the paper reports, where nothing of this corpus is known yet.
const (
	paperPairs  = 5  // of a text
	paperTokens = 52 // of a pair
)

// planSamples is from how many documents on every second one is left out of the tokenizing, then every second of those left, …
const planSamples = 2048

// synthesisPlan is what --plan prints.
type synthesisPlan struct {
	synth.Memory
	Documents int64   `json:"documents"`
	Sampled   int64   `json:"documents_tokenized"`
	Texts     int64   `json:"texts"`                // pieces of long documents count each
	RawTokens int64   `json:"raw_tokens"`           // of the texts themselves
	PromptIn  int64   `json:"prompt_tokens"`        // earlier examples included
	Cached    int64   `json:"prompt_tokens_cached"` // of them, computed in the round before
	NewTokens int64   `json:"new_tokens"`
	NewMost   int64   `json:"new_tokens_at_most"`
	Scored    int64   `json:"scored_tokens"` // read again to score the pairs
	PerText   float64 `json:"new_tokens_per_text"`
	Basis     string  `json:"basis"` // of new tokens per text and pairs
	pairs     float64 // of a text
}

func (s *synthesize) printPlan(ctx context.Context, verify []synth.Option) (err error) {
	if err := s.check(); err != nil {
		return err
	}
	if err := s.checkWindow(); err != nil {
		return err
	}
	var p synthesisPlan
	if p.Memory, err = synth.PlanMemory(s.model, s.opening(verify...)...); err != nil {
		return err
	}
	if err := s.measure(&p); err != nil {
		return err
	}
	if err := s.expect(ctx, &p); err != nil {
		return err
	}
	return s.stdio.emit(s.json, &p, func(w io.Writer) { p.print(w, s.rounds.Rounds) })
}

// measure takes tokens and pairs of a text from what the job has made so far, else from the paper.
func (s *synthesize) measure(p *synthesisPlan) error {
	most := float64(s.rounds.MaxNewTokens)
	p.PerText, p.pairs, p.Basis = min(paperPairs*paperTokens, most), paperPairs, "the paper's 5 pairs of 52 tokens"
	if s.out == "" || s.isFile() {
		return nil
	}
	stats, err := job.Done(durable.OS, s.out)
	if err != nil || stats.Texts == 0 {
		return err
	}
	p.PerText, p.pairs = stats.NewTokens.Mean(), stats.PairsPerText.Mean()
	p.Basis = fmt.Sprintf("%d texts that are done in %s", stats.Texts, s.out)
	return nil
}

// expect reads the input and tokenizes a sample spread over it.
func (s *synthesize) expect(ctx context.Context, p *synthesisPlan) (err error) {
	tok, err := tokenizer.Open(s.model)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tok.Close()) }()
	codec, err := synth.NewCodec(tok)
	if err != nil {
		return err
	}
	limit := p.Window - s.rounds.MaxNewTokens
	var report data.Report
	var bytes, sampledBytes, tokens, pieces, seen, stride int64 = 0, 0, 0, 0, 0, 1 // all but bytes weighted by stride: so many documents each sample stands for
	for doc, err := range data.Documents(s.in, s.options(s.stdio, &report)) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if p.Documents%stride == 0 {
			ids, err := codec.Context(doc.Text)
			if err != nil {
				return fmt.Errorf("document %q: %w", doc.ID, err)
			}
			p.Sampled++
			seen, sampledBytes = seen+stride, sampledBytes+stride*int64(len(doc.Text))
			tokens, pieces = tokens+stride*int64(len(ids)), pieces+stride*int64((len(ids)+limit-1)/limit)
			if p.Sampled%planSamples == 0 {
				stride *= 2
			}
		}
		p.Documents++
		bytes += int64(len(doc.Text))
	}
	s.stdio.problems(&report)
	p.Texts = int64(float64(pieces) * float64(p.Documents) / float64(seen))
	p.RawTokens = int64(float64(tokens) * float64(bytes) / float64(sampledBytes))
	own := float64(p.RawTokens) / float64(p.Texts)
	p.rounds(own, s.rounds.Rounds, float64(limit))
	p.NewTokens, p.NewMost = int64(p.PerText*float64(p.Texts)), p.Texts*int64(s.rounds.MaxNewTokens)
	if s.verify == verifyModel || s.verify == verifyAgreement {
		perPair := p.PerText / max(p.pairs, 1)
		p.Scored = int64(float64(p.Texts) * p.pairs * (own + 2*perPair))
	}
	return nil
}

// rounds adds up the prompts of a chain of texts of the mean length: the earlier examples that fit, and the text.
func (p *synthesisPlan) rounds(own float64, rounds int, limit float64) {
	shots, in, cached := 0.0, 0.0, 0.0
	for range rounds {
		fit := min(shots, float64(int(max(limit-own, 0)/(own+p.PerText))))
		in += own + fit*(own+p.PerText)
		if fit == shots { // the same examples stood in front before
			cached += max(fit-1, 0)*(own+p.PerText) + min(fit, 1)*own
		}
		shots = fit + 1
	}
	p.PromptIn = int64(in / float64(rounds) * float64(p.Texts))
	p.Cached = int64(cached / float64(rounds) * float64(p.Texts))
}

func (p *synthesisPlan) print(w io.Writer, rounds int) {
	fmt.Fprintf(w, "parameters    %s\n", progress.Count(p.Parameters))
	fmt.Fprintf(w, "weights       %s\n", progress.Bytes(p.Weights))
	fmt.Fprintf(w, "KV cache      %s, %d positions, a window of %d\n", progress.Bytes(p.Cache), p.CacheTokens, p.Window)
	fmt.Fprintf(w, "together      %s, and the buffers of one step\n", progress.Bytes(p.Weights+p.Cache))
	fmt.Fprintf(w, "texts         %s from %s documents, %s tokens (%s documents tokenized)\n", progress.Count(p.Texts), progress.Count(p.Documents),
		progress.Count(p.RawTokens), progress.Count(p.Sampled))
	fmt.Fprintf(w, "prompts       %s tokens in %d rounds, %s of them still in the cache\n", progress.Count(p.PromptIn), rounds, progress.Count(p.Cached))
	fmt.Fprintf(w, "new tokens    %s expected, %.0f a text (%s), %s at most\n", progress.Count(p.NewTokens), p.PerText, p.Basis, progress.Count(p.NewMost))
	if p.Scored > 0 {
		fmt.Fprintf(w, "scores        %s tokens read again to score pairs (--verify none or cheap: none)\n", progress.Count(p.Scored))
	}
}
