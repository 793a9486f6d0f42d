// Dropout: out[n,c] = x[n,c]/(1−p), or 0 where the word of element (first token + n)·C + c is below the threshold.
//
//	X and Out [N,C], Step [4] i64: seed, step, first sample, first token
//
// The rows are one long line of elements, and a thread takes packs of eight of it, a grid apart; it derives the key of the stream
// once. Where the first element's index is a multiple of 4 (always, with C a multiple of 4) a pack is exactly two Philox blocks;
// else each element asks for its own word: correct, eight times the arithmetic, and for no model's C.
//
// Roofline: memory, closely followed by the integer units. [16384, 4096] bf16 moves 268 MB, 56 µs at 4.8 TB/s. A Philox block is
// ten rounds of two wide products and two three-way xors: with the selection about 140 instructions for a pack's 32 bytes, where
// the time of 32 bytes admits about 200 (128 lanes a cycle, 1.75 GHz).
//
// p = 0 is a copy (copy.cu), or nothing in place.
//
// Considered and left out: a bit an element saved for backward, 8 MB at the shape above. It would spare backward the rounds for 3 % more
// bytes, and cost a buffer a layer between the passes, which is what counters are there to avoid.
#include "elements.cuh"

#define DROPOUT_THREADS 256

struct dropout_args {
	failure *failures;
	void *out;
	const void *x;
	const i64 *step;
	i64 elements, dim;
	u32 purpose, layer, threshold;
	float keep; // 1/(1−p)
	int aligned, pad;
};

// dropout_words are the words of the eight elements from index i on.
DEVICE void dropout_words(philox_key key, u64 i, u32 (&words)[PACK]) {
	if (i % 4 == 0) {
#pragma unroll
		for (int b = 0; b < 2; b++) {
			const u64 block = (i >> 2) + b;
			const philox_words r = philox(key, (u32)block, (u32)(block >> 32), 0, 0);
#pragma unroll
			for (int k = 0; k < 4; k++) words[b * 4 + k] = r.w[k];
		}
	} else {
#pragma unroll 1
		for (int k = 0; k < PACK; k++) {
			const u32 word = philox_element(key, i + k);
#pragma unroll
			for (int e = 0; e < PACK; e++) words[e] = e == k ? word : words[e]; // words stay in registers
		}
	}
}

template <int TYPE> DEVICE void dropout_packs(const dropout_args &a) {
	if (failed_before(a.failures)) return;
	const philox_key key = philox_subkey((u64)a.step[0], a.purpose, (u64)a.step[1], a.layer);
	const u64 first = (u64)a.step[3] * (u64)a.dim;
	const i64 stride = (i64)gridDim.x * DROPOUT_THREADS * PACK;
	for (i64 i = ((i64)blockIdx.x * DROPOUT_THREADS + threadIdx.x) * PACK; i < a.elements; i += stride) {
		const int n = pack_length(i, a.elements);
		const bool whole = a.aligned && n == PACK;
		const pack8 held = fetch(a.x, TYPE, i, n, whole); // under way while the words are made
		u32 words[PACK] = {0};
		dropout_words(key, first + (u64)i, words);
		float x[PACK];
		unpack(held, TYPE, x);
#pragma unroll
		for (int k = 0; k < PACK; k++) x[k] = words[k] < a.threshold ? 0.0f : x[k] * a.keep;
		put_f32(a.out, TYPE, i, n, whole, x);
	}
}
KERNEL(dropout_f32, dropout_args, DROPOUT_THREADS, 4) { dropout_packs<ELEMENT_F32>(a); }
KERNEL(dropout_bf16, dropout_args, DROPOUT_THREADS, 4) { dropout_packs<ELEMENT_BF16>(a); }
