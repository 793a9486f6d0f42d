package synth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/primer-lm/primer/data"
)

// Synthesizer augments texts. It is safe for concurrent use: texts of all callers are computed together.
type Synthesizer struct {
	codec    *Codec
	gen      Generator
	opt      RoundOptions
	inFlight int
	keep     PairFilter
	verify   *VerifyOptions
	close    func() error
	closed   *atomic.Bool
}

// New makes a Synthesizer of its parts; Open makes one of a model folder. inFlight is how many chains are computed side by
// side; as many again may wait for their turn or for the consumer. Of the options those count that say what is done with pairs: Keep and Verification.
func New(codec *Codec, gen Generator, opt RoundOptions, inFlight int, opts ...Option) (*Synthesizer, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	if inFlight < 1 {
		return nil, fmt.Errorf("%w: %d chains in flight, need at least 1", ErrOptions, inFlight)
	}
	var set settings
	for _, o := range opts {
		o(&set)
	}
	s := &Synthesizer{codec: codec, gen: gen, opt: opt, inFlight: inFlight, keep: set.keep, verify: set.verify,
		close: func() error { return nil }, closed: new(atomic.Bool)}
	return s, s.checkVerify()
}

// Close frees what Open took. Runs under way end with ErrClosed. It may be called twice.
func (s *Synthesizer) Close() error {
	s.closed.Store(true)
	return s.close()
}

// whyClosed makes ErrClosed of what a part says that Close has taken away.
func (s *Synthesizer) whyClosed(err error) error {
	if err == nil || !s.closed.Load() || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

// Codec gives the text side of the synthesizer.
func (s *Synthesizer) Codec() *Codec { return s.codec }

// Options gives how texts are augmented, the window that was chosen included.
func (s *Synthesizer) Options() RoundOptions { return s.opt }

// Pairs generates the pairs of one text, without history. The text must fit the window.
func (s *Synthesizer) Pairs(ctx context.Context, text string) (Parsed, error) {
	out, err := s.runChain(ctx, "text", 0, one(data.Document{ID: "text", Text: text}))
	if err != nil {
		return Parsed{}, err
	}
	return out.Texts[0].Parsed, nil
}

// one gives documents in turn.
func one(docs ...data.Document) func() (data.Document, error) {
	return func() (data.Document, error) {
		if len(docs) == 0 {
			return data.Document{}, io.EOF
		}
		doc := docs[0]
		docs = docs[1:]
		return doc, nil
	}
}

// Run augments a stream of documents. Consecutive texts, as many as there are rounds, form a chain; a text longer than the
// window is split at paragraph or sentence ends into several. Chains are computed side by side, do not wait for each other,
// and come out in the order of their texts. A chain begins with its first text, whether or not the others are there yet.
// Reading ahead stops while the consumer is slow. The first error, of the source (ErrSource), of the model or of the context,
// ends the stream. Which documents stand in which chain, and each result, depend on the documents and options alone.
//
// Run ends only when docs returns: a source that waits, for a channel or the network, must end with ctx, and when the
// consumer stops early; RunChannel does that.
func (s *Synthesizer) Run(ctx context.Context, docs iter.Seq2[data.Document, error]) iter.Seq2[Augmented, error] {
	return s.stream(ctx, func(ctx context.Context, start starter) error { return s.cut(ctx, docs, start) })
}

// RunChannel is Run for documents that come from a channel. The stream ends when the channel is closed and all that came is
// done, when ctx ends, or when the consumer stops; what is left in the channel then stays there.
func (s *Synthesizer) RunChannel(ctx context.Context, docs <-chan data.Document) iter.Seq2[Augmented, error] {
	return s.stream(ctx, func(ctx context.Context, start starter) error {
		return s.cut(ctx, received(ctx, docs), start)
	})
}

// received gives what comes from a channel until it is closed; the end of ctx is an error.
func received(ctx context.Context, docs <-chan data.Document) iter.Seq2[data.Document, error] {
	return func(yield func(data.Document, error) bool) {
		for {
			select {
			case doc, open := <-docs:
				if !open || !yield(doc, nil) {
					return
				}
			case <-ctx.Done():
				yield(data.Document{}, ctx.Err())
				return
			}
		}
	}
}

// Work is one chain that the caller has cut: its texts in order, each of which must fit the window (Pieces cuts them so).
type Work struct {
	ID        string // of the chain
	Number    uint64 // of its first text: what is sampled depends on it and on Seed alone
	Documents []data.Document
	Tag       any // comes back with the result
}

// RunWork is Run for chains that are cut already: for callers that have an order of their own, as a job in shards has.
func (s *Synthesizer) RunWork(ctx context.Context, works iter.Seq2[Work, error]) iter.Seq2[Augmented, error] {
	return s.stream(ctx, func(_ context.Context, start starter) error {
		for w, err := range works {
			if err != nil {
				return sourceError{err}
			}
			if !start(w, one(w.Documents...)) {
				return nil
			}
		}
		return nil
	})
}

// starter starts one chain, whose documents come from next; false: the stream has ended.
type starter func(w Work, next func() (data.Document, error)) bool

type outcome struct {
	Augmented
	err error
}

// ahead is how many chains are begun or wait for the consumer, for each that is computed: results come in order, and while
// the oldest takes long, others must be able to take the seats of those that ended behind it.
const ahead = 2

// stream runs the chains that source starts and gives their results in order. A place in futures is taken before a chain
// begins, a seat before it is computed and for all its rounds, so that its cached prompts are still there for the next.
func (s *Synthesizer) stream(ctx context.Context, source func(context.Context, starter) error) iter.Seq2[Augmented, error] {
	return func(yield func(Augmented, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		futures := make(chan chan outcome, ahead*s.inFlight-1) // the one that is waited for below has left it
		seats := make(chan struct{}, s.inFlight)
		var work sync.WaitGroup
		stopped := false // something could not begin because ctx had ended
		begin := func(run func() outcome) bool {
			future := make(chan outcome, 1)
			select {
			case futures <- future:
				work.Go(func() { future <- run() })
				return true
			case <-ctx.Done():
				stopped = true
				return false
			}
		}
		work.Go(func() {
			defer close(futures)
			turn := make(chan struct{}) // closed once all earlier chains have had their seats: seats go in the order of results
			close(turn)
			err := source(ctx, func(w Work, next func() (data.Document, error)) bool {
				before, seated := turn, make(chan struct{})
				turn = seated
				return begin(func() outcome {
					if !takeSeat(ctx, before, seats) {
						return outcome{err: ctx.Err()}
					}
					close(seated)
					defer func() { <-seats }()
					out, err := s.runChain(ctx, w.ID, w.Number, next)
					out.Tag = w.Tag
					return outcome{out, err}
				})
			})
			if err != nil {
				begin(func() outcome { return outcome{err: err} })
			}
		})
		defer work.Wait()
		defer cancel()
		for future := range futures {
			result := <-future
			if !yield(result.Augmented, result.err) || result.err != nil {
				return
			}
		}
		if stopped { // or a stream that was cut short would look whole
			yield(Augmented{}, ctx.Err())
		}
	}
}

// takeSeat waits for the turn and then for a seat; false: ctx has ended first.
func takeSeat(ctx context.Context, turn <-chan struct{}, seats chan<- struct{}) bool {
	select {
	case <-turn:
	case <-ctx.Done():
		return false
	}
	select {
	case seats <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}
