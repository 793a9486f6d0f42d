package warc

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

// What is put back is read again as it was, whatever of it was read and buffered.
func TestUnread(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	want := make([]byte, 300_000)
	for i := range want {
		want[i] = byte(rng.Uint32())
	}
	r := &reader{src: &source{in: bytes.NewReader(want)}}
	r.in = bufio.NewReaderSize(r.src, 16<<10)
	for at := 0; at < len(want); {
		body := make([]byte, min(rng.IntN(40_000), len(want)-at))
		if _, err := io.ReadFull(r.in, body); err != nil || !bytes.Equal(body, want[at:at+len(body)]) {
			t.Fatalf("at %d: %v", at, err)
		}
		back := rng.IntN(len(body) + 1)
		if err := r.unread(body[len(body)-back:]); err != nil {
			t.Fatal(err)
		}
		at += len(body) - back
	}
}
