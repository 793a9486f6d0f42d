//go:build cuda

package cuda

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// Rows of one token are added in their order, one after another: the sum has the bits of that.
func TestEmbedBackwardAddsInOrder(t *testing.T) {
	const n, vocab, dim = 7000, 700, 24
	b, tokens := &probe{Backend: opened(t), t: t}, tokensBelow(n, vocab)
	a := kernels.EmbedBackwardArgs{
		DTable: b.out("dtable", kernels.F32, vocab, dim), DOut: b.in("dout", kernels.F32, n, dim), Tokens: b.ints(tokens...), Accumulate: true,
	}
	want, dout := make([]float32, vocab*dim), numbers(kernels.F32, normals("dout", kernels.F32, n*dim))
	for i, v := range numbers(kernels.F32, b.before[0]) {
		want[i] = float32(v)
	}
	for row, token := range tokens {
		for c := range dim {
			want[int(token)*dim+c] += float32(dout[row*dim+c])
		}
	}
	a.Work = b.work(b.EmbedBackwardPlan(a))
	b.EmbedBackward(a)
	for i, v := range numbers(kernels.F32, b.results()[0]) {
		if float32(v) != want[i] {
			t.Fatalf("element %d is %g, in order %g", i, v, want[i])
		}
	}
}

// The counts of a digit are summed over more tiles than a block has threads: a million rows.
func TestEmbedSortScansManyTiles(t *testing.T) {
	const tiles = 2*sortThreads + 77
	device := opened(t)
	b := &probe{Backend: device, t: t}
	counts, totals := make([]int32, sortThreads*tiles), make([]int32, sortThreads)
	for i := range counts {
		counts[i] = int32(i * i % 11)
	}
	at, sums := b.ints(counts...), b.ints(totals...)
	b.outputs = []kernels.Tensor{at, sums}
	for digit := range totals {
		for tile := range tiles {
			counts[digit*tiles+tile], totals[digit] = totals[digit], totals[digit]+counts[digit*tiles+tile]
		}
	}
	args := embedSortArgs{failures: device.failures, counts: addr(at), totals: addr(sums), tiles: tiles}
	launch(device, "embed_backward", "embed_sort_scan", dims{sortThreads, 1, 1}, sortThreads, 0, &args)
	got := b.results()
	for i, want := range [][]int32{counts, totals} {
		if data, _ := binary.Append(nil, binary.LittleEndian, want); !bytes.Equal(got[i], data) {
			t.Errorf("wrong sums (%d)", i)
		}
	}
}

// A token outside the table is reported with its row, wherever it stands, and changes nothing.
func TestEmbedBackwardFails(t *testing.T) {
	device := opened(t)
	for _, token := range []int32{-1, 700, math.MinInt32, math.MaxInt32} {
		b, tokens := &probe{Backend: device, t: t}, tokensBelow(5000, 700)
		tokens[4321] = token
		a := kernels.EmbedBackwardArgs{DTable: b.out("dtable", kernels.F32, 700, 8), DOut: b.in("dout", kernels.F32, 5000, 8), Tokens: b.ints(tokens...)}
		a.Work = b.work(b.EmbedBackwardPlan(a))
		b.EmbedBackward(a)
		err := b.Sync()
		if want := fmt.Sprintf("embed_backward: row 4321: token %d ", token); !errors.Is(err, kernels.ErrDevice) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if !bytes.Equal(b.results()[0], b.before[0]) {
			t.Error("the table was changed")
		}
	}
}

// What comes after a failure is skipped.
func TestStreamingOpsSkipAfterAFailure(t *testing.T) {
	device, seen := opened(t), map[string]bool{}
	for _, c := range sizedCases() {
		op, _, _ := strings.Cut(c.name, " ")
		if seen[op] || strings.Contains(c.name, "beyond") {
			continue
		}
		seen[op] = true
		b := &probe{Backend: device, t: t}
		a := kernels.EmbedArgs{Out: b.in("out", kernels.F32, 1, 8), Table: b.in("table", kernels.F32, 8, 8), Tokens: b.ints(8)}
		b.Embed(a)
		c.run(b)
		err := b.Sync()
		if !errors.Is(err, kernels.ErrDevice) || !strings.Contains(err.Error(), "embed: row 0: token 8 ") {
			t.Errorf("%s: got %v, want the failure before it", c.name, err)
		}
		for i, got := range b.results() {
			if !bytes.Equal(got, b.before[i]) {
				t.Errorf("%s: output %d was written", c.name, i)
			}
		}
	}
}

// Eight-byte elements may lie at multiples of four: what is repeated is then turned by half.
func TestFillAtHalfAnElement(t *testing.T) {
	b := &probe{Backend: opened(t), t: t}
	const n = 1000
	all := b.longs(make([]int64, n+1)...)
	x := kernels.NewTensor(all.Mem, 4, kernels.I64, n)
	b.outputs = []kernels.Tensor{x}
	b.Fill(kernels.FillArgs{Dst: x, Value: 1<<40 + 3})
	for i, data := 0, b.results()[0]; i < n; i++ {
		if got := binary.LittleEndian.Uint64(data[8*i:]); got != 1<<40+3 {
			t.Fatalf("element %d is %#x", i, got)
		}
	}
}
