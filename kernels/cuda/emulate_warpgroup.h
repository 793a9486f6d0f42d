// What warpgroup.cuh declares for PTX, in plain C++ (emulate_group.cpp runs it). Each warp does its 16 rows of a product for itself.
#ifndef PRIMER_EMULATE_WARPGROUP
#define PRIMER_EMULATE_WARPGROUP

DEVICE void group_fence(HERE) { emulated::meet(emulated::MEET_GROUP_FENCE, line, file); }
DEVICE void group_commit(HERE) { emulated::meet(emulated::MEET_GROUP_COMMIT, line, file); }
DEVICE void fence_products() { emulated::fence_copies(); }
template <int newest> DEVICE void group_wait(HERE) {
	emulated::now->lanes = newest;
	emulated::meet(emulated::MEET_GROUP_WAIT, line, file);
}
template <class T, int N> DEVICE void hold(T (&)[N][4]) {}

DEVICE void emulated_group_mma(emulated::group_product p, int line, const char *file) {
	emulated::now->operands = &p;
	emulated::meet(emulated::MEET_GROUP_MMA, line, file);
}
template <int N> DEVICE void group_mma(float (&d)[N][4], u64 a, u64 b, bool add, HERE) {
	emulated_group_mma({d[0], nullptr, a, b, 8 * N, false, add}, line, file);
}
template <int N> DEVICE void group_mma_turned(float (&d)[N][4], const u32 (&a)[4], u64 b, bool add, HERE) {
	emulated_group_mma({d[0], a, 0, b, 8 * N, true, add}, line, file);
}

#endif
