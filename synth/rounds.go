package synth

import (
	"context"
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/model/generate"
)

// Generator computes continuations; many goroutines call it at once and it batches them. *generate.Engine is one.
type Generator interface {
	Generate(ctx context.Context, r generate.Request) (generate.Result, error)
}

// RoundOptions says how texts are augmented. The zero value is not usable: see DefaultRounds.
type RoundOptions struct {
	Rounds       int // M: texts of a chain, each prompted with the examples before it
	Window       int // tokens of prompt and new tokens together: the length the target model trains at
	MaxNewTokens int
	Temperature  float32
	TopP         float32
	Seed         uint64 // of sampling; a text's stream depends on it and on the text's number alone
}

// DefaultRounds is the paper's setting for pre-training from scratch: greedy, at most 400 new tokens, a window of 2048.
func DefaultRounds() RoundOptions { return RoundOptions{Rounds: 2, Window: 2048, MaxNewTokens: 400} }

func (o RoundOptions) validate() error {
	switch {
	case o.Rounds < 1:
		return fmt.Errorf("%w: rounds is %d, need at least 1", ErrOptions, o.Rounds)
	case o.MaxNewTokens < 1:
		return fmt.Errorf("%w: max new tokens is %d, need at least 1", ErrOptions, o.MaxNewTokens)
	case o.Window <= o.MaxNewTokens+8:
		return fmt.Errorf("%w: window %d leaves no room for a text beside %d new tokens", ErrOptions, o.Window, o.MaxNewTokens)
	}
	return nil
}

// Text is one generated text of one round, for those who want to see what the model wrote.
type Text struct {
	Document data.Document
	Round    int // 0-based
	Written  string
	Parsed   Parsed
	Own      int // tokens of the text's own context
	Prompt   int // tokens of the prompt, earlier examples included
	New      int // tokens generated
	Cached   int // prompt tokens found in the cache
	Shots    int // earlier examples in the prompt
	Finish   generate.Finish
}

// Augmented is what became of the texts of one chain: the M-shot examples to train on, in order. Only examples that shared
// a prompt stand in one chain; a text without a pair stands alone, raw. The examples of all Chains, one after another, are
// those of Texts.
type Augmented struct {
	Chains []data.Chain
	Texts  []Text
	Tag    any // of the Work it comes from
}

// runChain takes the documents of one chain, as they come, through the rounds: a round begins when the one before has ended
// and its text is there. first is the number of the first text over the whole corpus; io.EOF from next ends the chain.
func (s *Synthesizer) runChain(ctx context.Context, id string, first uint64, next func() (data.Document, error)) (Augmented, error) {
	var out Augmented
	history := chainHistory{codec: s.codec, id: id, out: &out}
	for round := 0; ; round++ {
		doc, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return out, err
		}
		text, err := s.round(ctx, &history, round, first, doc)
		if err != nil {
			return out, &TextError{doc.ID, round + 1, s.whyClosed(err)}
		}
		out.Texts = append(out.Texts, text)
		if err := history.add(data.Example{Document: doc, Pairs: text.Parsed.Pairs}); err != nil {
			return out, err
		}
	}
	history.flush(len(history.examples))
	return out, s.whyClosed(s.verifyNew(ctx, out.Chains))
}

// round generates and parses the pairs of one text.
func (s *Synthesizer) round(ctx context.Context, history *chainHistory, round int, first uint64, doc data.Document) (Text, error) {
	c, opt := s.codec, s.opt
	own, err := c.Context(doc.Text)
	if err != nil {
		return Text{}, err
	}
	prompt := history.prompt(own, opt.Window-opt.MaxNewTokens)
	if prompt == nil {
		return Text{}, fmt.Errorf("%w: text of %d tokens, window %d, new tokens %d", ErrTooLong, len(own), opt.Window, opt.MaxNewTokens)
	}
	res, err := s.gen.Generate(ctx, generate.Request{Prompt: prompt, MaxNewTokens: opt.MaxNewTokens, StopIDs: []int32{c.EOS()},
		Temperature: opt.Temperature, TopP: opt.TopP, Seed: opt.Seed ^ (first+uint64(round))*0x9E3779B97F4A7C15})
	if err != nil {
		return Text{}, err
	}
	written, err := c.Decode(res.Tokens)
	if err != nil {
		return Text{}, err
	}
	text := Text{Document: doc, Round: round, Written: written, Parsed: c.Format.Parse(written), Own: len(own), Prompt: len(prompt),
		New: len(res.Tokens), Cached: res.Cached, Shots: len(history.examples), Finish: res.Finish}
	if s.keep != nil {
		text.Parsed.filter(doc, s.keep)
	}
	return text, nil
}

// chainHistory is the examples that the next text of a chain is prompted with, and their tokens.
type chainHistory struct {
	codec    *Codec
	id       string
	examples []data.Example
	tokens   [][]int32
	out      *Augmented
}

// prompt puts the history before a context, dropping the oldest examples until it takes at most limit tokens. What is
// dropped leaves as a chain of its own. nil means that the context alone is too long.
func (h *chainHistory) prompt(context []int32, limit int) []int32 {
	total := len(context)
	for _, t := range h.tokens {
		total += len(t)
	}
	drop := 0
	for ; drop < len(h.tokens) && total > limit; drop++ {
		total -= len(h.tokens[drop])
	}
	if total > limit {
		return nil
	}
	h.flush(drop)
	out := make([]int32, 0, total)
	for _, t := range h.tokens {
		out = append(out, t...)
	}
	return append(out, context...)
}

// flush emits the oldest n examples as one chain.
func (h *chainHistory) flush(n int) {
	if n == 0 {
		return
	}
	id := h.id
	if k := len(h.out.Chains); k > 0 {
		id = fmt.Sprintf("%s.%d", h.id, k)
	}
	h.out.Chains = append(h.out.Chains, data.Chain{ID: id, Examples: append([]data.Example(nil), h.examples[:n]...)})
	h.examples, h.tokens = h.examples[n:], h.tokens[n:]
}

// add appends an example. Without a pair it ends the history and stands alone.
func (h *chainHistory) add(ex data.Example) error {
	if len(ex.Pairs) == 0 {
		h.flush(len(h.examples))
		h.examples, h.tokens = []data.Example{ex}, [][]int32{nil}
		h.flush(1)
		return nil
	}
	ids, _, err := h.codec.Example(ex)
	if err != nil {
		return err
	}
	h.examples, h.tokens = append(h.examples, ex), append(h.tokens, ids)
	return nil
}
