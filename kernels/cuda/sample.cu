// Sampling with log-probabilities.
//
//	logits [S,V] f32 or bf16, settings [S] → tokens [S], logprobs [S], toptokens [S,T], toplogprobs [S,T]
//
// Method: one block a row. Maximum and log-sum-exp in one pass (logsum.cuh); where top-k, top-p or top tokens are asked for,
// the end of what is kept by exact selection without sorting (select.cuh); then the draw in token order, a descent: warps weigh
// a part of the row each, and the part in which the running sum passes the number drawn is divided again, until one warp has
// it token by token. Weights are integers, so that every sum and comparison is exact and no schedule changes a token.
//
// A row with edits is copied, edited and drawn from like any other; its log-probabilities and top tokens are the raw row's.
//
// Roofline: S = 128, V = 32000, bf16 are 8 MB, 1.7 µs at 4.8 TB/s, and that is not what bounds it: a row has one
// multiprocessor. Greedy reads the row once; with top-k, top-p and top tokens together it is read five to seven times, from the
// second cache, with an exponential an element in three of them. By the count of instructions that is under 100 µs at
// V = 128k, whatever S up to the number of multiprocessors, beside decode steps of milliseconds.
//
// Decided against, unmeasured: several blocks a row (for one row a step they would save tens of µs; needs a workspace, and a
// launch or a fence between the passes); sorting the row (17 passes over keys of 64 bits at V = 128k).
#include "select.cuh"

struct sample_args {
	int *tokens;
	float *logprobs;
	int *top_tokens; // or null
	float *top_logprobs;
	const void *logits;
	const float *temperature;
	const int *top_k;
	const float *top_p, *min_p;
	const i64 *seeds, *positions;
	failure *failures;
	const int *given, *edit_offsets, *edit_tokens; // or null
	const float *edit_factors, *edit_adds;
	void *work; // [S,V], with edits
	i64 vocab, top, edits;
};

#define SAMPLE_THREADS 512
#define LARGEST_F32 f32_bits(0x7f7fffffu)
#define SAMPLE_GRAIN 256 // tokens that a warp draws among one by one

enum { FAIL_SAMPLE_ROW = 5, FAIL_SAMPLE_GIVEN = 9, FAIL_SAMPLE_EDIT = 10, FAIL_SAMPLE_EDITS = 11 }; // as in failures.go
enum { PURPOSE_SAMPLE = 7 };                                                                       // kernels.PurposeSample

// cut is what is kept of a row: tokens within a limit, where there is one, and no less than min_p of the largest.
struct cut {
	limit last;
	bool limited;
	float min_p;
};

template <class T> DEVICE u64 kept_weight(const select_row<T> &r, const cut &c, float logit, i64 token) {
	if (c.limited && !within(c.last, token_bin(r.max, logit), token_code(logit, token))) return 0;
	const float share = token_share(r, logit);
	return share < c.min_p ? 0 : share_weight(share);
}

// kept_in is what this lane's tokens in [from, to) weigh; both are multiples of SAMPLE_GRAIN, or the end of the row.
template <class T> DEVICE u64 kept_in(const select_row<T> &r, const cut &c, i64 from, i64 to) {
	const bool aligned = aligned16(r.logits);
	u64 sum = 0;
#pragma unroll 1
	for (i64 i = from / PACKET<T> + threadIdx.x % WARP; i * PACKET<T> < to; i += WARP) {
		float x[PACKET<T>];
		packet_load(r.logits, r.n, i, aligned, MINUS_INFINITY, x);
		for (int k = 0; k < PACKET<T>; k++) sum += kept_weight(r, c, x[k], i * PACKET<T> + k);
	}
	return sum;
}

// first_over returns the first lane whose running sum exceeds target, and takes what is before it off target; -1 if none does.
DEVICE int first_over(u64 own, u64 sum, u64 &target) {
	const u32 over = ballot(sum > target);
	if (!over) return -1;
	int lane = 0;
	while (!(over >> lane & 1)) lane++;
	target -= shuffle(sum - own, lane);
	return lane;
}

