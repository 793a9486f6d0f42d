// Embed: out[n,:] = table[tokens[n],:], and its gradient.
//
//	Out [N,C], Table [V,C], Tokens [N]; DTable [V,C] f32, DOut [N,C]
//	dtable[v,:] (+)= Σ over n with tokens[n] = v of dout[n,:], n ascending, in f32
//
// Forward a thread copies eight columns of a row, bit by bit where the types are equal.
//
// Backward nothing may depend on who comes first, so there are no float atomics: the pairs (token, n) are sorted by token, stably,
// and the rows of one token are then added by one thread a column. The sort is the classic one by digits of 9 bits, the lowest
// first (two passes up to 262,144 tokens): count the digits of tiles of 2,048 rows; scan the counts of every digit over the tiles;
// place, where a row's rank among the equal digits of its tile is the number of those in earlier warps, in earlier turns of its warp,
// and in lower lanes. `mark` writes where a token's run begins and ends; `sum` goes over all tokens, so it also writes the zeros
// of those that no row names. All sizes follow from N and V: the host waits for nothing.
//
// Roofline: memory. Forward, [16384, 4096] bf16: 268 MB, 56 µs at 4.8 TB/s. Backward into [32000, 4096]: 134 MB read, 524 MB
// written, 137 µs; the sort reads and writes about 1 MB in eight launches, which cost more than its bytes. What can exceed
// the roofline is a token that very many rows name: the contract's order is a chain of additions. EMBED_AHEAD rows of it are under
// way together, so 1,000 rows take about 63 latencies of memory (50 µs), beside the other tokens.
//
// Dropped: one block per row that looks for the start of its run (most blocks exit at once); a search for every token's run in the
// sorted list (17 dependent reads for each of 128,000 tokens).
#include "elements.cuh"

#define FAIL_EMBED_TOKEN 1
#define FAIL_EMBED_BACKWARD_TOKEN 6
#define EMBED_THREADS 256

struct embed_args {
	failure *failures;
	void *out;
	const void *table;
	const int *tokens;
	i64 rows, dim, vocab;
	int table_type, aligned;
};

template <int TYPE> DEVICE void embed_rows(const embed_args &a) {
	const i64 i = ((i64)blockIdx.x * blockDim.x + threadIdx.x) * PACK;
	if (failed_before(a.failures) || i >= a.dim) return;
	const int n = pack_length(i, a.dim);
	for (i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
		const i64 token = a.tokens[row];
		if (token < 0 || token >= a.vocab) {
			if (i == 0) fail(a.failures, FAIL_EMBED_TOKEN, row, token);
			continue;
		}
		pack8 p = fetch(a.table, a.table_type, token * a.dim + i, n, a.aligned);
		if (a.table_type != TYPE) {
			float x[PACK];
			unpack(p, a.table_type, x);
			p = pack_up(TYPE, x);
		}
		put(a.out, TYPE, row * a.dim + i, n, a.aligned, p);
	}
}
KERNEL(embed_f32, embed_args, EMBED_THREADS, 4) { embed_rows<ELEMENT_F32>(a); }
KERNEL(embed_bf16, embed_args, EMBED_THREADS, 4) { embed_rows<ELEMENT_BF16>(a); }

#define SORT_THREADS 512 // one per digit
#define SORT_WARPS (SORT_THREADS / WARP)
#define SORT_DIGITS 512
#define SORT_BITS 9
#define SORT_ITEMS 4 // rows a thread
#define SORT_TILE (SORT_THREADS * SORT_ITEMS)

struct embed_sort_args {
	failure *failures;
	const u32 *keys, *rows; // rows is 0 in the first pass: a row is its own position, and keys are tokens
	u32 *keys_out, *rows_out;
	u32 *counts; // [SORT_DIGITS, tiles]: how many; then how many in earlier tiles
	u32 *totals; // [SORT_DIGITS]
	i64 n, vocab;
	int tiles, shift;
};

