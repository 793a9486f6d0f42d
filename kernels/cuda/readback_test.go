//go:build cuda && emulator

package cuda

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

func usageSum(b *Backend) (sum, held int64) {
	h := b.Held()
	for kind, n := range b.Usage().Now {
		sum, held = sum+n, held+h[kind]
	}
	return sum, held
}

// What the backend counts is what the driver has given: its own from the start, and what is asked for later.
func TestEverythingIsCounted(t *testing.T) {
	b := opened(t)
	check := func(when string, asked int64) {
		t.Helper()
		sum, held := usageSum(b)
		if _, given, _ := standInMemory(); int64(given) != sum || sum-held != asked {
			t.Errorf("%s: %d bytes are counted, %d of them the backend's own and %d asked for; the driver has given %d", when, sum, held, asked, given)
		}
	}
	check("opened", 0)
	if held := b.Held(); held[kernels.MemWorkspace] < productWorkspace+productScratch || held[kernels.MemStaging] != stagedBytes {
		t.Errorf("held: %v", held)
	}
	mem, err := b.Alloc(kernels.MemCache, 1000)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.OpenReadback(100)
	if err != nil {
		t.Fatal(err)
	}
	check("with an allocation and a readback", 1000+readbackHead+100)
	b.Free(mem)
	r.Close()
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	check("at the end", 0)
	if _, err := b.OpenReadback(100); err != nil { // Close of the backend takes it back
		t.Fatal(err)
	}
}

// Writes share the ring: a thousand small ones wait for nothing, and neither they nor large ones, which go round it, overtake or
// overwrite one another.
func TestWritesGoRoundTheRing(t *testing.T) {
	b := opened(t)
	const room = 3*pieceBytes + 100
	mem, err := b.Alloc(kernels.MemInputs, room)
	if err != nil {
		t.Fatal(err)
	}
	want, rng := make([]byte, room), rand.New(rand.NewPCG(1, 2))
	write := func(at, n int) {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(rng.Uint32())
		}
		copy(want[at:], src)
		b.Write(kernels.NewTensor(mem, int64(at), kernels.U8, int64(n)), src)
		clear(src)
	}
	all, events := StandInWaits()
	for range 1000 {
		n := 1 + rng.IntN(700)
		write(rng.IntN(room-n), n)
	}
	if a, e := StandInWaits(); a != all || e != events {
		t.Errorf("a thousand small writes waited %d times for everything and %d times for an event", a-all, e-events)
	}
	for range 2 * pieces {
		n := pieceBytes/2 + rng.IntN(2*pieceBytes)
		write(rng.IntN(room-n), n)
	}
	if a, _ := StandInWaits(); a != all {
		t.Errorf("large writes waited %d times for everything", a-all)
	}
	got := make([]byte, room)
	if err := b.Read(got, kernels.NewTensor(mem, 0, kernels.U8, room)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("other bytes came back, %v", err)
	}
	write(5, 77) // the ring begins anew behind a Read
	if err := b.Read(got, kernels.NewTensor(mem, 0, kernels.U8, room)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("behind a read: other bytes came back, %v", err)
	}
}

// Waiting for a readback waits for its event, not for what was issued behind it.
func TestReadbackWaitsForItsEventOnly(t *testing.T) {
	b := opened(t)
	x := newMatrix(t, b, kernels.F32, 1, 4, 4)
	r, err := b.OpenReadback(64)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := make([]byte, 64)
	if err := b.Read(want, x.Tensor); err != nil {
		t.Fatal(err)
	}
	all, events := StandInWaits()
	for range 20 {
		r.Fetch(x.Tensor)
		for range 50 {
			b.Fill(kernels.FillArgs{Dst: x.Tensor, Value: 3})
		}
		got, err := r.Wait()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read back %v, want %v, %v", got, want, err)
		}
		if now, e := StandInWaits(); now != all || e > events+1 {
			t.Fatalf("waited %d times for everything, %d times for an event", now-all, e-events)
		}
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Wait(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("after Sync: read back %v, %v", got, err)
		}
		copy(want, bytes.Repeat([]byte{0, 0, 0x40, 0x40}, 16)) // 3, from the fills of this round
		all, events = StandInWaits()
	}
}

// A Fetch behind a call that failed copies nothing: Wait says so, whether Sync has taken the failure meanwhile or not, and the next
// Fetch is a new beginning.
func TestReadbackKeepsTheFailureOfACall(t *testing.T) {
	b := opened(t)
	x := newMatrix(t, b, kernels.F32, 1, 4, 4)
	r, err := b.OpenReadback(64)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cause := errors.New("refused")
	b.issue.Lock()
	b.stick("write", cause)
	b.issue.Unlock()
	r.Fetch(x.Tensor)
	for _, when := range []string{"before Sync", "after Sync"} {
		if got, err := r.Wait(); !errors.Is(err, cause) {
			t.Errorf("%s: Wait returns %v, %v, want the failure", when, got, err)
		}
		if err := b.Sync(); (when == "before Sync") != errors.Is(err, cause) {
			t.Errorf("%s: Sync: %v", when, err)
		}
	}
	r.Fetch(x.Tensor)
	want := make([]byte, 64)
	if err := b.Read(want, x.Tensor); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Wait(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("fetched again: %v, %v, want %v", got, err, want)
	}
}