// draw_token draws among [from, from + SAMPLE_GRAIN): the first token with which the running sum exceeds target. Every warp
// does the same.
template <class T> DEVICE i64 draw_token(const select_row<T> &r, const cut &c, i64 from, u64 target) {
	const int each = SAMPLE_GRAIN / WARP;
	const i64 first = from + threadIdx.x % WARP * each, last = first + each < r.n ? first + each : r.n;
	u64 own = 0;
#pragma unroll 1
	for (i64 i = first; i < last; i++) own += kept_weight(r, c, f32_of(r.logits[i]), i);
	const int lane = first_over(own, warp_scan(own), target);
	if (lane < 0) return -1;
	i64 token = from + lane * each;
#pragma unroll 1
	for (u64 sum = 0; token < r.n; token++) {
		sum += kept_weight(r, c, f32_of(r.logits[token]), token);
		if (sum > target) return token;
	}
	return -1;
}

// draw returns the first token, in token order, whose running weight exceeds word·2^-24 of all that is kept; -1 if nothing
// weighs anything, as with a temperature that is NaN.
template <class T> DEVICE i64 draw(const select_row<T> &r, const cut &c, u64 word, u64 *parts) {
	const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
	i64 from = 0, to = r.n;
	u64 target = 0;
#pragma unroll 1
	do {
		const bool whole = from == 0 && to == r.n;
		const i64 part = ((to - from + warps - 1) / warps + SAMPLE_GRAIN - 1) / SAMPLE_GRAIN * SAMPLE_GRAIN;
		const i64 mine = from + warp * part, end = mine + part < to ? mine + part : to;
		const u64 weight = warp_scan(kept_in(r, c, mine, end));
		if (lane == WARP - 1) parts[warp] = weight;
		__syncthreads();
		const u64 own = lane < warps ? parts[lane] : 0, sum = warp_scan(own), total = shuffle(sum, WARP - 1);
		if (whole) target = (total >> 24) * word + ((total & 0xffffff) * word >> 24);
		__syncthreads();
		const int chosen = first_over(own, sum, target);
		if (chosen < 0) return -1;
		from += chosen * part;
		to = from + part < to ? from + part : to;
	} while (to - from > SAMPLE_GRAIN);
	return draw_token(r, c, from, target);
}

// sample_token draws a token at a temperature that is not 0.
template <class T> DEVICE i64 sample_token(const sample_args &a, const select_row<T> &r, selection &s) {
	const i64 n = blockIdx.x, k = a.top_k[n];
	const float p = a.top_p[n];
	const bool narrow = k > 0 && k < r.n;
	cut c = {{}, narrow || r.weigh, a.min_p[n]};
	if (narrow) c.last = select_limit(r, &s, (u64)k, false);
	if (narrow && r.weigh) select_trim(r, s, c.last);
	if (r.weigh) c.last = select_limit(r, &s, (u64)ceil(p * (double)select_weight(s)), true);
	const philox_words words = philox(philox_subkey((u64)a.seeds[n], PURPOSE_SAMPLE, (u64)a.positions[n], 0), 0, 0, 0, 0);
	return draw(r, c, words.w[0] >> 8, s.warps);
}

// sample_top writes the most probable tokens in order, a block's threads' worth at a time: every thread counts those before its
// own.
template <class T> DEVICE void sample_top(const sample_args &a, const select_row<T> &r, selection &s, double lse) {
	limit done = {-1, 0};
#pragma unroll 1
	for (i64 from = 0; from < a.top; from += blockDim.x) {
		const i64 to = from + blockDim.x < a.top ? from + blockDim.x : a.top;
		const limit last = select_limit(r, &s, (u64)to, false);
		select_list(r, s, -1, [&](int bin, u64 code) { return within(last, bin, code) && !within(done, bin, code); });
		if (threadIdx.x < to - from) {
			const u64 code = s.list[threadIdx.x];
			i64 at = blockIdx.x * a.top + from;
			for (int i = 0; i < to - from; i++) at += s.list[i] < code ? 1 : 0;
			a.top_tokens[at] = (int)(u32)code;
			a.top_logprobs[at] = (float)(code_logit(code) - lse);
		}
		done = last;
	}
}