// Counts the digits of a tile. It does not ask whether something failed before: it may fail itself, and has barriers.
KERNEL(embed_sort_count, embed_sort_args, SORT_THREADS, 2) {
	__shared__ u32 counts[SORT_DIGITS];
	counts[threadIdx.x] = 0;
	__syncthreads();
	for (int k = 0; k < SORT_ITEMS; k++) {
		const i64 i = (i64)blockIdx.x * SORT_TILE + k * SORT_THREADS + threadIdx.x;
		if (i >= a.n) continue;
		const u32 key = a.keys[i];
		if (a.rows == 0 && key >= a.vocab) fail(a.failures, FAIL_EMBED_BACKWARD_TOKEN, i, (int)key);
		atomic_add(&counts[key >> a.shift & (SORT_DIGITS - 1)], 1u);
	}
	__syncthreads();
	a.counts[(i64)threadIdx.x * a.tiles + blockIdx.x] = counts[threadIdx.x];
}

// sort_scan is the sum of x over the threads before this one, and the sum over all in *total; scratch: SORT_WARPS.
DEVICE u32 sort_scan(u32 x, u32 *scratch, u32 *total) {
	const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
	u32 sum = x;
	for (int lanes = 1; lanes < WARP; lanes *= 2) {
		const u32 before = shuffle_up(sum, lanes);
		if (lane >= lanes) sum += before;
	}
	if (lane == WARP - 1) scratch[warp] = sum;
	__syncthreads();
	u32 earlier = 0, all = 0;
	for (int w = 0; w < SORT_WARPS; w++) {
		if (w == warp) earlier = all;
		all += scratch[w];
	}
	__syncthreads();
	*total = all;
	return earlier + sum - x;
}

// Replaces the counts of a digit by their sums over earlier tiles; a block a digit.
KERNEL(embed_sort_scan, embed_sort_args, SORT_THREADS, 2) {
	__shared__ u32 scratch[SORT_WARPS];
	if (failed_before(a.failures)) return;
	u32 *counts = a.counts + (i64)blockIdx.x * a.tiles, carry = 0;
	for (int first = 0; first < a.tiles; first += SORT_THREADS) {
		const int tile = first + threadIdx.x;
		u32 total;
		const u32 before = sort_scan(tile < a.tiles ? counts[tile] : 0, scratch, &total);
		if (tile < a.tiles) counts[tile] = carry + before;
		carry += total;
	}
	if (threadIdx.x == 0) a.totals[blockIdx.x] = carry;
}

