package eval

import (
	"context"
	"fmt"
	"iter"

	"github.com/primer-lm/primer/eval/metric"
	"github.com/primer-lm/primer/model/generate"
)

// TextLoss is the likelihood of a set of texts.
type TextLoss struct {
	Texts      int     `json:"texts"`
	Tokens     int64   `json:"tokens"`
	Bytes      int64   `json:"bytes"`
	NLL        float64 `json:"nll"` // natural logarithm, summed
	Perplexity float64 `json:"perplexity"`
	BitsByte   float64 `json:"bits_per_byte"`
}

// Perplexity scores whole texts, each after BOS (or EOS), in windows as the harness rolls them: every token is predicted
// once, with up to a window of context before it; the end of the text is not predicted.
func Perplexity(ctx context.Context, s Scorer, enc Encoder, texts iter.Seq2[string, error]) (TextLoss, error) {
	const atOnce = 256 // requests handed over together
	var out TextLoss
	var open []generate.ScoreRequest
	flush := func() error {
		results, err := s.Score(ctx, open)
		for _, r := range results {
			out.NLL -= r.Sum()
			out.Tokens += int64(len(r.LogProbs))
		}
		open = open[:0]
		return err
	}
	for text, err := range texts {
		if err != nil {
			return out, err
		}
		requests, err := enc.rolling(text)
		if err != nil {
			return out, fmt.Errorf("text %d: %w", out.Texts+1, err)
		}
		out.Texts++
		out.Bytes += int64(len(text))
		if open = append(open, requests...); len(open) >= atOnce {
			if err := flush(); err != nil {
				return out, err
			}
		}
	}
	if err := flush(); err != nil {
		return out, err
	}
	if out.Tokens == 0 {
		return out, fmt.Errorf("%w: the texts hold no token", ErrRequest)
	}
	out.Perplexity = metric.Perplexity(out.NLL, out.Tokens)
	out.BitsByte = out.NLL / float64(out.Bytes) / ln2
	return out, nil
}

const ln2 = 0.693147180559945309417232121458176568

// rolling cuts a text into windows: the first predicts up to Window tokens after the prefix token; each later one up to
// Window new tokens, with the tokens before them as far as Window+1 tokens in all allow, at least one.
func (e Encoder) rolling(text string) ([]generate.ScoreRequest, error) {
	ids, err := e.Tok.Encode(text)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	first, ok := e.prefix()
	if !ok {
		return nil, fmt.Errorf("%w: the tokenizer has no BOS or EOS to begin a text with", ErrRequest)
	}
	window := e.Window
	if window <= 0 {
		window = len(ids)
	}
	n := min(window, len(ids))
	out := []generate.ScoreRequest{{Prompt: []int32{first}, Continuation: ids[:n]}}
	for at := n; at < len(ids); {
		n = min(window, len(ids)-at)
		out = append(out, generate.ScoreRequest{Prompt: ids[at-(window-n+1) : at], Continuation: ids[at : at+n]})
		at += n
	}
	return out, nil
}