// edit_row makes the edits of a row of f32 in a copy of its logits, for the whole block. failed is shared, and false before.
DEVICE void edit_row(const sample_args &a, const float *logits, float *out, bool *failed) {
	const i64 n = blockIdx.x, from = a.edit_offsets[n], to = a.edit_offsets[n + 1];
	for (i64 i = threadIdx.x; i < a.vocab; i += blockDim.x) out[i] = logits[i];
	__syncthreads();
	if (from < 0 || to < from || to > a.edits) {
		if (threadIdx.x == 0) fail(a.failures, FAIL_SAMPLE_EDITS, n, to);
		*failed = true;
	} else {
#pragma unroll 1
		for (i64 e = from + threadIdx.x; e < to; e += blockDim.x) {
			const i64 token = a.edit_tokens[e];
			if (token < 0 || token >= a.vocab) {
				fail(a.failures, FAIL_SAMPLE_EDIT, n, token);
				*failed = true;
				continue;
			}
			const float l = out[token];
			out[token] = add_rn(l < 0.0f ? mul_rn(l, a.edit_factors[e]) : l / a.edit_factors[e], a.edit_adds[e]);
		}
	}
	__syncthreads();
}

// sample_row: raw logits give log-probabilities and top tokens; what is drawn from is the same, or an edited copy.
template <class T> DEVICE void sample_row(const sample_args &a) {
	__shared__ selection s;
	__shared__ logsum_scratch scratch;
	__shared__ bool skip, failed;
	const i64 n = blockIdx.x;
	if (threadIdx.x == 0) {
		skip = failed_before(a.failures);
		failed = false;
	}
	const T *raw = (const T *)a.logits + n * a.vocab, *logits = raw;
	const logsum sums = logsum_row(raw, a.vocab, &scratch);
	if (skip) return;
	i64 token = a.given ? a.given[n] : -1;
	if (token < -1 || token >= a.vocab) {
		if (threadIdx.x == 0) fail(a.failures, FAIL_SAMPLE_GIVEN, n, token);
		return;
	}
	logsum from = sums;
	if (sizeof(T) == 4 && token < 0 && a.edit_offsets && a.edit_offsets[n] != a.edit_offsets[n + 1]) {
		float *edited = (float *)a.work + n * a.vocab;
		edit_row(a, (const float *)raw, edited, &failed);
		if (failed) return;
		logits = (const T *)edited;
		from = logsum_row(logits, a.vocab, &scratch);
	}
	// A NaN or +Inf makes a sum NaN.
	if (!(sums.sum == sums.sum) || sums.max == MINUS_INFINITY || !(from.sum == from.sum) || from.max == MINUS_INFINITY) {
		if (threadIdx.x == 0) fail(a.failures, FAIL_SAMPLE_ROW, n, 0);
		return;
	}
	const float temperature = a.temperature[n], top_p = a.top_p[n];
	const bool greedy = temperature == 0.0f, nucleus = !greedy && top_p > 0.0f && top_p < 1.0f;
	const bool narrow = !greedy && a.top_k[n] > 0 && a.top_k[n] < a.vocab;
	const float heat = LOG2_E / (greedy ? 1.0f : temperature);
	select_row<T> r = {logits, a.vocab, from.max, heat < LARGEST_F32 ? heat : LARGEST_F32, nucleus};
	const double lse = sums.base + log(sums.sum);
	bool begun = false;
#pragma unroll 1
	for (int turn = 0; turn < 2; turn++) { // one copy of select_begin serves the draw and the top tokens
		if (turn == 0 ? token < 0 && (narrow || nucleus) : a.top > 1 && !begun) {
			select_begin(r, s);
			begun = true;
		}
		if (turn > 0 || token >= 0) continue;
		token = greedy ? -1 : sample_token(a, r, s);
		if (token < 0) token = from.first;
		if (logits != raw) {
			r.logits = raw;
			r.max = sums.max;
			begun = false;
		}
	}
	if (threadIdx.x == 0) {
		a.tokens[n] = (int)token;
		a.logprobs[n] = (float)(f32_of(raw[token]) - lse);
	}
	if (a.top == 1 && threadIdx.x == 0) {
		a.top_tokens[n] = (int)sums.first;
		a.top_logprobs[n] = (float)(sums.max - lse);
	}
	if (a.top > 1) sample_top(a, r, s, lse);
}

KERNEL(sample_f32, sample_args, SAMPLE_THREADS, 1) { sample_row<float>(a); }
KERNEL(sample_bf16, sample_args, SAMPLE_THREADS, 1) { sample_row<bf16>(a); }
