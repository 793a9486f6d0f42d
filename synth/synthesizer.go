package synth

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/primer-lm/primer/data"
)

// Synthesizer augments texts. It is safe for concurrent use: texts of all callers are computed together.
type Synthesizer struct {
	codec    *Codec
	gen      Generator
	opt      RoundOptions
	inFlight int
	close    func() error
}

// New makes a Synthesizer of its parts; Open makes one of a model folder. inFlight bounds the chains that are computed or
// wait for the consumer at a time.
func New(codec *Codec, gen Generator, opt RoundOptions, inFlight int) (*Synthesizer, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	if inFlight < 1 {
		return nil, fmt.Errorf("%w: %d chains in flight, need at least 1", ErrOptions, inFlight)
	}
	return &Synthesizer{codec: codec, gen: gen, opt: opt, inFlight: inFlight, close: func() error { return nil }}, nil
}

// Close frees what Open took.
func (s *Synthesizer) Close() error { return s.close() }

// Codec gives the text side of the synthesizer.
func (s *Synthesizer) Codec() *Codec { return s.codec }

// Pairs generates the pairs of one text, without history. The text must fit the window.
func (s *Synthesizer) Pairs(ctx context.Context, text string) (Parsed, error) {
	out, err := runChain(ctx, s.codec, s.gen, s.opt, "text", 0, []data.Document{{ID: "text", Text: text}})
	if err != nil {
		return Parsed{}, err
	}
	return out.Texts[0].Parsed, nil
}

// Run augments a stream of documents. Consecutive texts, as many as there are rounds, form a chain; a text longer than the
// window is split at paragraph or sentence ends into several. Chains are computed side by side, do not wait for each other,
// and come out in the order of their texts; reading ahead stops while the consumer is slow. The first error, of the source,
// of the model or of the context, ends the stream. Which documents stand in which chain, and each result, depend on the
// documents and options alone.
func (s *Synthesizer) Run(ctx context.Context, docs iter.Seq2[data.Document, error]) iter.Seq2[Augmented, error] {
	return func(yield func(Augmented, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		futures := make(chan chan outcome, s.inFlight)
		var work sync.WaitGroup
		work.Go(func() {
			defer close(futures)
			s.launch(ctx, docs, futures, &work)
		})
		defer work.Wait()
		defer cancel()
		for future := range futures {
			result := <-future
			if !yield(result.Augmented, result.err) || result.err != nil {
				return
			}
		}
	}
}

type outcome struct {
	Augmented
	err error
}

// launch cuts the stream into chains and starts each in a goroutine; a place in futures is taken before the start, so at
// most inFlight chains are under way or unread.
func (s *Synthesizer) launch(ctx context.Context, docs iter.Seq2[data.Document, error], futures chan<- chan outcome, work *sync.WaitGroup) {
	var open []data.Document
	var number uint64 // of the first text in open
	start := func(run func() outcome) bool {
		future := make(chan outcome, 1)
		select {
		case futures <- future:
			work.Go(func() { future <- run() })
			return true
		case <-ctx.Done():
			return false
		}
	}
	chain := func() bool {
		texts, first := open, number
		open, number = nil, number+uint64(len(open))
		return start(func() outcome {
			out, err := runChain(ctx, s.codec, s.gen, s.opt, texts[0].ID, first, texts)
			return outcome{out, err}
		})
	}
	for piece, err := range s.pieces(docs) {
		if err != nil {
			start(func() outcome { return outcome{err: err} })
			return
		}
		if open = append(open, piece); len(open) == s.opt.Rounds && !chain() {
			return
		}
	}
	if len(open) > 0 {
		chain()
	}
}

// pieces splits the documents that are too long for the window; piece k of document d is d#k.
func (s *Synthesizer) pieces(docs iter.Seq2[data.Document, error]) iter.Seq2[data.Document, error] {
	return func(yield func(data.Document, error) bool) {
		for doc, err := range docs {
			if err != nil {
				yield(doc, err)
				return
			}
			texts, err := s.codec.Split(doc.Text, s.opt.Window-s.opt.MaxNewTokens)
			if err != nil {
				yield(doc, fmt.Errorf("document %q: %w", doc.ID, err))
				return
			}
			for k, text := range texts {
				piece := doc
				if piece.Text = text; len(texts) > 1 {
					piece.ID = fmt.Sprintf("%s#%d", doc.ID, k+1)
				}
				if !yield(piece, nil) {
					return
				}
			}
		}
	}
}
