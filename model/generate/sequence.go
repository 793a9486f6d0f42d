package generate

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/primer-lm/primer/model"
)

// sequence is a request under way.
type sequence struct {
	ctx     context.Context
	req     Request
	reply   chan<- reply // holds one
	tokens  []int32      // prompt and generated
	logProb []float32
	done    int     // positions in the cache
	cached  int     // of them, found there
	pages   []int32 // of the cache, in order
	ended   bool    // and its pages belong to others
	text    []byte  // written so far, with stop strings
}

type reply struct {
	result Result
	err    error
}

// new is how many tokens were generated.
func (s *sequence) new() int { return len(s.tokens) - len(s.req.Prompt) }

// draw says how the token at a position is drawn.
func (s *sequence) draw(position int) model.Draw {
	r := &s.req
	return model.Draw{Temperature: r.Temperature, TopK: int32(r.TopK), TopP: r.TopP, MinP: r.MinP, Seed: r.Seed, Position: int64(position)}
}

func (s *sequence) finish(f Finish) {
	r := Result{Tokens: s.tokens[len(s.req.Prompt):], LogProbs: s.logProb, Finish: f, Cached: s.cached}
	if len(s.req.StopStrings) > 0 {
		r.Text = string(s.text)
	}
	s.reply <- reply{result: r}
}

func (s *sequence) fail(err error) { s.reply <- reply{err: err} }

// accept adds a sampled token and says whether and how the sequence ends with it.
func (s *sequence) accept(token int32, logProb float32, tokenBytes func(int32) []byte) (Finish, bool) {
	mayStop := s.new() >= s.req.MinNewTokens
	if mayStop && slices.Contains(s.req.StopIDs, token) {
		return FinishStop, true
	}
	s.tokens, s.logProb = append(s.tokens, token), append(s.logProb, logProb)
	if len(s.req.StopStrings) > 0 {
		seen := len(s.text)
		s.text = append(s.text, tokenBytes(token)...)
		if cut := firstStop(s.text, seen, s.req.StopStrings); cut >= 0 && mayStop {
			s.text = s.text[:cut]
			return FinishStop, true
		}
	}
	return FinishLength, s.new() == s.req.MaxNewTokens
}

// firstStop returns where the first stop string begins that ends behind seen, or -1.
func firstStop(text []byte, seen int, stops []string) int {
	first := -1
	for _, stop := range stops {
		from := max(0, seen-len(stop)+1)
		if i := bytes.Index(text[from:], []byte(stop)); i >= 0 && (first < 0 || from+i < first) {
			first = from + i
		}
	}
	return first
}

func (r *Request) check(vocab, window int64, text bool) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrBadRequest, fmt.Sprintf(format, args...))
	}
	switch {
	case len(r.Prompt) == 0:
		return bad("the prompt is empty")
	case r.MaxNewTokens < 1:
		return bad("%d new tokens", r.MaxNewTokens)
	case r.MinNewTokens < 0 || r.MinNewTokens > r.MaxNewTokens:
		return bad("at least %d of at most %d new tokens", r.MinNewTokens, r.MaxNewTokens)
	case int64(len(r.Prompt)+r.MaxNewTokens) > window:
		return fmt.Errorf("%w: %d and %d, window %d", ErrTooLong, len(r.Prompt), r.MaxNewTokens, window)
	case !(r.Temperature >= 0) || r.Temperature > 1e4:
		return bad("temperature %v", r.Temperature)
	case !(r.TopP >= 0 && r.TopP <= 1) || !(r.MinP >= 0 && r.MinP <= 1):
		return bad("top_p %v, min_p %v: each must be 0 to 1", r.TopP, r.MinP)
	case r.TopK < 0 || int64(r.TopK) > vocab:
		return bad("top_k %d of a vocabulary of %d", r.TopK, vocab)
	case len(r.StopStrings) > 0 && !text:
		return bad("stop strings, but the engine has no Options.TokenBytes")
	case slices.Contains(r.StopStrings, ""):
		return bad("an empty stop string")
	}
	for i, t := range r.Prompt {
		if t < 0 || int64(t) >= vocab {
			return bad("token %d of the prompt is %d, outside the vocabulary of %d", i, t, vocab)
		}
	}
	return nil
}
