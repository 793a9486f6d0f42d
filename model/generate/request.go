package generate

import (
	"errors"

	"github.com/primer-lm/primer/model"
)

// Request asks for the continuation of one prompt. The zero value of a field turns it off; MaxNewTokens must be set.
//
// Several continuations of one prompt (the n of other programs) are as many requests at once, each with a seed of its own: the whole
// pages of the prompt are computed once and shared.
type Request struct {
	Prompt       []int32
	MaxNewTokens int
	MinNewTokens int      // before, stop ids cannot be drawn, and stop strings are not looked for
	StopIDs      []int32  // generation ends with the first of them; it is not part of Result.Tokens
	StopStrings  []string // needs Options.TokenBytes; the text is cut before the first of them

	Temperature float32 // 0: greedy
	TopK        int     // 0: all
	TopP        float32 // 0 or 1: all
	MinP        float32
	Seed        uint64 // of the sampling stream; equal seeds give equal tokens, whatever else is in the batch

	// What is drawn from is logits with these changes, in this order; log-probabilities stay those of the raw logits. A device that
	// replays steps as graphs issues one with such a request in it operation by operation.
	RepetitionPenalty float32           // of tokens in the prompt or generated: logits above 0 are divided by it, others multiplied; 0 or 1: off
	PresencePenalty   float32           // taken from the logits of tokens that were generated
	FrequencyPenalty  float32           // the same, times how often
	LogitBias         map[int32]float32 // added to a token's logit; −Inf forbids it

	// TopLogProbs asks for the most probable tokens beside each token of Result.Tokens, and of the prompt with PromptLogProbs; at most
	// MaxTopLogProbs, or the vocabulary.
	TopLogProbs int
	// PromptLogProbs asks for the log-probability of every prompt token but the first; MaxNewTokens may be 0 then.
	PromptLogProbs bool
	// OnToken is told each token of Result.Tokens as soon as nothing can take it back, in order, on the engine's own goroutine: it
	// must not block. A stop string holds back the tokens that it may yet cut; those that it cuts in the end, if only in part, are not
	// told, though they are in Result.Tokens. Result.Text says what of the last one stays.
	OnToken func(Token)
}

// MaxTopLogProbs is the most that Request.TopLogProbs may be.
const MaxTopLogProbs = model.MaxTop

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
