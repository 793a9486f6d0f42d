//go:build cuda && emulator

// Launches, and the order in which threads run.
//
// A warp runs in turns: each of its lanes in a random order, from one meeting (emulate.h) to the next. When the last has come, the
// meeting is held (all lanes must have come to the same), and a warp picked at random has the next turn. Warps at a barrier wait
// until all of the block are there. So between two meetings lanes and warps run in any order, as far apart as barriers let them,
// which is what shows a barrier that is missing. Blocks run one after another, in a random order.

#include "emulate_run.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
asm(R"(
	.text
	.globl primer_fiber_switch
	.hidden primer_fiber_switch
	.type primer_fiber_switch, @function
primer_fiber_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq (%rsi), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size primer_fiber_switch, .-primer_fiber_switch
)");
#endif

namespace emulated {

thread *now;
dims block, block_size, grid_size;

namespace {

const size_t stack_size = 64 << 10, page = 4096, guard = 128;

struct warp {
	fiber_thread *threads;
	int lanes, turn;
	u32 first, step; // lane of turn i: first + i·step
	meeting waits;   // MEET_BARRIER, MEET_EXIT, or MEET_NONE: it can run
};

const kernel *kernels;       // all of them
const kernel *running;       // the one that is running
pid_t runner;                // on this thread of the operating system
const void *arguments;
fiber host;                  // where launch waits
std::string failure_text;
u64 base_seed = 1, launches; // a launch's seed is of both
u64 state;

fiber_thread *threads;
int count, warps, ready;
warp all_warps[most_threads / lanes];
int ready_warps[most_threads / lanes];
warp *current;
char *shared_page, *shared_start;
size_t shared_size;

char *map(size_t size) {
	void *p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		perror("emulator: mmap");
		abort();
	}
	return (char *)p;
}

// Once: a stack for every thread, below it a page that nobody may touch; and the block's dynamic shared memory between two more.
void set_up() {
	if (threads) return;
	threads = new fiber_thread[most_threads]();
	char *stacks = map(most_threads * (stack_size + page));
	for (int i = 0; i < most_threads; i++) {
		mprotect(stacks, page, PROT_NONE);
		threads[i].stack = stacks + page;
		threads[i].lane = i % lanes;
		stacks += stack_size + page;
	}
	const size_t room = (most_shared + 2 * page - 1) / page * page;
	char *p = map(room + 2 * page);
	mprotect(p, page, PROT_NONE);
	mprotect(p + page + room, page, PROT_NONE);
	shared_page = p + page + room; // its end
	watch_faults();
}

void begin_turn(warp *w) {
	current = w;
	w->turn = 0, w->first = random_below(lanes), w->step = random_below(lanes / 2) * 2 + 1;
}
// The lane of the turn, or nothing when all have had theirs.
fiber_thread *turn_of(warp *w) {
	for (; w->turn < lanes; w->turn++) {
		const int lane = (w->first + w->turn * w->step) % lanes;
		if (lane < w->lanes) return w->threads + lane;
	}
	return nullptr;
}

std::string name_of(meeting at) {
	static const char *const names[] = {"", "the end of the kernel", "__syncthreads", "__syncwarp", "shuffle_xor", "shuffle", "shuffle_up", "ballot", "ldmatrix", "ldmatrix_turned", "mma",
	                                      "group_fence", "a product of the warpgroup", "group_commit", "group_wait"};
	return names[at];
}
[[noreturn]] void stop_apart(const thread *a, const thread *b) {
	stop("threads part: one is at " + name_of(a->at) + " (" + place(a) + "), another at " + name_of(b->at) + " (" + place(b) + ")");
}
bool together(const thread *a, const thread *b) {
	return a->at == b->at && (a->at == MEET_EXIT || (a->line == b->line && (a->file == b->file || strcmp(a->file, b->file) == 0)));
}

void make_ready(warp *w) {
	w->waits = MEET_NONE;
	ready_warps[ready++] = (int)(w - all_warps);
}
// All warps wait: at a barrier, which opens, or at the end.
void end_of_warps() {
	for (int i = 1; i < warps; i++)
		if (!together(all_warps[0].threads, all_warps[i].threads)) stop_apart(all_warps[0].threads, all_warps[i].threads);
	if (all_warps[0].waits == MEET_BARRIER)
		for (int i = 0; i < warps; i++) make_ready(&all_warps[i]);
}
// The meeting of a warp all of whose lanes have come; then the turn of another. Nothing is left to run when the block is done.
fiber *end_of_turn() {
	warp *w = current;
	for (int i = 1; i < w->lanes; i++)
		if (!together(w->threads, w->threads + i)) stop_apart(w->threads, w->threads + i);
	const meeting at = w->threads->at;
	if (at == MEET_EXIT || at == MEET_BARRIER) {
		w->waits = at;
	} else {
		if (w->lanes < lanes) stop(name_of(at) + " in a warp of " + std::to_string(w->lanes) + " lanes (" + place(w->threads) + ")");
		if (at >= MEET_GROUP_FENCE) group_meeting(w->threads, (int)(w - all_warps), at);
		else exchange_lanes(w->threads, at);
		make_ready(w);
	}
	land_some(w->threads + random_below(w->lanes));
	if (ready == 0) end_of_warps();
	if (ready == 0) return &host;
	const int pick = (int)random_below(ready);
	w = &all_warps[ready_warps[pick]];
	ready_warps[pick] = ready_warps[--ready];
	begin_turn(w);
	fiber_thread *t = turn_of(w);
	now = t;
	return &t->context;
}
// The running thread waits, and another runs.
void give_way() {
	fiber_thread *from = (fiber_thread *)now;
	current->turn++;
	fiber *to;
	if (fiber_thread *t = turn_of(current)) {
		now = t;
		to = &t->context;
	} else {
		to = end_of_turn();
	}
	if (to != &from->context) fiber_switch(&from->context, to);
}

void thread_main() {
	running->run(arguments);
	now->file = running->file, now->line = 0;
	now->at = MEET_EXIT;
	give_way();
	abort(); // nobody switches to a thread that has ended
}

// The kernels' static shared variables: one section of emulate_kernels.cpp.
extern "C" char primer_shared_begin[] HIDDEN, primer_shared_end[] HIDDEN;

void poison_shared() {
	memset(primer_shared_begin, 0xff, primer_shared_end - primer_shared_begin);
	shared_start = shared_page - (shared_size + guard - 1) / guard * guard;
	memset(shared_start, 0xff, shared_size);
	memset(shared_start - guard, 0xa5, guard);
	memset(shared_start + shared_size, 0xa5, shared_page - (shared_start + shared_size));
}
void check_guards() {
	for (const char *p = shared_start - guard; p < shared_page; p++) {
		if (p == shared_start) p += shared_size;
		if (p < shared_page && *p != (char)0xa5)
			stop("a write outside dynamic shared memory, at its byte " + std::to_string(p - shared_start) + " of " + std::to_string(shared_size));
	}
}

void run_block(dims at) {
	block = at;
	poison_shared();
	group_start();
	warps = (count + lanes - 1) / lanes, ready = 0;
	for (int i = 0; i < count; i++) {
		fiber_thread *t = threads + i;
		t->index = {i % block_size.x, i / block_size.x % block_size.y, i / block_size.x / block_size.y};
		t->at = MEET_NONE, t->groups = 0;
		t->copies.clear();
		t->unfenced.clear();
		fiber_start(&t->context, t->stack, stack_size - i % 16 * 256, thread_main); // not all tops in the same lines of the cache
	}
	for (int i = 0; i < warps; i++) {
		all_warps[i].threads = threads + i * lanes;
		all_warps[i].lanes = count - i * lanes < lanes ? count - i * lanes : lanes;
		make_ready(&all_warps[i]);
	}
	const int pick = (int)random_below(ready);
	warp *w = &all_warps[ready_warps[pick]];
	ready_warps[pick] = ready_warps[--ready];
	begin_turn(w);
	fiber_thread *t = turn_of(w);
	now = t;
	fiber_switch(&host, &t->context);
	now = nullptr;
	if (failure_text.empty()) check_guards();
}

u64 common_divisor(u64 a, u64 b) { return b == 0 ? a : common_divisor(b, a % b); }

} // namespace

