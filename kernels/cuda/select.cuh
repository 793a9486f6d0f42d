// Exact selection in a row of logits by one block: where the K most probable tokens end, or the fewest whose probability
// reaches a share, in the order of falling logit, ties by rising token.
//
// All tokens are counted and weighed in 1024 bins by their logit's distance from the maximum, in steps of 1/32. Only the bin
// that the end falls into is resolved exactly, digit by digit of a 64-bit code (logit above, token below), over a list of its
// tokens in shared memory, or over the row where there are too many for it.
//
// A token weighs exp((logit − max)/temperature) in units of 2^-40, an integer. Sums of integers do not depend on their order,
// so that atomics in shared memory give the same bits whatever the schedule, and comparisons of sums are exact; what is cut off
// a token is less than 2^-40 of the weight of the largest.
#ifndef PRIMER_SELECT
#define PRIMER_SELECT

#include "logsum.cuh"

#ifdef PRIMER_EMULATED
#define DEVICE_CALL static
#else
#define DEVICE_CALL static __device__ __noinline__
#endif

#define SELECT_BINS 1024
#define SELECT_BINS_PER_UNIT 32.0f
#define SELECT_DIGITS 256
#define SELECT_LIST 2048
#define WEIGHT_OF_LARGEST 1099511627776.0f // 2^40; vocabularies up to 2^23 cannot overflow 64 bits

template <class T> struct select_row {
	const T *logits;
	i64 n;
	float max, heat; // heat: log2(e)/temperature, finite
	bool weigh;      // whether tallies hold weights beside counts
};

DEVICE u64 shuffle_up(u64 x, int lanes) {
	return (u64)shuffle_up((u32)(x >> 32), lanes) << 32 | shuffle_up((u32)x, lanes);
}
DEVICE u64 shuffle(u64 x, int lane) { return (u64)shuffle((u32)(x >> 32), lane) << 32 | shuffle((u32)x, lane); }

// warp_scan is the sum over this lane and those before it.
DEVICE u64 warp_scan(u64 x) {
	const int lane = threadIdx.x % WARP;
	for (int lanes = 1; lanes < WARP; lanes *= 2) {
		const u64 other = shuffle_up(x, lanes);
		if (lane >= lanes) x += other;
	}
	return x;
}

// Counts and weights by bin; a weight is high·2^32 + low.
template <int bins> struct tally {
	u32 count[bins], low[bins], high[bins];
};
template <int bins> DEVICE void tally_clear(tally<bins> &t) {
	for (int i = threadIdx.x; i < bins; i += blockDim.x) t.count[i] = t.low[i] = t.high[i] = 0;
	__syncthreads();
}
// tally_add carries what runs over the lower word: each addition sees the word before it.
template <int bins> DEVICE void tally_add(tally<bins> &t, int bin, u64 weight) {
	atomic_add(&t.count[bin], 1u);
	const u32 low = (u32)weight, before = low ? atomic_add(&t.low[bin], low) : 0;
	const u32 high = (u32)(weight >> 32) + (before + low < before ? 1 : 0);
	if (high) atomic_add(&t.high[bin], high);
}
template <int bins> DEVICE u64 tally_weight(const tally<bins> &t, int bin) { return (u64)t.high[bin] << 32 | t.low[bin]; }

// Where a running sum reaches what was looked for.
struct found {
	u64 before; // the sum of the bins before
	int bin;
	u32 count;
};

struct selection {
	tally<SELECT_BINS> bins;
	tally<SELECT_DIGITS> digits;
	u64 list[SELECT_LIST]; // codes of the tokens of one bin
	u64 warps[WARP];
	found result;
	u32 listed;
	int listed_bin; // -1: none
};

