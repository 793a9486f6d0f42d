package generate

import (
	"context"

	"github.com/primer-lm/primer/model"
)

// sequence is a request under way.
type sequence struct {
	ctx     context.Context
	req     Request
	reply   chan<- reply // holds one
	tokens  []int32      // prompt and generated
	want    int          // the first row whose logits are still wanted
	done    int          // positions in the cache
	began   bool         // it had its pages once
	cached  int          // positions that were found in the cache then
	pages   []int32      // of the cache, in order
	known   int          // of them, full ones that others may find
	ended   bool         // and its pages belong to others
	prompt  []Token      // those of the prompt whose log-probabilities were wanted
	written []Token      // generated
	edits   *editor      // nil: nothing is edited
	text    text
}

type reply struct {
	result Result
	err    error
}

type answer struct {
	to    chan<- reply
	reply reply
}

func newSequence(ctx context.Context, r Request, vocab int64, to chan<- reply) *sequence {
	s := &sequence{ctx: ctx, req: r, reply: to, tokens: make([]int32, len(r.Prompt), len(r.Prompt)+r.MaxNewTokens), want: len(r.Prompt) - 1}
	copy(s.tokens, r.Prompt)
	if r.PromptLogProbs {
		s.want = 0
	}
	s.edits = newEditor(&s.req, vocab)
	return s
}

// rows is how many of the tokens have to be computed. The last is not where none is drawn behind it.
func (s *sequence) rows() int {
	if s.req.MaxNewTokens == 0 {
		return len(s.tokens) - 1
	}
	return len(s.tokens)
}

// draw says how the token at a position is drawn.
func (s *sequence) draw(position int) model.Draw {
	r := &s.req
	return model.Draw{Temperature: r.Temperature, TopK: int32(r.TopK), TopP: r.TopP, MinP: r.MinP, Seed: r.Seed, Position: int64(position)}
}

// take adds what a row says of its token, and says whether and how the sequence ends with it.
func (s *sequence) take(w want, t Token, tokenBytes func(int32) []byte) (Finish, bool) {
	s.want = w.position
	if w.given {
		s.prompt = append(s.prompt, t)
		return FinishLength, s.req.MaxNewTokens == 0 && w.position == len(s.tokens)-1
	}
	return s.accept(t, tokenBytes)
}

func (s *sequence) result(f Finish) Result {
	r := Result{Tokens: s.tokens[len(s.req.Prompt):], Finish: f, Cached: s.cached}
	for _, t := range s.written {
		r.LogProbs = append(r.LogProbs, t.LogProb)
		if s.req.TopLogProbs > 0 {
			r.Top = append(r.Top, t.Top)
		}
	}
	if s.req.PromptLogProbs {
		r.Prompt = append([]Token{{ID: s.req.Prompt[0]}}, s.prompt...)
	}
	if len(s.req.StopStrings) > 0 {
		r.Text = string(s.text.bytes)
	}
	return r
}
