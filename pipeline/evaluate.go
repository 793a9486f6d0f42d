package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/eval/metric"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/model/hf"
)

// evaluate scores the three arms on the same held-out items.
func (q *quickstart) evaluate(ctx context.Context, st *Stage) error {
	sets := []itemSet{
		{"closed_book", evalItems(q.world.ClosedBook())}, {"recall", evalItems(every(q.RecallEvery, q.world.Recall()))},
		{"cloze", evalItems(q.world.Cloze())}, {"comprehension", evalItems(q.world.Comprehension())},
	}
	for _, name := range Arms {
		if err := q.assess(ctx, q.report.Arms[name], sets); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	v, m, i := q.report.Arms[Vanilla], q.report.Arms[Mix], q.report.Arms[Instruct]
	q.report.LeadVanilla = lead(metric.Lead(i.Tests["closed_book"].AccMean, v.Tests["closed_book"].AccMean))
	q.report.LeadMix = lead(metric.Lead(i.Tests["closed_book"].AccMean, m.Tests["closed_book"].AccMean))
	st.Note = fmt.Sprintf("closed book: vanilla %.3f, mix %.3f, instruct %.3f (leads %.1f and %.1f standard errors)", v.Accuracy, m.Accuracy,
		i.Accuracy, q.report.LeadVanilla, q.report.LeadMix)
	return nil
}

type itemSet struct {
	name  string
	items []eval.Item
}

// every keeps each n-th item.
func every(n int, items []sample.Item) []sample.Item {
	var out []sample.Item
	for i := 0; i < len(items); i += n {
		out = append(out, items[i])
	}
	return out
}

func evalItems(items []sample.Item) []eval.Item {
	var out []eval.Item
	for _, it := range items {
		out = append(out, eval.Item{ID: it.ID, Prompt: it.Prompt, Options: it.Options, Answer: it.Answer, Kind: it.Kind})
	}
	return out
}

// Scoring through an engine: the options of a question share its prompt's pages, which are small since the questions are short.
const (
	scoreDocs  = 256
	scorePage  = 4
	scoreCache = 64 << 10 // positions
)

// assess opens an arm's checkpoint and runs every test on it. Prompts begin with BOS, as the arms' texts did.
func (q *quickstart) assess(ctx context.Context, arm *Arm, sets []itemSet) (err error) {
	folder, err := hf.OpenFolder(arm.Checkpoint)
	if err != nil {
		return err
	}
	defer folder.Close()
	m, err := model.Open(q.backend, folder.Config, folder, model.InferOptions{Tokens: q.ScoreTokens, Docs: scoreDocs, LogitRows: scoreDocs, PageSize: scorePage})
	if err != nil {
		return err
	}
	defer m.Close()
	scorer, err := generate.New(m, generate.Options{CacheTokens: scoreCache})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scorer.Close()) }()
	enc := eval.Encoder{Tok: q.tok, AddBOS: true, Window: int(folder.Config.MaxPositions)}
	arm.Tests = map[string]eval.Choices{}
	for _, set := range sets {
		if arm.Tests[set.name], err = eval.MultipleChoice(ctx, scorer, enc, set.items); err != nil {
			return fmt.Errorf("%s: %w", set.name, err)
		}
	}
	closed := arm.Tests["closed_book"]
	arm.Accuracy, arm.Stderr, arm.Chance, arm.Questions = closed.AccMean.Mean, closed.AccMean.Stderr, closed.Chance, closed.AccMean.N
	for to, docs := range map[*eval.TextLoss][]data.Document{&arm.GoText: q.goHeld, &arm.WorldText: q.world.HeldOutRaw()} {
		if *to, err = eval.Perplexity(ctx, scorer, enc, texts(docs)); err != nil {
			return err
		}
	}
	arm.Perplexity = arm.GoText.Perplexity
	return nil
}

func texts(docs []data.Document) func(func(string, error) bool) {
	return func(yield func(string, error) bool) {
		for _, d := range docs {
			if !yield(d.Text, nil) {
				return
			}
		}
	}
}
