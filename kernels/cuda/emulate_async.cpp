//go:build cuda && emulator

// Asynchronous copies. The destination is poisoned when one is issued; the source is read then or when it lands; it lands at some
// random meeting, at the latest at the cp_wait that asks for its group. Copies of one thread land in any order.

#include "emulate_run.h"

#include <unordered_set>

namespace emulated {

namespace {

std::unordered_set<const char *> waiting_for_fence;

void land(fiber_thread *t, size_t i) {
	copy &c = t->copies[i];
	if (!c.valid) memset(c.to, 0, 16);
	else memcpy(c.to, c.read ? c.bytes : c.from, 16);
	c = t->copies.back();
	t->copies.pop_back();
}

} // namespace

void async_copy(void *shared, const void *global, bool valid, int line, const char *file) {
	fiber_thread *t = (fiber_thread *)now;
	aligned16(shared, line, file);
	t->line = line, t->file = file;
	if (!in_shared(shared, 16)) stop("cp_async16 to an address outside shared memory: " + place(t));
	copy c = {(char *)shared, (const char *)global, t->groups, valid, random_below(2) == 0, {}};
	if (valid) {
		aligned16(global, line, file);
		memcpy(c.bytes, global, 16); // an address without access is this thread's fault, now
	}
	memset(shared, 0xff, 16);
	t->copies.push_back(c);
	t->unfenced.push_back(c.to);
	waiting_for_fence.insert(c.to);
}

// Copies that have landed are seen by products from now on.
void fence_copies() {
	fiber_thread *t = (fiber_thread *)now;
	std::vector<const char *> left;
	for (const char *p : t->unfenced) {
		bool landed = true;
		for (const copy &c : t->copies) landed = landed && c.to != p;
		if (landed) waiting_for_fence.erase(p);
		else left.push_back(p);
	}
	t->unfenced = left;
}
bool fenced(const void *p) { return waiting_for_fence.count((const char *)p) == 0; }
void forget_fences() { waiting_for_fence.clear(); }

void async_commit() { ((fiber_thread *)now)->groups++; }

void async_wait(int newest) {
	fiber_thread *t = (fiber_thread *)now;
	for (size_t i = t->copies.size(); i-- > 0;)
		if (t->copies[i].group < t->groups - newest) land(t, i);
}

void land_some(fiber_thread *t) {
	if (!t->copies.empty() && random_below(4) == 0) land(t, random_below((u32)t->copies.size()));
}

} // namespace emulated
