package synth

import (
	"errors"
	"fmt"

	"github.com/primer-lm/primer/model/generate"
)

// What goes wrong, to be told apart with errors.Is. An error about one text is a TextError besides.
var (
	// ErrOptions: settings that cannot work.
	ErrOptions = errors.New("synthesizer options")
	// ErrSource: the stream of documents failed; what it said is wrapped too.
	ErrSource = errors.New("reading the documents")
	// ErrTooLong: a text, or what it takes beside its new tokens, does not fit the window.
	ErrTooLong = generate.ErrTooLong
	// ErrClosed: the Synthesizer was closed, before or while it worked.
	ErrClosed = generate.ErrClosed
	// ErrNoScorer: the generator of the Synthesizer cannot score.
	ErrNoScorer = errors.New("the generator cannot score continuations")
	// ErrNoSpecials: the tokenizer lacks the tokens that open and close an example.
	ErrNoSpecials = errors.New("the tokenizer has no beginning-of-sequence or end-of-sequence token")
)

// TextError says at which text a run failed.
type TextError struct {
	Document string // its id
	Round    int    // 1-based; 0: before the first
	Err      error
}

// Error names the text.
func (e *TextError) Error() string {
	if e.Round == 0 {
		return fmt.Sprintf("document %q: %v", e.Document, e.Err)
	}
	return fmt.Sprintf("document %q, round %d: %v", e.Document, e.Round, e.Err)
}

// Unwrap gives the reason.
func (e *TextError) Unwrap() error { return e.Err }

// sourceError marks what a source said as ErrSource without a word more.
type sourceError struct{ error }

func (e sourceError) Unwrap() []error { return []error{ErrSource, e.error} }
