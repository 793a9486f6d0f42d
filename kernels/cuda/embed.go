//go:build cuda

package cuda

import (
	"math/bits"

	"github.com/primer-lm/primer/kernels"
)

func init() {
	registerOp("embed", "exact")
	registerOp("embed_backward", "exact")
}

// The sort of embed.cu: digits of sortBits bits, a block of sortThreads threads (one a digit) for a tile of sortTile rows.
const (
	sortBits    = 9
	sortThreads = 1 << sortBits
	sortTile    = sortThreads * 4
)

// embedArgs is struct embed_args of embed.cu.
type embedArgs struct {
	failures, out, table, tokens uintptr
	rows, dim, vocab             int64
	tableType, aligned           int32
}

// embedSortArgs is struct embed_sort_args of embed.cu.
type embedSortArgs struct {
	failures, keys, rows, keysOut, rowsOut, counts, totals uintptr
	n, vocab                                               int64
	tiles, shift                                           int32
}

// embedBackwardArgs is struct embed_backward_args of embed.cu.
type embedBackwardArgs struct {
	failures, dtable, dout, keys, rows, begin, end uintptr
	n, dim, vocab                                  int64
	accumulate, aligned                            int32
}

// Embed looks rows up.
func (b *Backend) Embed(a kernels.EmbedArgs) {
	a.Check()
	rows, dim := a.Out.Dim(0), a.Table.Dim(1)
	args := embedArgs{
		failures: b.failures, out: addr(a.Out), table: addr(a.Table), tokens: addr(a.Tokens), rows: rows, dim: dim, vocab: a.Table.Dim(0),
		tableType: int32(a.Table.Type), aligned: whole(dim, a.Out, a.Table),
	}
	grid, threads := rowGrid(rows, dim)
	launch(b, "embed", "embed"+suffix(a.Out), grid, threads, 0, &args)
}

// EmbedBackward adds the gradients of looked-up rows: sort the rows by token, find each token's run, add the runs.
func (b *Backend) EmbedBackward(a kernels.EmbedBackwardArgs) {
	const op = "embed_backward"
	a.Check()
	needWork(op, a.Work, b.EmbedBackwardPlan(a))
	n, dim, vocab := a.DOut.Dim(0), a.DTable.Dim(1), a.DTable.Dim(0)
	if vocab*dim == 0 || (n == 0 && a.Accumulate) {
		return
	}
	work := embedWork(addr(a.Work), n, vocab)
	args := embedBackwardArgs{
		failures: b.failures, dtable: addr(a.DTable), dout: addr(a.DOut), begin: work.runs, end: work.runs + uintptr(4*vocab),
		n: n, dim: dim, vocab: vocab, accumulate: asInt(a.Accumulate), aligned: whole(dim, a.DTable, a.DOut),
	}
	args.keys, args.rows = b.embedSort(op, addr(a.Tokens), n, vocab, work)
	b.fillBytes(op, work.runs, 8*vocab, fillBytesArgs{})
	launch(b, op, "embed_backward_mark", dims{int(ceilDiv(n, rowThreads)), 1, 1}, rowThreads, 0, &args)
	grid, threads := rowGrid(vocab, dim)
	launch(b, op, "embed_backward"+suffix(a.DOut), grid, threads, 0, &args)
}

// embedSort sorts rows by token, stably, and returns where the sorted tokens and their rows are.
func (b *Backend) embedSort(op string, tokens uintptr, n, vocab int64, work embedParts) (keys, rows uintptr) {
	tiles := ceilDiv(n, sortTile)
	keys = tokens
	for pass := range embedPasses(vocab) {
		args := embedSortArgs{
			failures: b.failures, keys: keys, rows: rows, keysOut: work.keys[pass%2], rowsOut: work.rows[pass%2],
			counts: work.counts, totals: work.totals, n: n, vocab: vocab, tiles: int32(tiles), shift: int32(pass * sortBits),
		}
		launch(b, op, "embed_sort_count", dims{int(tiles), 1, 1}, sortThreads, 0, &args)
		launch(b, op, "embed_sort_scan", dims{int(min(tiles, 1) * sortThreads), 1, 1}, sortThreads, 0, &args)
		launch(b, op, "embed_sort_place", dims{int(tiles), 1, 1}, sortThreads, 0, &args)
		keys, rows = args.keysOut, args.rowsOut
	}
	return keys, rows
}

// embedPasses is how many digits the tokens of a vocabulary have, at least one.
func embedPasses(vocab int64) int {
	return max(1, (bits.Len64(uint64(max(vocab, 1)-1))+sortBits-1)/sortBits)
}

// embedParts are addresses in Work; all hold 32-bit numbers.
type embedParts struct {
	keys, rows           [2]uintptr // [N] each
	counts, totals, runs uintptr    // [digits, tiles], [digits], [2, V]
	bytes                int64
}

func embedWork(at uintptr, n, vocab int64) embedParts {
	var p embedParts
	start := at
	take := func(count int64) uintptr {
		part := at
		at += uintptr((4*count + 255) / 256 * 256)
		return part
	}
	p.runs = take(2 * vocab)
	p.counts, p.totals = take(sortThreads*ceilDiv(n, sortTile)), take(sortThreads)
	for i := range min(2, embedPasses(vocab)) {
		p.keys[i], p.rows[i] = take(n), take(n)
	}
	p.bytes = int64(at - start)
	return p
}

// EmbedBackwardPlan is room for the tokens with their rows before and after a pass of the sort, its counts, and the runs.
func (b *Backend) EmbedBackwardPlan(a kernels.EmbedBackwardArgs) int64 {
	return embedWork(0, a.DOut.Dim(0), a.DTable.Dim(0)).bytes
}
