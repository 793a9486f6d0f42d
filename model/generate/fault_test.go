package generate

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// faulty is a backend whose write to the cache number `at`, from 1, fails: its slots lie outside.
type faulty struct {
	kernels.Backend
	at, writes int
}

func (f *faulty) PagedWrite(a kernels.PagedWriteArgs) {
	if f.writes++; f.writes == f.at {
		f.Write(a.Slots, bytes.Repeat([]byte{0x7f}, int(a.Slots.Bytes())))
	}
	f.Backend.PagedWrite(a)
}

// Pages that a failed chunk of a prompt should have filled are not found by a later prompt, though nobody waited for the chunk.
func TestFailedChunkIsForgotten(t *testing.T) { failedChunk(t, openDevice(t, "cpu")) }

func failedChunk(t *testing.T, b kernels.Backend) {
	o, rs := model.InferOptions{Tokens: 16, Docs: 2, PageSize: 4}, []Request{{Prompt: make([]int32, 40), MaxNewTokens: 5}}
	for i := range rs[0].Prompt {
		rs[0].Prompt[i] = int32(i)
	}
	want := alone(t, engine(t, b, o, Options{CacheTokens: 200}), rs)
	e := engine(t, &faulty{Backend: b, at: 1}, o, Options{CacheTokens: 200})
	if _, err := e.Generate(context.Background(), rs[0]); !errors.Is(err, errDevice) || !errors.Is(err, kernels.ErrDevice) {
		t.Fatalf("a chunk failed: %v", err)
	}
	for range 2 { // computed again, then found
		if got := alone(t, e, rs); !reflect.DeepEqual(got, want) {
			t.Errorf("after a failed chunk: %v, without one %v", got, want)
		}
	}
	if s := e.Stats(); s.Cached != 36 {
		t.Errorf("%d prompt tokens were found in the cache, want those of the second time, 36", s.Cached)
	}
	if free := e.pool.available(); free != len(e.pool.pages) {
		t.Errorf("%d of %d pages are free at the end", free, len(e.pool.pages))
	}
}
