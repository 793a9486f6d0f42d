//go:build cuda && emulator

// Products of a warpgroup (warpgroup.cuh). Each of its warps multiplies its 16 rows, at some time between the product's begin and the
// group_wait that waits for it, in order; until then the sums in registers hold NaN, and operands are read when it happens. So a
// register or a tile that is touched too early, or too late, gives wrong numbers.

#include "emulate_run.h"

namespace emulated {

namespace {

struct pending {
	group_product lane[lanes];
	int group;
	bool done;
	size_t sums; // index
};
// The sums of products under way.
struct accumulator {
	float *lane[lanes]; // where they go
	int n, users;
	std::vector<float> values; // [16][n]
};
struct warp_state {
	int groups = 0;
	std::vector<pending> products;
	std::vector<accumulator> sums;
} states[most_threads / lanes];

float *value_of(accumulator *a, int lane, int i) { // the i-th number of a lane
	const int row = lane / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
	return &a->values[row * a->n + column];
}

// The element at a byte of shared memory, as the 128-byte swizzle places it.
float element(u64 address, const thread *t) {
	address ^= (address >> 7 & 7) << 4;
	const char *p = (const char *)shared_memory() + address - shared_base;
	if (!in_shared(p, 2)) stop("a product of a warpgroup reads outside shared memory, at its byte " + std::to_string((i64)address - shared_base) + ": " + place(t));
	if (!fenced((const char *)((uintptr_t)p & ~(uintptr_t)15))) stop("a product of a warpgroup reads a copy without fence_products: " + place(t));
	return bits_as<float>((u32)*(const u16 *)p << 16);
}

struct operand {
	u64 start, leading, stride;
	operand(u64 d, const thread *t) : start((d & 0x3fff) << 4), leading((d >> 16 & 0x3fff) << 4), stride((d >> 32 & 0x3fff) << 4) {
		if (d >> 62 != 1 || (d >> 49 & 7) != 0) stop("a product of a warpgroup without the 128-byte swizzle: " + place(t));
	}
	// Row r of what has those summed over beside each other; and, turned, of what has rows beside each other.
	u64 at(int r, int k) const { return start + r / 8 * stride + r % 8 * 128 + k * 2; }
	u64 turned(int r, int k) const { return start + r / 64 * leading + r % 64 * 2 + k / 8 * stride + k % 8 * 128; }
};

void multiply(warp_state *w, pending *p, int number) {
	const group_product &first = p->lane[0];
	accumulator *sums = &w->sums[p->sums];
	static float a[16][16], b[16][256];
	const thread *t = now;
	if (first.a) {
		for (int i = 0; i < lanes; i++)
			for (int j = 0; j < 4; j++) {
				const u32 pair = p->lane[i].a[j];
				float *to = &a[i / 4 + j % 2 * 8][i % 4 * 2 + j / 2 * 8];
				to[0] = bits_as<float>(pair << 16), to[1] = bits_as<float>(pair & 0xffff0000u);
			}
	} else {
		const operand left(first.left, t);
		for (int r = 0; r < 16; r++)
			for (int k = 0; k < 16; k++) a[r][k] = element(left.at(number % 4 * 16 + r, k), t);
	}
	const operand right(first.right, t);
	for (int c = 0; c < first.n; c++)
		for (int k = 0; k < 16; k++) b[k][c] = element(first.turned ? right.turned(c, k) : right.at(c, k), t);
	for (int r = 0; r < 16; r++) {
		float *d = &sums->values[r * first.n];
		if (!first.add) memset(d, 0, first.n * sizeof(float));
		for (int k = 0; k < 16; k++)
			for (int c = 0; c < first.n; c++) d[c] += a[r][k] * b[k][c];
	}
	p->done = true;
}

void begin(warp_state *w, fiber_thread *warp, int number) {
	pending p = {{}, w->groups, false, 0};
	for (int i = 0; i < lanes; i++) p.lane[i] = *(const group_product *)warp[i].operands;
	for (int i = 1; i < lanes; i++)
		if (p.lane[i].left != p.lane[0].left || p.lane[i].right != p.lane[0].right || p.lane[i].add != p.lane[0].add) stop("lanes begin different products: " + place(warp + i));
	while (p.sums < w->sums.size() && w->sums[p.sums].lane[0] != p.lane[0].d) p.sums++;
	if (p.sums == w->sums.size()) {
		accumulator a = {{}, p.lane[0].n, 0, std::vector<float>(16 * p.lane[0].n)};
		for (int i = 0; i < lanes; i++) {
			a.lane[i] = p.lane[i].d;
			for (int j = 0; j < a.n / 2; j++) *value_of(&a, i, j) = a.lane[i][j], a.lane[i][j] = bits_as<float>(~0u);
		}
		w->sums.push_back(a);
	}
	w->sums[p.sums].users++;
	w->products.push_back(p);
	if (random_below(2)) return;
	for (pending &q : w->products)
		if (!q.done) multiply(w, &q, number);
}

void wait(warp_state *w, int newest, int number) {
	size_t n = 0;
	for (; n < w->products.size() && w->products[n].group < w->groups - newest; n++) {
		if (!w->products[n].done) multiply(w, &w->products[n], number);
		w->sums[w->products[n].sums].users--;
	}
	w->products.erase(w->products.begin(), w->products.begin() + n);
	for (accumulator &a : w->sums) {
		if (a.users || !a.lane[0]) continue;
		for (int i = 0; i < lanes; i++)
			for (int j = 0; j < a.n / 2; j++) a.lane[i][j] = *value_of(&a, i, j);
		a.lane[0] = nullptr;
	}
	if (w->products.empty()) w->sums.clear();
}

} // namespace

void group_start() {
	for (warp_state &w : states) w.groups = 0, w.products.clear(), w.sums.clear();
	forget_fences();
}

void group_meeting(fiber_thread *warp, int number, meeting at) {
	warp_state *w = &states[number];
	if (at == MEET_GROUP_MMA) begin(w, warp, number);
	else if (at == MEET_GROUP_COMMIT) w->groups++;
	else if (at == MEET_GROUP_WAIT) wait(w, warp->lanes, number);
}

} // namespace emulated