// block_scan is the sum over this thread and those before it, and over all.
DEVICE u64 block_scan(u64 x, u64 *warps, u64 *total) {
	const int warp = threadIdx.x / WARP, count = blockDim.x / WARP;
	x = warp_scan(x);
	if (threadIdx.x % WARP == WARP - 1) warps[warp] = x;
	__syncthreads();
	*total = 0;
#pragma unroll 1
	for (int i = 0; i < count; i++) {
		if (i == warp) x += *total;
		*total += warps[i];
	}
	__syncthreads();
	return x;
}

// tally_find returns the first bin with which the sum of counts, or of weights, is at least need; the last one if none is.
template <int bins> DEVICE found tally_find(const tally<bins> &t, selection &s, u64 need, bool weights) {
	const int each = (bins + blockDim.x - 1) / blockDim.x, from = threadIdx.x * each, to = from + each < bins ? from + each : bins;
	u64 own = 0, total;
#pragma unroll 1
	for (int i = from; i < to; i++) own += weights ? tally_weight(t, i) : t.count[i];
	u64 sum = block_scan(own, s.warps, &total);
	const bool mine = sum >= need && sum - own < need;
#pragma unroll 1
	for (int i = from; mine && i < to; i++) {
		const u64 w = weights ? tally_weight(t, i) : t.count[i];
		if (sum - own < need && sum - own + w >= need) s.result = {sum - own, i, t.count[i]};
		own -= w;
	}
	if (threadIdx.x == blockDim.x - 1 && (need == 0 || need > total)) s.result = {0, bins - 1, t.count[bins - 1]};
	__syncthreads();
	return s.result;
}

// token_bin rises as logits fall: rounding keeps the order, if not the difference.
DEVICE int token_bin(float max, float logit) {
	const float bin = (max - logit) * SELECT_BINS_PER_UNIT;
	return bin < (float)(SELECT_BINS - 1) ? (int)bin : SELECT_BINS - 1;
}

// token_code rises as logits fall, then with the token; -0 is 0.
DEVICE u64 token_code(float logit, i64 token) {
	const u32 u = bits_f32(logit + 0.0f);
	return (u64)(u >> 31 ? u : ~(u | 0x80000000u)) << 32 | (u32)token;
}
DEVICE float code_logit(u64 code) {
	const u32 u = (u32)(code >> 32);
	return f32_bits(u >> 31 ? u : ~u & 0x7fffffffu);
}

template <class T> DEVICE float token_share(const select_row<T> &r, float logit) { return exp2_fast((logit - r.max) * r.heat); }
DEVICE u64 share_weight(float share) { return (u64)(share * WEIGHT_OF_LARGEST); }
template <class T> DEVICE u64 token_weight(const select_row<T> &r, float logit) {
	return r.weigh ? share_weight(token_share(r, logit)) : 0;
}

// limit is the last token kept: of its bin those with at most its code, of the bins before all.
struct limit {
	int bin;
	u64 code;
};
DEVICE bool within(limit l, int bin, u64 code) { return bin < l.bin || (bin == l.bin && code <= l.code); }

// each_token calls f(logit, token) for this thread's tokens. The next packet is asked for before one is looked at.
template <class T, class F> DEVICE void each_token(const select_row<T> &r, F f) {
	const bool aligned = aligned16(r.logits);
	const i64 mine = packets_of<T>(r.n);
	float next[PACKET<T>];
	packet_load(r.logits, r.n, packet_at(0), aligned, MINUS_INFINITY, next);
#pragma unroll 1
	for (i64 j = 0; j < mine; j++) {
		float x[PACKET<T>];
		for (int k = 0; k < PACKET<T>; k++) x[k] = next[k];
		packet_load(r.logits, r.n, packet_at(j + 1), aligned, MINUS_INFINITY, next);
		for (int k = 0; k < PACKET<T>; k++)
			if (packet_at(j) * PACKET<T> + k < r.n) f(x[k], packet_at(j) * PACKET<T> + k);
	}
}

// select_begin fills the bins.
template <class T> DEVICE void select_begin(const select_row<T> &r, selection &s) {
	if (threadIdx.x == 0) s.listed_bin = -1;
	tally_clear(s.bins);
	each_token(r, [&](float x, i64) { tally_add(s.bins, token_bin(r.max, x), token_weight(r, x)); });
	__syncthreads();
}

