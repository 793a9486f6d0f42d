package eval

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/primer-lm/primer/model/generate"
)

// Tokenizer is what scoring needs of a tokenizer; *tokenizer.Tokenizer has it.
type Tokenizer interface {
	Encode(text string) ([]int32, error)
	BOS() (int32, bool)
	EOS() (int32, bool)
}

// ErrRequest is wrapped by errors about a request that cannot be scored.
var ErrRequest = errors.New("cannot be scored")

// Encoder turns texts into score requests.
type Encoder struct {
	Tok    Tokenizer
	AddBOS bool // put BOS before every context, as the model was trained
	Window int  // positions of the model; 0: no limit
}

// Request splits a text into context and continuation tokens: white space at the end of the context moves to the
// continuation, the two are encoded as one text, and the continuation is what the context alone does not have. An empty
// context is BOS (EOS where there is none). What exceeds the window is cut off on the left; the last token is never fed.
func (e Encoder) Request(context, continuation string) (generate.ScoreRequest, error) {
	if trimmed := strings.TrimRightFunc(context, unicode.IsSpace); trimmed != context {
		continuation, context = context[len(trimmed):]+continuation, trimmed
	}
	whole, err := e.Tok.Encode(context + continuation)
	if err != nil {
		return generate.ScoreRequest{}, err
	}
	head, err := e.Tok.Encode(context)
	if err != nil {
		return generate.ScoreRequest{}, err
	}
	r := generate.ScoreRequest{Prompt: whole[:min(len(head), len(whole))], Continuation: whole[min(len(head), len(whole)):]}
	return e.finish(r)
}

// IDs is Request for texts that are tokens already. No BOS is added to a prompt that has tokens.
func (e Encoder) IDs(prompt, continuation []int32) (generate.ScoreRequest, error) {
	e.AddBOS = false
	return e.finish(generate.ScoreRequest{Prompt: prompt, Continuation: continuation})
}

func (e Encoder) finish(r generate.ScoreRequest) (generate.ScoreRequest, error) {
	if len(r.Continuation) == 0 {
		return r, fmt.Errorf("%w: the continuation has no token of its own", ErrRequest)
	}
	switch first, ok := e.prefix(); {
	case len(r.Prompt) > 0 && e.AddBOS && ok && r.Prompt[0] != first:
		r.Prompt = append([]int32{first}, r.Prompt...)
	case len(r.Prompt) > 0:
	case ok && r.Continuation[0] == first && len(r.Continuation) > 1:
		r.Prompt, r.Continuation = r.Continuation[:1], r.Continuation[1:]
	case ok:
		r.Prompt = []int32{first}
	default:
		return r, fmt.Errorf("%w: the context is empty and the tokenizer has no BOS or EOS to stand for it", ErrRequest)
	}
	if over := len(r.Prompt) + len(r.Continuation) - (e.Window + 1); e.Window > 0 && over > 0 {
		if over >= len(r.Prompt) {
			return r, fmt.Errorf("%w: a continuation of %d tokens leaves no context in a window of %d", ErrRequest, len(r.Continuation), e.Window)
		}
		r.Prompt = r.Prompt[over:]
	}
	return r, nil
}

// prefix is the token that stands for an empty context.
func (e Encoder) prefix() (int32, bool) {
	if e.Tok == nil {
		return 0, false
	}
	if id, ok := e.Tok.BOS(); ok {
		return id, true
	}
	return e.Tok.EOS()
}
