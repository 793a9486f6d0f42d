package serve

import (
	"net/http"
	"sync"
)

// gate decides at once whether a request may wait: the engine itself queues all that it is handed, in order. Sequences and tokens
// are counted from admission to the answer.
type gate struct {
	seats  int  // sequences that are computed at a time
	most   load // computed and waiting
	perKey load // of one key

	mu    sync.Mutex
	used  load
	byKey map[int]load
}

// load is what is admitted.
type load struct {
	sequences int
	tokens    int64
}

func (l load) plus(sequences int, tokens int64) load {
	return load{l.sequences + sequences, l.tokens + tokens}
}

func (l load) within(most load) bool { return l.sequences <= most.sequences && l.tokens <= most.tokens }

func newGate(seats int, o Options) *gate {
	g := &gate{seats: seats, most: load{seats + o.Queue, o.QueueTokens}, byKey: map[int]load{}}
	g.perKey = g.most
	if len(o.Keys) > 1 {
		g.perKey = load{max(1, g.most.sequences/shareOfOneKey), max(1, g.most.tokens/shareOfOneKey)}
	}
	return g
}

// enter admits the sequences of one request of a key, with all tokens that they can come to need, or says when to come again. leave
// must be called when they are done.
func (g *gate) enter(key, sequences int, tokens int64) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case sequences > g.perKey.sequences:
		return nil, badField("", "the request asks for %d sequences, this server takes %d of one client", sequences, g.perKey.sequences)
	case tokens > g.perKey.tokens:
		return nil, badField("", "the request asks for %d tokens over all its sequences, this server takes %d of one client", tokens, g.perKey.tokens)
	case !g.used.plus(sequences, tokens).within(g.most), !g.byKey[key].plus(sequences, tokens).within(g.perKey):
		return nil, &Error{Status: http.StatusTooManyRequests, Type: typeRate, Code: "queue_full",
			Message: "the queue is full, try again later", RetryAfter: min(60, 1+g.used.sequences/g.seats)}
	}
	g.used = g.used.plus(sequences, tokens)
	g.byKey[key] = g.byKey[key].plus(sequences, tokens)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.used = g.used.plus(-sequences, -tokens)
		if g.byKey[key] = g.byKey[key].plus(-sequences, -tokens); g.byKey[key] == (load{}) {
			delete(g.byKey, key)
		}
	}, nil
}

// load is how many sequences and tokens are admitted now.
func (g *gate) load() (sequences int, tokens int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.used.sequences, g.used.tokens
}