// select_list lists the codes for which f(bin, code), at most SELECT_LIST, as those of a bin.
template <class T, class F> DEVICE void select_list(const select_row<T> &r, selection &s, int bin, F f) {
	__syncthreads();
	if (threadIdx.x == 0) {
		s.listed = 0;
		s.listed_bin = bin;
	}
	__syncthreads();
	each_token(r, [&](float x, i64 token) {
		const u64 code = token_code(x, token);
		if (f(token_bin(r.max, x), code)) s.list[atomic_add(&s.listed, 1u)] = code;
	});
	__syncthreads();
}

// each_member calls f(code) for this thread's tokens of a bin.
template <class T, class F> DEVICE void each_member(const select_row<T> &r, const selection &s, int bin, F f) {
	if (s.listed_bin == bin) {
#pragma unroll 1
		for (u32 i = threadIdx.x; i < s.listed; i += blockDim.x) f(s.list[i]);
		return;
	}
	each_token(r, [&](float x, i64 token) {
		if (token_bin(r.max, x) == bin) f(token_code(x, token));
	});
}

// select_resolve returns a code up to which the tokens of a bin count, or weigh, at least need, and before whose last token they
// do not.
template <class T> DEVICE u64 select_resolve(const select_row<T> &r, selection &s, int bin, u64 need, bool weights) {
	if (s.bins.count[bin] <= SELECT_LIST && s.listed_bin != bin)
		select_list(r, s, bin, [&](int b, u64) { return b == bin; });
	u64 prefix = 0;
#pragma unroll 1
	for (int shift = 56;; shift -= 8) {
		tally_clear(s.digits);
		each_member(r, s, bin, [&](u64 code) {
			if (shift == 56 || code >> (shift + 8) == prefix)
				tally_add(s.digits, (int)(code >> shift & 255), token_weight(r, code_logit(code)));
		});
		__syncthreads();
		const found f = tally_find(s.digits, s, need, weights);
		need -= f.before;
		prefix = prefix << 8 | (u64)f.bin;
		if (shift == 0 || f.count == 1 || (!weights && f.count == need)) return prefix << shift | (((u64)1 << shift) - 1);
	}
}

// select_limit is the limit of the fewest tokens that count, or weigh, need: no more than is in the bins. One copy of it serves
// all calls: inlined, they double the time that compiling sample.cu takes.
template <class T> DEVICE_CALL limit select_limit(const select_row<T> r, selection *s, u64 need, bool weights) {
	const found f = tally_find(s->bins, *s, need, weights);
	need -= f.before;
	if (f.count == 1 || (!weights && f.count == need)) return {f.bin, ~(u64)0};
	return {f.bin, select_resolve(r, *s, f.bin, need, weights)};
}

// select_trim takes the weights of tokens past a limit out of the bins. They stay in what is counted, and in what select_resolve
// weighs: there they come after all that is looked for.
template <class T> DEVICE void select_trim(const select_row<T> &r, selection &s, limit l) {
	u64 own = 0, total;
	each_member(r, s, l.bin, [&](u64 code) { own += code <= l.code ? token_weight(r, code_logit(code)) : 0; });
	block_scan(own, s.warps, &total);
	for (int i = threadIdx.x; i < SELECT_BINS; i += blockDim.x)
		if (i >= l.bin) {
			s.bins.low[i] = i == l.bin ? (u32)total : 0;
			s.bins.high[i] = i == l.bin ? (u32)(total >> 32) : 0;
		}
	__syncthreads();
}

// select_weight is what the tokens in the bins weigh.
DEVICE u64 select_weight(selection &s) {
	u64 own = 0, total;
	for (int i = threadIdx.x; i < SELECT_BINS; i += blockDim.x) own += tally_weight(s.bins, i);
	block_scan(own, s.warps, &total);
	return total;
}

#endif
