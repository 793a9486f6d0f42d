package tokenizer

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// The library's pointer to an empty result is no address but a small number, which Go's runtime must never meet as a pointer:
// it ends the process when it moves a stack that holds one. The collector asks goroutines inside the library to shrink their
// stacks, and they do as soon as they are back: with a stack that has been deep, while the collector runs all the time.
func TestAnEmptyResultOnAStackThatMoves(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "data", "sample", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := FromBytes("sample", b)
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close()
	var collector, wg sync.WaitGroup
	stop := make(chan struct{})
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	for range 4 {
		wg.Go(func() {
			for range 500 {
				deep(300)
				for range 20 {
					if ids, _, err := tok.EncodeOffsets(""); err != nil || len(ids) != 0 {
						t.Errorf("an empty text has the tokens %v, %v", ids, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	collector.Wait()
}

// deep uses some 100 KiB of stack.
//
//go:noinline
func deep(frames int) byte {
	var frame [256]byte
	if frames > 0 {
		frame[frames%len(frame)] = deep(frames - 1)
	}
	return frame[(frames+1)%len(frame)]
}
