package eval

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/primer-lm/primer/eval/metric"
	"github.com/primer-lm/primer/model/generate"
)

// Scorer computes log-probabilities of continuations, results in the order of the requests.
type Scorer interface {
	Score(ctx context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error)
}

// Item is one multiple-choice question.
type Item struct {
	ID      string   `json:"id"`
	Prompt  string   `json:"prompt"`
	Options []string `json:"options"`
	Answer  int      `json:"answer"`
	Kind    string   `json:"kind,omitempty"`
}

// Choices is how a model did on items. Acc ranks options by the sum of their log-probabilities, AccNorm by sum over
// characters, AccMean by the mean per token (the rule of the domain tasks). The first maximum wins a tie.
type Choices struct {
	Acc     metric.Score            `json:"acc"`
	AccNorm metric.Score            `json:"acc_norm"`
	AccMean metric.Score            `json:"acc_mean"`
	Chance  float64                 `json:"chance"` // mean of 1/options
	ByKind  map[string]metric.Score `json:"by_kind,omitempty"`
	BOS     bool                    `json:"bos"`
}

// MultipleChoice scores " " + option after each prompt.
func MultipleChoice(ctx context.Context, s Scorer, enc Encoder, items []Item) (Choices, error) {
	out := Choices{BOS: enc.AddBOS, ByKind: map[string]metric.Score{}}
	var requests []generate.ScoreRequest
	for _, it := range items {
		if it.Answer < 0 || it.Answer >= len(it.Options) {
			return out, fmt.Errorf("item %q: answer %d of %d options", it.ID, it.Answer, len(it.Options))
		}
		for _, o := range it.Options {
			r, err := enc.Request(it.Prompt, " "+o)
			if err != nil {
				return out, fmt.Errorf("item %q, option %q: %w", it.ID, o, err)
			}
			requests = append(requests, r)
		}
	}
	results, err := s.Score(ctx, requests)
	if err != nil {
		return out, err
	}
	var acc, norm, mean []bool
	byKind := map[string][]bool{}
	for _, it := range items {
		var sums, norms, means []float64
		for i, o := range it.Options {
			sum := results[i].Sum()
			sums = append(sums, sum)
			norms = append(norms, sum/float64(utf8.RuneCountInString(o)))
			means = append(means, sum/float64(len(results[i].LogProbs)))
		}
		results = results[len(it.Options):]
		acc = append(acc, metric.ArgMax(sums) == it.Answer)
		norm = append(norm, metric.ArgMax(norms) == it.Answer)
		mean = append(mean, metric.ArgMax(means) == it.Answer)
		byKind[it.Kind] = append(byKind[it.Kind], mean[len(mean)-1])
		out.Chance += 1 / float64(len(it.Options))
	}
	out.Chance /= float64(max(len(items), 1))
	out.Acc, out.AccNorm, out.AccMean = metric.Accuracy(acc), metric.Accuracy(norm), metric.Accuracy(mean)
	for kind, correct := range byKind {
		out.ByKind[kind] = metric.Accuracy(correct)
	}
	return out, nil
}
