// Attention without tensor cores: float32, which has none that are exact enough, and head dimensions and addresses that the tiles of
// attention.cu cannot copy 16 bytes at a time. Shapes and maths: kernels/attention.go.
//
// Method: a warp is one query (forward, dq) or one key (dk, dv) of one head. 32 keys (queries) at a time, each lane makes the
// products of one of them over all of D; the weights then go through shared memory, and each lane adds the columns c = lane,
// lane + 32, … in the order of the keys (queries). Sums in float32, in a fixed order that no other document has part in. Rows read
// by neighbouring warps are shared through the caches only. Runs train in bf16; this is for checking them.
//
// Roofline: the first cache. A pair of query and key takes 4·D flop forward and reads 8·D bytes in f32, so 128 bytes a cycle allow 64
// flop a cycle a multiprocessor of the 256 that it has: at 132 multiprocessors and 1.75 GHz 15 TFLOP/s, a sixtieth of the tensor cores'
// 989. D 128, T 2048, 16 heads, 8192 rows: 6.9e10 flop, 5 ms. Not yet measured.
//
// Shared memory: 4·(4·D + 64)·4 bytes a block. Considered and left out: tiles of keys in shared memory, which would take the limit off
// the cache: a second set of kernels to get right, for runs that are made to check the first.
#include "attention.cuh"

#define PLAIN_WARPS 4

// plain_item is what a warp works at: a row of the batch, a head, and the document it is in.
struct plain_item {
	i64 row;
	int head, doc, start, length, at; // at: position in the document
	float *own;                       // the warp's shared memory
};

// plain_find gives the warp its item; false past the last one.
DEVICE bool plain_find(const attention_args &a, int heads, plain_item &w) {
	const i64 item = (i64)blockIdx.x * PLAIN_WARPS + threadIdx.x / WARP;
	w.row = item / heads, w.head = (int)(item % heads);
	if (w.row >= a.rows || shuffle((u32)a.failures->code, 0) != 0) return false; // after a failure nothing runs until Sync
	int low = 0, high = a.docs - 1;
	while (low < high) {
		const int middle = (low + high + 1) / 2;
		if (a.culens[middle] <= w.row) low = middle;
		else high = middle - 1;
	}
	w.doc = low, w.start = a.culens[low], w.length = a.culens[low + 1] - w.start, w.at = (int)(w.row - w.start);
	w.own = (float *)dynamic_shared() + threadIdx.x / WARP * (4 * a.dim + 2 * WARP);
	if (w.start >= 0 && w.at >= 0 && w.at < w.length && w.start + (i64)w.length <= a.rows) return true;
	if (threadIdx.x % WARP == 0) fail(a.failures, FAIL_DOCUMENTS, low, a.culens[low + 1]);
	return false;
}

// plain_load copies D elements to shared memory, plain_zero clears as many.
template <class T> DEVICE void plain_load(float *to, const T *from, int dim) {
	for (int c = threadIdx.x % WARP; c < dim; c += WARP) to[c] = f32_of(from[c]);
}
DEVICE void plain_zero(float *to, int dim) {
	for (int c = threadIdx.x % WARP; c < dim; c += WARP) to[c] = 0;
}
template <class T> DEVICE float plain_dot(const float *x, const T *y, int dim) {
	float sum = 0;
	for (int c = 0; c < dim; c++) sum = fma_rn(x[c], f32_of(y[c]), sum);
	return sum;
}
// plain_add is sum = sum·f + Σ weight[u]·rows[u] for n rows.
template <class T> DEVICE void plain_add(float *sum, float f, const float *weight, const T *rows, i64 stride, int n, int dim) {
	for (int c = threadIdx.x % WARP; c < dim; c += WARP) {
		float x = sum[c] * f;
		for (int u = 0; u < n; u++) x = fma_rn(weight[u], f32_of(rows[u * stride + c]), x);
		sum[c] = x;
	}
}
template <class T> DEVICE void plain_store(T *to, const float *sum, float f, int dim) {
	for (int c = threadIdx.x % WARP; c < dim; c += WARP) store_as(to, c, sum[c] * f);
}
DEVICE bool plain_kept(const dropout &d, int q, int k) { return d.threshold == 0 || (kept4(d, k / 4, q) >> k % 4 & 1); }
DEVICE int first_key(int i, int window) { return i - window + 1 < 0 ? 0 : i - window + 1; }

template <class T> DEVICE void attention_plain(const attention_args &a) {
	plain_item w;
	if (!plain_find(a, a.heads, w)) return;
	const int lane = threadIdx.x % WARP, dim = a.dim;
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * dim;
	const T *rows = (const T *)a.qkv + w.start * stride;
	const T *k = rows + (i64)(a.heads + w.head / (a.heads / a.kv_heads)) * dim, *v = k + (i64)a.kv_heads * dim;
	float *q = w.own, *sum = q + dim, *weight = sum + dim;
	plain_load(q, rows + w.at * stride + (i64)w.head * dim, dim);
	plain_zero(sum, dim);
	const dropout drop = open_dropout(a, w.head, w.doc);
	const float scale = a.scale * LOG2_E;
	float top = MINUS_INFINITY, total = 0;
	for (int j0 = first_key(w.at, a.window); j0 <= w.at; j0 += WARP) {
		__syncwarp();
		const int j = j0 + lane;
		const float s = j <= w.at ? plain_dot(q, k + j * stride, dim) * scale : MINUS_INFINITY;
		const float above = fmaxf(top, warp_max(s == s ? s : MINUS_INFINITY)), base = above == MINUS_INFINITY ? 0 : above;
		const float p = exp2_fast(s - base), old = exp2_fast(top - base);
		total = total * old + warp_sum(p), top = above;
		weight[lane] = plain_kept(drop, w.at, j) ? p : 0;
		__syncwarp();
		plain_add(sum, old, weight, v + j0 * stride, stride, w.at - j0 < WARP ? w.at - j0 + 1 : WARP, dim);
	}
	plain_store((T *)a.out + (w.row * a.heads + w.head) * dim, sum, a.keep / total, dim);
	if (lane == 0) a.lse[w.head * a.rows + w.row] = top * LN_2 + logf(total);
}

