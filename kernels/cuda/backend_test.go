//go:build cuda

package cuda

import (
	"bytes"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// opened is a backend on the device under test, which has to close without a complaint and leave no memory behind.
func opened(t *testing.T) *Backend {
	t.Helper()
	kernelCache(t)
	b, err := openBackend(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		checkDevice(t)
	})
	return b
}

func TestOpenAndClose(t *testing.T) {
	b := opened(t)
	if b.Name() != "cuda:0" || b.multiprocessors < 1 || b.failures == 0 {
		t.Errorf("opened %+v", b)
	}
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// Bytes come back as they were written, also where they are more than the ring holds, and at odd addresses.
func TestWriteAndRead(t *testing.T) {
	b := opened(t)
	for _, n := range []int64{0, 1, 3, pieceBytes - 1, pieceBytes, pieceBytes + 1, (2*pieces+1)*pieceBytes + 5} {
		mem, err := b.Alloc(kernels.MemInputs, n+1)
		if err != nil {
			t.Fatal(err)
		}
		x := kernels.NewTensor(mem, 1, kernels.U8, n)
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(i*7 + i>>11 + i/pieceBytes)
		}
		src := bytes.Clone(want)
		b.Write(x, src)
		got := make([]byte, n)
		if err := b.Read(got, x); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back otherwise, %v", n, err)
		}
		b.Free(mem)
	}
}
