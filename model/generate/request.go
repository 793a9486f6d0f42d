package generate

import "errors"

// Request asks for the continuation of one prompt. The zero value of a field turns it off; MaxNewTokens must be set.
type Request struct {
	Prompt       []int32
	MaxNewTokens int
	MinNewTokens int      // stop ids and stop strings are ignored before
	StopIDs      []int32  // generation ends with the first of them; it is not part of Result.Tokens
	StopStrings  []string // needs Options.TokenBytes; the text is cut before the first of them

	Temperature float32 // 0: greedy
	TopK        int     // 0: all
	TopP        float32 // 0 or 1: all
	MinP        float32
	Seed        uint64 // of the sampling stream; equal seeds give equal tokens, whatever else is in the batch

	// TopLogProbs asks for the most probable tokens beside each token of Result.Tokens, and of the prompt with PromptLogProbs.
	TopLogProbs int
	// PromptLogProbs asks for the log-probability of every prompt token but the first; MaxNewTokens may be 0 then.
	PromptLogProbs bool
	// OnToken is told each token of Result.Tokens as soon as nothing can take it back, in order, on the engine's own goroutine: it
	// must not block. A stop string holds back the tokens that it may yet cut.
	OnToken func(Token)
}

// Token is one token with its log-probability (natural logarithm, of the raw logits).
type Token struct {
	ID      int32
	LogProb float32
	Top     []TokenProb // the most probable tokens, Request.TopLogProbs of them, ties by lower id
}

// TokenProb is a token that might have stood in a place.
type TokenProb struct {
	ID      int32
	LogProb float32
}

// Finish says why a continuation ended.
type Finish string

// The ways to end.
const (
	FinishStop   Finish = "stop"   // a stop id or stop string
	FinishLength Finish = "length" // MaxNewTokens, or the model's window
)

// Result is one continuation.
type Result struct {
	Tokens   []int32
	Text     string        // with Request.StopStrings: what was written, cut before the first of them
	LogProbs []float32     // of each token, natural logarithm, before temperature
	Top      [][]TokenProb // beside each of Tokens, with Request.TopLogProbs
	Prompt   []Token       // with Request.PromptLogProbs: all of the prompt; the first has no LogProb (0) and no Top
	Finish   Finish
	Cached   int // prompt tokens whose keys and values were found in the cache
}

// ScoreRequest asks for the log-probabilities of a given continuation.
type ScoreRequest struct {
	Prompt       []int32 // at least one token
	Continuation []int32
}

// ScoreResult holds one natural log-probability per continuation token, and whether each was the arg max (the lowest id
// wins a tie).
type ScoreResult struct {
	LogProbs []float32
	Greedy   []bool
}

// Sum is the log-probability of the whole continuation.
func (r ScoreResult) Sum() float64 {
	sum := 0.0
	for _, p := range r.LogProbs {
		sum += float64(p)
	}
	return sum
}

// Errors of requests, to be told apart with errors.Is.
var (
	ErrTooLong    = errors.New("prompt and new tokens exceed the model's window")
	ErrBadRequest = errors.New("bad generation request")
	ErrClosed     = errors.New("generation engine is closed")
)
