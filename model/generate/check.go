package generate

import (
	"fmt"
	"math"
	"slices"

	"github.com/primer-lm/primer/model"
)

// check holds a request to the model and the engine.
func (e *Engine) check(r *Request) error {
	o, vocab := e.m.Options(), e.m.Config().VocabSize
	if err := r.check(vocab, o.MaxLen, e.opt.TokenBytes != nil); err != nil {
		return err
	}
	if need := e.pagesOf(r.positions()); need > len(e.pool.pages) {
		return fmt.Errorf("%w: it takes %d pages of the cache, which has %d", ErrTooLong, need, len(e.pool.pages))
	}
	return nil
}

// positions is how many a request can come to need: its last token is never computed.
func (r *Request) positions() int { return len(r.Prompt) + r.MaxNewTokens - 1 }

func badRequest(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadRequest, fmt.Sprintf(format, args...))
}

func (r *Request) check(vocab, window int64, text bool) error {
	switch {
	case len(r.Prompt) == 0:
		return badRequest("the prompt is empty")
	case r.MaxNewTokens < 0 || (r.MaxNewTokens == 0 && !r.PromptLogProbs):
		return badRequest("%d new tokens", r.MaxNewTokens)
	case r.MinNewTokens < 0 || r.MinNewTokens > r.MaxNewTokens:
		return badRequest("at least %d of at most %d new tokens", r.MinNewTokens, r.MaxNewTokens)
	case r.MaxNewTokens > 0 && int64(len(r.Prompt)+r.MaxNewTokens) > window || int64(r.positions()) > window:
		return fmt.Errorf("%w: %d and %d, window %d", ErrTooLong, len(r.Prompt), r.MaxNewTokens, window)
	case r.TopLogProbs < 0 || int64(r.TopLogProbs) > min(model.MaxTop, vocab):
		return badRequest("%d top log-probabilities, at most %d of a vocabulary of %d", r.TopLogProbs, model.MaxTop, vocab)
	case len(r.StopStrings) > 0 && !text:
		return badRequest("stop strings, but the engine has no Options.TokenBytes")
	case slices.Contains(r.StopStrings, ""):
		return badRequest("an empty stop string")
	}
	for i, t := range r.Prompt {
		if t < 0 || int64(t) >= vocab {
			return badRequest("token %d of the prompt is %d, outside the vocabulary of %d", i, t, vocab)
		}
	}
	return r.checkSampling(vocab)
}

// mostPenalty bounds penalties and biases, so that no logit becomes infinite that was not.
const mostPenalty = 1e4

func (r *Request) checkSampling(vocab int64) error {
	switch {
	case !(r.Temperature >= 0) || r.Temperature > 1e4:
		return badRequest("temperature %v", r.Temperature)
	case !(r.TopP >= 0 && r.TopP <= 1) || !(r.MinP >= 0 && r.MinP <= 1):
		return badRequest("top_p %v, min_p %v: each must be 0 to 1", r.TopP, r.MinP)
	case r.TopK < 0 || int64(r.TopK) > vocab:
		return badRequest("top_k %d of a vocabulary of %d", r.TopK, vocab)
	case r.RepetitionPenalty != 0 && !(r.RepetitionPenalty >= 1/float32(mostPenalty) && r.RepetitionPenalty <= mostPenalty):
		return badRequest("repetition penalty %v: must be 0, or %v to %v", r.RepetitionPenalty, 1/mostPenalty, mostPenalty)
	case !within(r.PresencePenalty) || !within(r.FrequencyPenalty):
		return badRequest("presence penalty %v, frequency penalty %v: each must be −%v to %v", r.PresencePenalty, r.FrequencyPenalty, mostPenalty, mostPenalty)
	}
	forbidden := map[int32]bool{}
	for t, b := range r.LogitBias {
		if t < 0 || int64(t) >= vocab {
			return badRequest("a bias for token %d, outside the vocabulary of %d", t, vocab)
		}
		if forbids := math.IsInf(float64(b), -1); forbids {
			forbidden[t] = true
		} else if !within(b) {
			return badRequest("a bias of %v for token %d: must be −%v to %v, or −Inf", b, t, mostPenalty, mostPenalty)
		}
	}
	if r.MinNewTokens > 0 {
		for _, t := range r.StopIDs {
			if t >= 0 && int64(t) < vocab {
				forbidden[t] = true
			}
		}
	}
	if int64(len(forbidden)) >= vocab {
		return badRequest("all %d tokens are forbidden", vocab)
	}
	return nil
}

func within(x float32) bool { return x >= -mostPenalty && x <= mostPenalty }
