package cpu_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
)

// An op that fails before a barrier of its own keeps the team in step: a thread that comes to it late still takes part. A team
// out of step hangs in the op, in the next one or in Close, or leaves a part of a gradient as it was.
func TestFailureBeforeABarrierKeepsTheTeamInStep(t *testing.T) {
	for _, threads := range []int{2, 3, 5} {
		ended := make(chan error, 1)
		go func() { ended <- failEmbedBackward(threads, 300) }()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%d threads: %v", threads, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%d threads: the team hangs", threads)
		}
	}
}

func failEmbedBackward(threads, rounds int) error {
	b, err := cpu.Open(cpu.Options{Threads: threads})
	if err != nil {
		return err
	}
	const rows, dim, vocab = 3, 80, 64
	mem, err := b.Alloc(kernels.MemGradients, 4*dim*(rows+vocab)+64)
	if err != nil {
		return err
	}
	dout, dtable := kernels.NewTensor(mem, 64, kernels.F32, rows, dim), kernels.NewTensor(mem, 64+4*dim*rows, kernels.F32, vocab, dim)
	tokens, row := kernels.NewTensor(mem, 0, kernels.I32, rows), make([]byte, 4*dim)
	for i := range dim {
		binary.LittleEndian.PutUint32(row[4*i:], math.Float32bits(2))
	}
	want, got := make([]byte, dtable.Bytes()), make([]byte, dtable.Bytes())
	for _, token := range []int{1, 7, vocab - 1} {
		copy(want[len(row)*token:], row)
	}
	b.Fill(kernels.FillArgs{Dst: dout, Value: 2})
	for round := range rounds {
		b.Write(tokens, ints(1, vocab, 7))
		b.EmbedBackward(kernels.EmbedBackwardArgs{DTable: dtable, DOut: dout, Tokens: tokens})
		if err := b.Sync(); !errors.Is(err, kernels.ErrDevice) {
			return fmt.Errorf("round %d: a token outside the table: %v, want kernels.ErrDevice", round, err)
		}
		b.Fill(kernels.FillArgs{Dst: dtable, Value: 9})
		b.Write(tokens, ints(1, vocab-1, 7))
		b.EmbedBackward(kernels.EmbedBackwardArgs{DTable: dtable, DOut: dout, Tokens: tokens})
		if err := b.Read(got, dtable); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("round %d: the gradient behind a failure is not that of its rows, %w", round, err)
		}
	}
	return b.Close()
}

func ints(values ...int32) (raw []byte) {
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
	}
	return raw
}
