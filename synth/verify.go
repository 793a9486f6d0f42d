package synth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/eval/metric"
	"github.com/primer-lm/primer/model/generate"
)

// The names of the scores that verification records with every pair.
const (
	ScoreLogProb      = "logprob"       // mean log-probability of the response's tokens, given text and instruction
	ScoreGain         = "gain"          // how much of it the text brings: minus the mean given the instruction alone
	ScoreAgreement    = "agreement"     // token F1 of a second answer, generated from text and instruction, with the response
	ScoreOptionsValid = "options_valid" // multiple choice: 1 when the response is one of the options or several joined, else 0
	ScoreTokens       = "tokens"        // of the response
	ScoreRepetition   = "repetition"    // share of the response's word trigrams that occurred in it before
)

// ErrNoScorer means that the generator of the Synthesizer cannot score.
var ErrNoScorer = errors.New("the generator cannot score continuations")

// Scorer is a Generator that scores as well; *generate.Engine is one.
type Scorer interface {
	Score(ctx context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error)
}

// VerifyOptions says which scores are computed. The model's log-probabilities and the cheap ones always are.
type VerifyOptions struct {
	Agreement bool // generate a second answer for every pair
}

// Verify records scores with every pair of the chains (the paper leaves verification as future work). It removes nothing:
// Filter does, on recorded scores, so that a corpus is filtered again without a model. The chains given stay as they are.
func (s *Synthesizer) Verify(ctx context.Context, chains []data.Chain, opt VerifyOptions) ([]data.Chain, error) {
	scorer, ok := s.gen.(Scorer)
	if !ok {
		return nil, ErrNoScorer
	}
	out := cloneChains(chains)
	const atOnce = 64 // chains whose requests are handed over together
	for from := 0; from < len(out); from += atOnce {
		part := out[from:min(from+atOnce, len(out))]
		if err := s.verifyPart(ctx, scorer, part); err != nil {
			return nil, err
		}
		if opt.Agreement {
			if err := s.agree(ctx, part); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func cloneChains(chains []data.Chain) []data.Chain {
	out := slices.Clone(chains)
	for i := range out {
		out[i].Examples = slices.Clone(out[i].Examples)
		for j := range out[i].Examples {
			pairs := slices.Clone(out[i].Examples[j].Pairs)
			for k := range pairs {
				scores := map[string]float64{}
				for name, v := range pairs[k].Scores {
					scores[name] = v
				}
				pairs[k].Scores = scores
			}
			out[i].Examples[j].Pairs = pairs
		}
	}
	return out
}

// eachPair visits every pair with its text.
func eachPair(chains []data.Chain, visit func(text string, p *data.Pair) error) error {
	for i := range chains {
		for j := range chains[i].Examples {
			ex := &chains[i].Examples[j]
			for k := range ex.Pairs {
				if err := visit(ex.Text, &ex.Pairs[k]); err != nil {
					return fmt.Errorf("chain %q, text %q, pair %d: %w", chains[i].ID, ex.ID, k+1, err)
				}
			}
		}
	}
	return nil
}

func (s *Synthesizer) verifyPart(ctx context.Context, scorer Scorer, chains []data.Chain) error {
	var requests []generate.ScoreRequest
	var pairs []*data.Pair
	if err := eachPair(chains, func(text string, p *data.Pair) error {
		for _, context := range []string{text, ""} {
			r, err := s.codec.answerRequest(context, *p)
			if err != nil {
				return err
			}
			requests = append(requests, r)
		}
		pairs = append(pairs, p)
		return nil
	}); err != nil {
		return err
	}
	results, err := scorer.Score(ctx, requests)
	if err != nil {
		return err
	}
	for i, p := range pairs {
		with, without := meanOf(results[2*i]), meanOf(results[2*i+1])
		p.Scores[ScoreLogProb], p.Scores[ScoreGain] = with, with-without
		p.Scores[ScoreTokens] = float64(len(results[2*i].LogProbs))
		p.Scores[ScoreRepetition] = repetition(p.Response)
		if len(p.Options) > 0 {
			p.Scores[ScoreOptionsValid] = float64(b2u(data.Choices(p.Options, p.Response) != nil))
		}
	}
	return nil
}

// answerRequest asks for the probability of what a pair answers, thought included, after its text and instruction.
func (c *Codec) answerRequest(text string, p data.Pair) (generate.ScoreRequest, error) {
	pair := c.Format.Pair(p)
	cut := strings.Index(pair, TagAnswer) + len(TagAnswer)
	head := c.bos + c.Format.Context(text) + pair[:cut]
	prompt, err := c.tok.Encode(head)
	if err != nil {
		return generate.ScoreRequest{}, err
	}
	whole, err := c.tok.Encode(head + strings.TrimSuffix(pair[cut:], " "+TagEnd))
	if err != nil {
		return generate.ScoreRequest{}, err
	}
	if len(whole) <= len(prompt) {
		return generate.ScoreRequest{}, fmt.Errorf("the response %q has no token of its own", p.Response)
	}
	return generate.ScoreRequest{Prompt: whole[:len(prompt)], Continuation: whole[len(prompt):]}, nil
}

// agree answers every instruction a second time, from its text alone, and compares.
func (s *Synthesizer) agree(ctx context.Context, chains []data.Chain) error {
	type answer struct {
		pair *data.Pair
		res  chan error
	}
	var open []answer
	err := eachPair(chains, func(text string, p *data.Pair) error {
		pair := s.codec.Format.Pair(*p)
		prompt, err := s.codec.tok.Encode(s.codec.bos + s.codec.Format.Context(text) + pair[:strings.Index(pair, TagAnswer)+len(TagAnswer)])
		if err != nil {
			return err
		}
		a := answer{p, make(chan error, 1)}
		open = append(open, a)
		go func() { a.res <- s.secondAnswer(ctx, prompt, p) }()
		return nil
	})
	for _, a := range open {
		err = errors.Join(err, <-a.res)
	}
	return err
}

func (s *Synthesizer) secondAnswer(ctx context.Context, prompt []int32, p *data.Pair) error {
	room := s.opt.Window - len(prompt)
	if room < 1 {
		p.Scores[ScoreAgreement] = 0
		return nil
	}
	res, err := s.gen.Generate(ctx, generate.Request{Prompt: prompt, MaxNewTokens: min(room, s.opt.MaxNewTokens), StopIDs: []int32{s.codec.EOS()}})
	if err != nil {
		return err
	}
	text, err := s.codec.Decode(res.Tokens)
	if err != nil {
		return err
	}
	second, _, _ := strings.Cut(text, TagEnd)
	if p.Thought != "" {
		_, second, _ = strings.Cut(second, answerPhrase)
	}
	p.Scores[ScoreAgreement] = metric.TokenF1(second, p.Response)
	return nil
}

func meanOf(r generate.ScoreResult) float64 { return r.Sum() / float64(len(r.LogProbs)) }

func repetition(text string) float64 {
	words := strings.Fields(text)
	seen, again := map[[3]string]bool{}, 0
	for i := 0; i+3 <= len(words); i++ {
		key := [3]string(words[i : i+3])
		if seen[key] {
			again++
		}
		seen[key] = true
	}
	return ratio(again, len(words)-2)
}
