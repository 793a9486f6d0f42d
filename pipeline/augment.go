package pipeline

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/train/rundir"
)

// openSynthesizer opens what tune saved, as another program would.
func (q *quickstart) openSynthesizer(ctx context.Context) (*synth.Synthesizer, error) {
	folder, err := checkpointOf(filepath.Join(q.Out, "synthesizer"))
	if err != nil {
		return nil, err
	}
	return synth.Open(ctx, folder, synth.Device(q.Device), synth.InFlight(q.InFlight),
		synth.Rounds(synth.RoundOptions{Rounds: q.Rounds, Window: int(q.Settings.Model.MaxPositions), MaxNewTokens: q.MaxNew, Seed: q.Seed}))
}

func checkpointOf(dir string) (string, error) {
	found, err := rundir.Checkpoints(durable.OS, dir)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%s holds no checkpoint", dir)
	}
	return found[0].Dir, nil
}

// augment runs the rounds over documents.
func (q *quickstart) augment(ctx context.Context, docs []data.Document, each func(synth.Augmented)) error {
	s, err := q.openSynthesizer(ctx)
	if err != nil {
		return err
	}
	for a, err := range s.Run(ctx, data.All(docs)) {
		if err != nil {
			_ = s.Close() // the first error is the one to tell
			return err
		}
		each(a)
	}
	return s.Close()
}

// synthesize adds pairs to the raw corpus.
func (q *quickstart) synthesize(ctx context.Context, st *Stage) error {
	report := &q.report.Synthesis
	if err := q.augment(ctx, q.raw, func(a synth.Augmented) {
		report.Add(a)
		q.chains = append(q.chains, a.Chains...)
		for _, t := range a.Texts {
			if len(q.report.Examples) < q.ExamplesRead && t.Round == q.Rounds-1 && len(t.Parsed.Pairs) > 1 && report.Texts%17 == 0 {
				q.report.Examples = append(q.report.Examples, Shown{Text: t.Document.Text, Pairs: t.Parsed.Pairs})
			}
		}
	}); err != nil {
		return err
	}
	q.report.ParsedShare, q.report.PairsPerText, q.report.TokensPerPair = report.ParsedShare(), report.PairsPerText(), report.TokensPerPair()
	st.Tokens = report.TokensIn + report.TokensOut
	st.Note = fmt.Sprintf("%d pairs for %d texts, %.2f a text, %.1f%% of the pieces parsed", report.Pairs, report.Texts, report.PairsPerText(), 100*report.ParsedShare())
	if report.Pairs == 0 {
		return fmt.Errorf("the synthesizer wrote no pair: %w", errShort)
	}
	return nil
}

// verify scores every pair against its text and keeps what passes the thresholds.
func (q *quickstart) verify(ctx context.Context, st *Stage) error {
	s, err := q.openSynthesizer(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	scored, err := s.Verify(ctx, q.chains, synth.VerifyOptions{})
	if err != nil {
		return err
	}
	kept, counts := synth.Filter(scored, synth.Thresholds{MinLogProb: q.MinLogProb, OptionsValid: true})
	q.chains, q.report.Verification = kept, counts
	st.Note = fmt.Sprintf("%d of %d pairs kept", counts.Kept, counts.Pairs)
	_, err = data.WriteFile(durable.OS, filepath.Join(q.Out, "augmented.jsonl"), data.All(kept))
	return err
}

// scoreSynthesizer compares generated pairs with gold on texts of unseen entities, in rounds as the corpus was made.
func (q *quickstart) scoreSynthesizer(ctx context.Context, st *Stage) error {
	gold := map[string][]data.Pair{}
	var docs []data.Document
	for _, group := range bySource(q.world.Tuning(sample.HeldOut)) {
		for _, ex := range group {
			gold[ex.ID] = ex.Pairs
			docs = append(docs, ex.Document)
		}
	}
	var quality eval.PairQuality
	texts := 0
	if err := q.augment(ctx, docs, func(a synth.Augmented) {
		for _, t := range a.Texts {
			quality.Add(t, gold[t.Document.ID])
			st.Tokens += int64(t.Prompt + t.New)
			texts++
		}
	}); err != nil {
		return err
	}
	q.report.Synthesizer = quality.Score()
	q.report.SynthF1 = q.report.Synthesizer.F1.Mean
	st.Note = fmt.Sprintf("token F1 %.3f on %d unseen texts", q.report.SynthF1, texts)
	return nil
}