kernel::kernel(const char *name, void (*run)(const void *), size_t args, int threads, const char *file) : name(name), run(run), args(args), threads(threads), file(file), next(kernels) {
	kernels = this;
}
const kernel *find(const std::string &name) {
	for (const kernel *k = kernels; k; k = k->next)
		if (name == k->name) return k;
	return nullptr;
}

const kernel *all() { return kernels; }

void seed(u64 value) { base_seed = value, launches = 0; }
u64 random_bits() { // xorshift64*
	state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
	return state * 0x2545F4914F6CDD1Dull;
}

void meet(meeting at, int line, const char *file) {
	now->at = at, now->line = line, now->file = file;
	give_way();
}
void *shared_memory() { return shared_start; }
bool in_shared(const void *p, size_t size) {
	const char *c = (const char *)p;
	return (c >= shared_start && c + size <= shared_start + shared_size) || (c >= primer_shared_begin && c + size <= primer_shared_end);
}
bool kernel_runs() { return now && gettid() == runner; }

std::string place(const thread *t) {
	const std::string where = t->line ? std::string(t->file) + ":" + std::to_string(t->line) + ", " : "";
	return where + "thread (" + std::to_string(t->index.x) + "," + std::to_string(t->index.y) + "," + std::to_string(t->index.z) + ")";
}
void stop(const std::string &what) {
	failure_text = std::string(running->name) + ", block (" + std::to_string(block.x) + "," + std::to_string(block.y) + "," + std::to_string(block.z) + "): " + what +
	               " [seed " + std::to_string(base_seed) + ", launch " + std::to_string(launches) + "]";
	if (now) {
		fiber dropped;
		fiber_switch(&dropped, &host);
		abort(); // it is never gone back to
	}
	throw failure_text; // after the block's end
}

bool launch(const kernel *k, dims grid, dims size, size_t shared, const void *args, std::string *what) {
	set_up();
	k->launches++;
	running = k, arguments = args, runner = gettid();
	grid_size = grid, block_size = size, count = (int)(size.x * size.y * size.z), shared_size = shared;
	launches++;
	state = (base_seed * 0x9E3779B97F4A7C15ull + launches) * 0xBF58476D1CE4E5B9ull | 1;
	failure_text.clear();
	const u64 blocks = (u64)grid.x * grid.y * grid.z, first = random_bits() % blocks;
	u64 step = random_bits() % blocks + 1;
	while (common_divisor(step, blocks) != 1) step++;
	try {
		for (u64 i = 0, at = first; i < blocks && failure_text.empty(); i++, at = (at + step) % blocks)
			run_block({(u32)(at % grid.x), (u32)(at / grid.x % grid.y), (u32)(at / grid.x / grid.y)});
	} catch (const std::string &) {
	}
	*what = failure_text;
	return failure_text.empty();
}

} // namespace emulated
