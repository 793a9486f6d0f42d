package serve

import (
	"net/http"
	"sync"
)

// gate decides at once whether a request may wait: the engine itself queues all that it is handed, in order. Sequences and tokens
// are counted from admission to the answer.
type gate struct {
	seats     int // sequences that are computed at a time
	sequences int // at most, computed and waiting
	tokens    int64
	perKey    int // sequences of one key

	mu      sync.Mutex
	used    int
	usedTok int64
	byKey   map[int]int
}

func newGate(seats int, o Options) *gate {
	g := &gate{seats: seats, sequences: seats + o.Queue, tokens: o.QueueTokens, byKey: map[int]int{}}
	g.perKey = g.sequences
	if len(o.Keys) > 1 {
		g.perKey = max(1, g.sequences/shareOfOneKey)
	}
	return g
}

// enter admits the sequences of one request of a key, with all tokens that they can come to need, or says when to come again. leave
// must be called when they are done.
func (g *gate) enter(key, sequences int, tokens int64) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case sequences > g.perKey:
		return nil, badField("", "the request asks for %d sequences, this server takes %d of one client", sequences, g.perKey)
	case tokens > g.tokens:
		return nil, badField("", "the request asks for %d tokens over all its sequences, this server takes %d", tokens, g.tokens)
	case g.used+sequences > g.sequences, g.usedTok+tokens > g.tokens, g.byKey[key]+sequences > g.perKey:
		return nil, &Error{Status: http.StatusTooManyRequests, Type: typeRate, Code: "queue_full",
			Message: "the queue is full, try again later", RetryAfter: min(60, 1+g.used/g.seats)}
	}
	g.used += sequences
	g.usedTok += tokens
	g.byKey[key] += sequences
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.used -= sequences
		g.usedTok -= tokens
		if g.byKey[key] -= sequences; g.byKey[key] == 0 {
			delete(g.byKey, key)
		}
	}, nil
}

// load is how many sequences and tokens are admitted now.
func (g *gate) load() (sequences int, tokens int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.used, g.usedTok
}
