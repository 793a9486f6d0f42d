package synth

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
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

// Scorer is a Generator that scores as well; *generate.Engine is one.
type Scorer interface {
	Score(ctx context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error)
}

// VerifyOptions says which scores are recorded. The zero value takes the model's log-probabilities, and length, repetition and
// valid options, which cost nothing.
type VerifyOptions struct {
	Cheap     bool // only what needs no model: valid options and repetition
	Agreement bool // also generate a second answer for every pair
	// Temperature of the second answer. At 0 it is greedy, and then most like a greedy response: what it says about the
	// response is weaker.
	Temperature float32
}

// checkVerify finds out that the generator cannot do what verification asks for.
func (s *Synthesizer) checkVerify() error {
	switch v := s.verify; {
	case v == nil:
		return nil
	case v.Cheap && v.Agreement:
		return fmt.Errorf("%w: agreement needs the model, and only cheap scores are asked for", ErrOptions)
	case !(v.Temperature >= 0):
		return fmt.Errorf("%w: a temperature of %v for second answers", ErrOptions, v.Temperature)
	case v.Cheap:
		return nil
	}
	if _, ok := s.gen.(Scorer); !ok {
		return ErrNoScorer
	}
	return nil
}

// verifyNew records scores with the pairs of chains that have just been made.
func (s *Synthesizer) verifyNew(ctx context.Context, chains []data.Chain) error {
	if s.verify == nil {
		return nil
	}
	for i := range chains {
		for j := range chains[i].Examples {
			for k := range chains[i].Examples[j].Pairs {
				chains[i].Examples[j].Pairs[k].Scores = map[string]float64{}
			}
		}
	}
	return s.verifyIn(ctx, chains, *s.verify)
}

// Verify records scores with every pair of the chains (the paper leaves verification as future work). It removes nothing:
// Filter does, on recorded scores, so that a corpus is filtered again without a model. The chains given stay as they are.
// A pair that does not fit the window together with its text gets no score of the model.
func (s *Synthesizer) Verify(ctx context.Context, chains []data.Chain, opt VerifyOptions) ([]data.Chain, error) {
	with := *s
	with.verify = &opt
	if err := with.checkVerify(); err != nil {
		return nil, err
	}
	out := cloneChains(chains)
	const atOnce = 64 // chains whose requests are handed over together
	for from := 0; from < len(out); from += atOnce {
		if err := s.verifyIn(ctx, out[from:min(from+atOnce, len(out))], opt); err != nil {
			return nil, s.whyClosed(err)
		}
	}
	return out, nil
}

// verifyIn records scores in chains whose pairs have a map for them.
func (s *Synthesizer) verifyIn(ctx context.Context, chains []data.Chain, opt VerifyOptions) error {
	if err := eachPair(chains, func(_ data.Document, p *data.Pair) error {
		p.Scores[ScoreRepetition] = repetition(p.Response)
		if len(p.Options) > 0 {
			p.Scores[ScoreOptionsValid] = float64(b2u(data.Choices(p.Options, p.Response) != nil))
		}
		return nil
	}); err != nil || opt.Cheap {
		return err
	}
	err := s.probabilities(ctx, s.gen.(Scorer), chains)
	if err == nil && opt.Agreement {
		err = s.agree(ctx, chains, opt)
	}
	return err
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
func eachPair(chains []data.Chain, visit func(text data.Document, p *data.Pair) error) error {
	for i := range chains {
		for j := range chains[i].Examples {
			ex := &chains[i].Examples[j]
			for k := range ex.Pairs {
				if err := visit(ex.Document, &ex.Pairs[k]); err != nil {
					return fmt.Errorf("chain %q, text %q, pair %d: %w", chains[i].ID, ex.ID, k+1, err)
				}
			}
		}
	}
	return nil
}

// probabilities records what the model thinks of the responses.
func (s *Synthesizer) probabilities(ctx context.Context, scorer Scorer, chains []data.Chain) error {
	var requests []generate.ScoreRequest
	var pairs []*data.Pair
	if err := eachPair(chains, func(text data.Document, p *data.Pair) error {
		var both [2]generate.ScoreRequest
		for i, context := range []string{text.Text, ""} {
			var err error
			if both[i], err = s.codec.answerRequest(context, *p); err != nil {
				return err
			}
		}
		if len(both[0].Prompt)+len(both[0].Continuation) <= s.opt.Window {
			requests, pairs = append(requests, both[:]...), append(pairs, p)
		}
		return nil
	}); err != nil || len(requests) == 0 {
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
	}
	return nil
}

// question is what a model reads before it answers a pair, its text first, and the rest of the pair behind it.
func (c *Codec) question(text string, p data.Pair) (head, rest string) {
	pair := c.Format.Pair(p)
	cut := strings.Index(pair, TagAnswer) + len(TagAnswer)
	return c.bos + c.Format.Context(text) + pair[:cut], pair[cut:]
}

// answerRequest asks for the probability of what a pair answers, thought included, after its text and instruction.
func (c *Codec) answerRequest(text string, p data.Pair) (generate.ScoreRequest, error) {
	head, rest := c.question(text, p)
	prompt, err := c.tok.Encode(head)
	if err != nil {
		return generate.ScoreRequest{}, err
	}
	whole, err := c.tok.Encode(head + strings.TrimSuffix(rest, " "+TagEnd))
	if err != nil {
		return generate.ScoreRequest{}, err
	}
	if len(whole) <= len(prompt) {
		return generate.ScoreRequest{}, fmt.Errorf("the response %q has no token of its own", p.Response)
	}
	return generate.ScoreRequest{Prompt: whole[:len(prompt)], Continuation: whole[len(prompt):]}, nil
}

// agree answers every instruction a second time, from its text alone, and compares.
func (s *Synthesizer) agree(ctx context.Context, chains []data.Chain, opt VerifyOptions) error {
	type answer struct {
		pair *data.Pair
		res  chan error
	}
	var open []answer
	err := eachPair(chains, func(text data.Document, p *data.Pair) error {
		head, _ := s.codec.question(text.Text, *p)
		prompt, err := s.codec.tok.Encode(head)
		if err != nil {
			return err
		}
		room := s.opt.Window - len(prompt)
		if room < 1 {
			return nil
		}
		r := generate.Request{Prompt: prompt, MaxNewTokens: min(room, s.opt.MaxNewTokens), StopIDs: []int32{s.codec.EOS()},
			Temperature: opt.Temperature, Seed: s.opt.Seed ^ seedOf(text.ID, p.Instruction)}
		a := answer{p, make(chan error, 1)}
		open = append(open, a)
		go func() { a.res <- s.secondAnswer(ctx, r, p) }()
		return nil
	})
	for _, a := range open {
		err = errors.Join(err, <-a.res)
	}
	return err
}

// seedOf gives a second answer a stream of its own that does not depend on what else is verified.
func seedOf(id, instruction string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s", id, instruction)
	return h.Sum64()
}

func (s *Synthesizer) secondAnswer(ctx context.Context, r generate.Request, p *data.Pair) error {
	res, err := s.gen.Generate(ctx, r)
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
	return ratio(again, max(len(words)-2, 0))
}