DEVICE u32 sort_bits(u32 x) { // how many are set
	x -= x >> 1 & 0x55555555u;
	x = (x & 0x33333333u) + (x >> 2 & 0x33333333u);
	return ((x + (x >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}

// sort_rank is how many keys of this warp have the same digit and came earlier; seen counts the warp's keys by digit.
DEVICE u32 sort_rank(u32 digit, bool valid, u32 *seen) {
	const u32 below = (1u << threadIdx.x % WARP) - 1;
	u32 peers = ballot(valid);
	for (int b = 0; b < SORT_BITS; b++) {
		const bool set = digit >> b & 1;
		const u32 with = ballot(set);
		peers &= set ? with : ~with;
	}
	const u32 before = seen[digit];
	__syncwarp();
	if (valid && (peers & below) == 0) seen[digit] = before + sort_bits(peers);
	__syncwarp();
	return before + sort_bits(peers & below);
}

// Places the rows of a tile by their digit, equal digits in the order they had.
KERNEL(embed_sort_place, embed_sort_args, SORT_THREADS, 2) {
	__shared__ u32 seen[SORT_WARPS][SORT_DIGITS], scratch[SORT_WARPS];
	if (failed_before(a.failures)) return;
	const int t = threadIdx.x, warp = t / WARP;
	for (int w = 0; w < SORT_WARPS; w++) seen[w][t] = 0;
	__syncthreads();
	const i64 at = (i64)blockIdx.x * SORT_TILE + warp * (WARP * SORT_ITEMS) + t % WARP;
	u32 keys[SORT_ITEMS], ranks[SORT_ITEMS];
#pragma unroll
	for (int k = 0; k < SORT_ITEMS; k++) {
		const bool valid = at + k * WARP < a.n;
		keys[k] = valid ? a.keys[at + k * WARP] : 0;
		ranks[k] = sort_rank(keys[k] >> a.shift & (SORT_DIGITS - 1), valid, seen[warp]);
	}
	u32 total, next = sort_scan(a.totals[t], scratch, &total) + a.counts[(i64)t * a.tiles + blockIdx.x];
	for (int w = 0; w < SORT_WARPS; w++) { // where digit t of warp w begins
		const u32 mine = seen[w][t];
		seen[w][t] = next;
		next += mine;
	}
	__syncthreads();
#pragma unroll
	for (int k = 0; k < SORT_ITEMS; k++) {
		const i64 i = at + k * WARP;
		if (i >= a.n) continue;
		const u32 to = seen[warp][keys[k] >> a.shift & (SORT_DIGITS - 1)] + ranks[k];
		a.keys_out[to] = keys[k];
		a.rows_out[to] = a.rows ? a.rows[i] : (u32)i;
	}
}

struct embed_backward_args {
	failure *failures;
	float *dtable;
	const void *dout;
	const u32 *keys, *rows; // sorted by token
	u32 *begin, *end;       // [V] the run of every token; both 0 where it has none
	i64 n, dim, vocab;
	int accumulate, aligned;
};

KERNEL(embed_backward_mark, embed_backward_args, EMBED_THREADS, 4) {
	const i64 i = (i64)blockIdx.x * EMBED_THREADS + threadIdx.x;
	if (failed_before(a.failures) || i >= a.n) return;
	const u32 key = a.keys[i];
	if (i == 0 || a.keys[i - 1] != key) a.begin[key] = (u32)i;
	if (i == a.n - 1 || a.keys[i + 1] != key) a.end[key] = (u32)i + 1;
}

// embed_add adds rows [i, end) of the sorted list to eight columns of their token, AHEAD loads at a time.
template <int TYPE, int AHEAD> DEVICE void embed_add(const embed_backward_args &a, u32 i, u32 end, i64 column, int n, float (&sum)[PACK]) {
	for (; i < end; i += AHEAD) {
		pack8 held[AHEAD];
#pragma unroll
		for (int k = 0; k < AHEAD; k++)
			if (i + k < end) held[k] = fetch(a.dout, TYPE, a.rows[i + k] * a.dim + column, n, a.aligned);
#pragma unroll
		for (int k = 0; k < AHEAD; k++) {
			if (i + k >= end) break;
			float x[PACK];
			unpack(held[k], TYPE, x);
#pragma unroll
			for (int e = 0; e < PACK; e++) sum[e] += x[e];
		}
	}
}

template <int TYPE, int AHEAD> DEVICE void embed_sum(const embed_backward_args &a) {
	const i64 i = ((i64)blockIdx.x * blockDim.x + threadIdx.x) * PACK;
	if (failed_before(a.failures) || i >= a.dim) return;
	const int n = pack_length(i, a.dim);
	for (i64 v = blockIdx.y; v < a.vocab; v += gridDim.y) {
		const u32 begin = a.begin[v], end = a.end[v];
		if (begin == end && a.accumulate) continue;
		float sum[PACK] = {0};
		if (a.accumulate) fetch_f32(a.dtable, ELEMENT_F32, v * a.dim + i, n, a.aligned, sum);
		embed_add<TYPE, AHEAD>(a, begin, end, i, n, sum);
		put_f32(a.dtable, ELEMENT_F32, v * a.dim + i, n, a.aligned, sum);
	}
}
KERNEL(embed_backward_f32, embed_backward_args, EMBED_THREADS, 2) { embed_sum<ELEMENT_F32, 8>(a); }
KERNEL(embed_backward_bf16, embed_backward_args, EMBED_THREADS, 2) { embed_sum<ELEMENT_BF16, 16>(a); }