// plain_pair is p and ds of a query and a key: x·y is their score, g·v that of the gradient and the value.
struct plain_pair {
	float p, ds;
};
DEVICE plain_pair plain_gradient(const attention_args &a, float score, float lse, float dp, float delta, bool stays) {
	const float p = exp2_fast(score * a.scale * LOG2_E - lse * LOG2_E);
	return {stays ? p : 0, p * ((stays ? dp * a.keep : 0) - delta)};
}

template <class T> DEVICE void attention_plain_queries(const attention_backward_args &b) {
	const attention_args &a = b.f;
	plain_item w;
	if (!plain_find(a, a.heads, w)) return;
	const int lane = threadIdx.x % WARP, dim = a.dim;
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * dim, query = w.row * stride + (i64)w.head * dim;
	const T *k = (const T *)a.qkv + w.start * stride + (i64)(a.heads + w.head / (a.heads / a.kv_heads)) * dim, *v = k + (i64)a.kv_heads * dim;
	float *q = w.own, *dout = q + dim, *dq = dout + dim, *weight = dq + dim;
	plain_load(q, (const T *)a.qkv + query, dim);
	plain_load(dout, (const T *)b.dout + (w.row * a.heads + w.head) * dim, dim);
	plain_zero(dq, dim);
	const float lse = a.lse[w.head * a.rows + w.row], delta = b.delta[w.head * a.rows + w.row];
	const dropout drop = open_dropout(a, w.head, w.doc);
	for (int j0 = first_key(w.at, a.window); j0 <= w.at; j0 += WARP) {
		__syncwarp();
		const int j = j0 + lane;
		if (j <= w.at) {
			const float score = plain_dot(q, k + j * stride, dim), dp = plain_dot(dout, v + j * stride, dim);
			weight[lane] = plain_gradient(a, score, lse, dp, delta, plain_kept(drop, w.at, j)).ds;
		}
		__syncwarp();
		plain_add(dq, 1, weight, k + j0 * stride, stride, w.at - j0 < WARP ? w.at - j0 + 1 : WARP, dim);
	}
	plain_store((T *)b.dqkv + query, dq, a.scale, dim);
}

template <class T> DEVICE void attention_plain_keys(const attention_backward_args &b) {
	const attention_args &a = b.f;
	plain_item w;
	if (!plain_find(a, a.kv_heads, w)) return;
	const int lane = threadIdx.x % WARP, dim = a.dim, group = a.heads / a.kv_heads;
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * dim, out_stride = (i64)a.heads * dim;
	const i64 key = w.row * stride + (i64)(a.heads + w.head) * dim, value = key + (i64)a.kv_heads * dim;
	float *k = w.own, *v = k + dim, *dk = v + dim, *dv = dk + dim, *ds = dv + dim, *p = ds + WARP;
	plain_load(k, (const T *)a.qkv + key, dim);
	plain_load(v, (const T *)a.qkv + value, dim);
	plain_zero(dk, dim);
	plain_zero(dv, dim);
	const int end = w.length - w.at > a.window ? w.at + a.window : w.length;
	for (int head = w.head * group; head < (w.head + 1) * group; head++) {
		const T *q = (const T *)a.qkv + w.start * stride + (i64)head * dim, *dout = (const T *)b.dout + w.start * out_stride + (i64)head * dim;
		const float *lse = a.lse + head * a.rows + w.start, *delta = b.delta + head * a.rows + w.start;
		const dropout drop = open_dropout(a, head, w.doc);
		for (int i0 = w.at; i0 < end; i0 += WARP) {
			__syncwarp();
			const int i = i0 + lane, n = end - i0 < WARP ? end - i0 : WARP;
			if (i < end) {
				const float score = plain_dot(k, q + i * stride, dim), dp = plain_dot(v, dout + i * out_stride, dim);
				const plain_pair both = plain_gradient(a, score, lse[i], dp, delta[i], plain_kept(drop, i, w.at));
				p[lane] = both.p, ds[lane] = both.ds;
			}
			__syncwarp();
			plain_add(dk, 1, ds, q + i0 * stride, stride, n, dim);
			plain_add(dv, 1, p, dout + i0 * out_stride, out_stride, n, dim);
		}
	}
	plain_store((T *)b.dqkv + key, dk, a.scale, dim);
	plain_store((T *)b.dqkv + value, dv, a.keep, dim);
}

KERNEL(attention_plain_f32, attention_args, 128, 4) { attention_plain<float>(a); }
KERNEL(attention_plain_bf16, attention_args, 128, 4) { attention_plain<bf16>(a); }
KERNEL(attention_backward_plain_queries_f32, attention_backward_args, 128, 4) { attention_plain_queries<float>(a); }
KERNEL(attention_backward_plain_queries_bf16, attention_backward_args, 128, 4) { attention_plain_queries<bf16>(a); }
KERNEL(attention_backward_plain_keys_f32, attention_backward_args, 128, 4) { attention_plain_keys<float>(a); }
KERNEL(attention_backward_plain_keys_bf16, attention_backward_args, 128, 4) { attention_plain_keys<bf16>(a); }
