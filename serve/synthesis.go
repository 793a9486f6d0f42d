package serve

import (
	"context"
	"strings"
	"sync"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/synth"
)

// synthEvent is one pair, as soon as it is written.
type synthEvent struct {
	Document string    `json:"document"` // id of the text
	Round    int       `json:"round"`    // 1: its prompt had no examples before it
	Index    int       `json:"index"`    // of the pair in its text, from 0
	Pair     data.Pair `json:"pair"`
}

// synthResult is what became of a request's texts: chains in their order, and what was counted on the way.
type synthResult struct {
	Object string       `json:"object"`
	Model  string       `json:"model"`
	Chains []data.Chain `json:"chains"`
	Report synth.Report `json:"report"`
	Usage  usage        `json:"usage"`
}

// synthesis is a request under way. Its chains are computed side by side, on the engine that all requests share.
type synthesis struct {
	s       *Server
	codec   *synth.Codec
	opt     synth.RoundOptions
	request *synthRequest
}

// told is what a chain's goroutine says: a pair, or the end.
type told struct {
	event synthEvent
	chain int
	out   *synth.Augmented
	err   error
}

// run computes all chains; tell hears of pairs on the caller's goroutine.
func (w *synthesis) run(ctx context.Context, chains [][]data.Document, tell func(synthEvent) error) (*synthResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	news := make(chan told)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	seats := make(chan struct{}, w.s.parts.Seats)
	work.Go(func() {
		for i, texts := range chains {
			select {
			case seats <- struct{}{}:
			case <-ctx.Done():
				return
			}
			work.Go(func() {
				defer func() { <-seats }()
				out, err := w.chain(ctx, texts, news)
				select {
				case news <- told{chain: i, out: &out, err: err}:
				case <-ctx.Done():
				}
			})
		}
	})
	done := make([]*synth.Augmented, len(chains))
	for left := len(chains); left > 0; {
		var t told
		select {
		case t = <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if t.err != nil {
			return nil, t.err
		}
		if t.out != nil {
			done[t.chain], left = t.out, left-1
		} else if err := tell(t.event); err != nil {
			return nil, err
		}
	}
	return w.result(done), nil
}

// chain takes the texts of one chain through the rounds and scores their pairs.
func (w *synthesis) chain(ctx context.Context, texts []data.Document, news chan<- told) (synth.Augmented, error) {
	source := &watched{w: w, ctx: ctx, texts: texts, news: news}
	sy, err := synth.New(w.codec, source, w.opt, 1)
	if err != nil {
		return synth.Augmented{}, err
	}
	source.scorer = sy
	var out synth.Augmented
	for a, err := range sy.Run(ctx, data.All(texts)) {
		if err != nil {
			return out, err
		}
		out = a
	}
	keepScores(out.Chains, source.scored)
	return out, ctx.Err()
}

// keepScores puts the pairs that were told, with their scores, into the chains: the texts stand there in their order, each once.
func keepScores(chains []data.Chain, scored [][]data.Pair) {
	at := 0
	for i := range chains {
		for j := range chains[i].Examples {
			chains[i].Examples[j].Pairs = scored[at]
			at++
		}
	}
}

func (w *synthesis) result(done []*synth.Augmented) *synthResult {
	out := &synthResult{Object: "synthesis", Model: w.s.modelName(w.request.model), Chains: []data.Chain{}}
	for _, a := range done {
		out.Report.Add(*a)
		out.Chains = append(out.Chains, a.Chains...)
	}
	u := &out.Usage
	u.Prompt, u.Completion, u.Details.Cached = int(out.Report.TokensIn), int(out.Report.TokensOut), int(out.Report.CachedIn)
	u.Total = u.Prompt + u.Completion
	return out
}

// watched is the generator of one chain: it reads along what is written for a text, and tells each pair once its </END> is there.
// The texts of a chain come one after another.
type watched struct {
	w      *synthesis
	ctx    context.Context
	texts  []data.Document
	news   chan<- told
	scorer *synth.Synthesizer

	round  int
	scored [][]data.Pair // by round
	err    error
}

// Generate implements synth.Generator.
func (g *watched) Generate(ctx context.Context, r generate.Request) (generate.Result, error) {
	doc := g.texts[g.round]
	g.round++
	g.scored = append(g.scored, nil)
	box := &inbox{some: make(chan struct{}, 1)}
	r.OnToken = g.w.s.watch(r, func(t generate.Token) { box.put(event{token: t}) })
	var result generate.Result
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = g.w.s.generate(ctx, r)
	}()
	reader := pairReader{g: g, doc: doc, round: g.round, stream: g.w.s.words.NewStream(true)}
	for open := true; open; {
		select {
		case <-box.some:
		case <-done:
			open = false
		}
		for _, e := range box.take() {
			g.fail(reader.token(e.token.ID))
		}
	}
	if err != nil {
		return result, err
	}
	written, err := g.w.codec.Decode(result.Tokens)
	if err != nil {
		return result, err
	}
	g.fail(reader.pairs(written))
	return result, g.err
}

// Score implements synth.Scorer by the same engine, whose cache holds the texts that were just read.
func (g *watched) Score(ctx context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error) {
	return g.w.s.score(ctx, requests)
}

func (g *watched) fail(err error) {
	if g.err == nil {
		g.err = err
	}
}

// pairReader finds the pairs in what is being written for one text.
type pairReader struct {
	g      *watched
	doc    data.Document
	round  int
	stream interface{ Next(int32) (string, error) }
	text   strings.Builder
	ends   int // </END> seen
	told   int
}

// token reads one token along.
func (p *pairReader) token(id int32) error {
	piece, err := p.stream.Next(id)
	if err != nil {
		return err
	}
	p.text.WriteString(piece)
	if !strings.Contains(piece, synth.TagEnd[len(synth.TagEnd)-1:]) { // nor can it complete one
		return nil
	}
	if n := strings.Count(p.text.String(), synth.TagEnd); n > p.ends {
		p.ends = n
		return p.pairs(p.text.String())
	}
	return nil
}

// pairs tells those pairs of a text that were not told: what is parsed of the front of a text stays when more is written.
func (p *pairReader) pairs(written string) error {
	all := p.g.w.codec.Format.Parse(written).Pairs
	for ; p.told < len(all); p.told++ {
		pair, err := p.g.w.scoreOne(p.g.ctx, p.g.scorer, p.doc, all[p.told])
		if err != nil {
			return err
		}
		p.g.scored[p.round-1] = append(p.g.scored[p.round-1], pair)
		select {
		case p.g.news <- told{event: synthEvent{Document: p.doc.ID, Round: p.round, Index: p.told, Pair: pair}}:
		case <-p.g.ctx.Done():
			return p.g.ctx.Err()
		}
	}
	return nil
}

// scoreOne verifies one pair: its numbers depend on its text and itself alone.
func (w *synthesis) scoreOne(ctx context.Context, sy *synth.Synthesizer, doc data.Document, pair data.Pair) (data.Pair, error) {
	if !w.request.scores {
		return pair, nil
	}
	out, err := sy.Verify(ctx, []data.Chain{{ID: doc.ID, Examples: []data.Example{{Document: doc, Pairs: []data.Pair{pair}}}}}, synth.VerifyOptions{})
	if err != nil {
		return pair, err
	}
	return out[0].Examples[0].Pairs[0], nil
}
