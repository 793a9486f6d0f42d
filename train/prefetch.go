package train

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/primer-lm/primer/data"
)

// stepData is one step's batches and the position behind them.
type stepData struct {
	batches []*data.Batch
	state   json.RawMessage
	seen    any // the source's manifest at that position
	err     error
}

// prefetcher makes the next steps' batches while the current one is computed.
type prefetcher struct {
	out  chan stepData
	quit chan struct{}
	done sync.WaitGroup
}

const prefetchSteps = 2

func prefetch(src Source, batchTokens, microTokens int64) *prefetcher {
	p := &prefetcher{out: make(chan stepData, prefetchSteps), quit: make(chan struct{})}
	p.done.Go(func() {
		for {
			var next stepData
			if next.batches, next.err = src.Step(batchTokens, microTokens); next.err == nil {
				next.state, next.err = src.State()
				next.seen = src.Manifest()
			}
			select {
			case p.out <- next:
			case <-p.quit:
				return
			}
			if next.err != nil {
				return
			}
		}
	})
	return p
}

// next returns the data of one step, and false where ctx is done first. After an error it must not be called again.
func (p *prefetcher) next(ctx context.Context) (stepData, bool) {
	if ctx.Err() != nil {
		return stepData{}, false
	}
	select {
	case s := <-p.out:
		return s, true
	case <-ctx.Done():
		return stepData{}, false
	}
}

func (p *prefetcher) stop() {
	close(p.quit)
	p.done.Wait()
}
