// The thread team: a ring of operations, a barrier, and sleeping by futex.
//
// Method: the host writes a slot and advances `head`; every thread follows head by itself, so no thread hands work to another.
// The last thread to arrive at the barrier that ends an operation resets the claim counters and advances `done`. Each wait
// spins for a bounded time and then sleeps on the word it watches; who changes the word looks whether somebody sleeps
// (both sides sequentially consistent, so either the sleeper sees the change or the changer sees the sleeper).
// Tried and dropped: OpenMP (9-12 µs a region, a pool per calling thread); a distinguished executor that wakes the others
// (one more hand-over for every operation).
#include "team.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RING = 256, STAGE = 4 << 20, SPIN_NS = 20000 };

typedef struct {
	primer_op fn; // NULL ends the threads
	int always;   // run even after a failure
	_Alignas(64) unsigned char args[TEAM_ARGS];
} slot;

typedef struct {
	_Alignas(64) _Atomic int64_t next;
} counter;

struct team {
	_Alignas(64) _Atomic uint32_t head; // operations issued
	_Atomic uint32_t sleepers;          // threads asleep on head
	_Alignas(64) _Atomic uint32_t done; // operations finished
	_Atomic uint32_t wanted;            // value of done the host sleeps for
	_Alignas(64) _Atomic uint32_t arrived;
	_Alignas(64) _Atomic uint32_t generation; // barriers passed
	_Atomic uint32_t blocked;                 // threads asleep on generation
	int skip;                                 // `failed` as it was between two operations
	counter claims[TEAM_PHASES];
	_Alignas(64) _Atomic uint32_t failed;
	char message[512];
	int n, spins;
	unsigned char *scratch; // n × TEAM_SCRATCH, then TEAM_SHARED, then STAGE
	unsigned char *stage;
	size_t staged;        // bytes of the stage handed out since it was last known to be empty
	pthread_t *threads;
	slot ring[RING];
};

typedef struct {
	team *t;
	int tid;
} seat;

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word) {
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static inline void relax(void) {
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

// leave_while waits until *word differs from value: spins times by looking, then asleep and counted in *asleep.
static void leave_while(_Atomic uint32_t *word, uint32_t value, _Atomic uint32_t *asleep, int spins) {
	for (int i = 0; i < spins; i++) {
		if (atomic_load_explicit(word, memory_order_acquire) != value) return;
		relax();
	}
	atomic_fetch_add(asleep, 1);
	while (atomic_load(word) == value) futex_wait(word, value);
	atomic_fetch_sub(asleep, 1);
}

// arrive is the barrier; the last thread to arrive finishes the operation when end is set.
static void arrive(team *t, int end, uint32_t finished) {
	uint32_t gen = atomic_load_explicit(&t->generation, memory_order_relaxed);
	if (atomic_fetch_add(&t->arrived, 1) + 1 < (uint32_t)t->n) {
		leave_while(&t->generation, gen, &t->blocked, t->spins);
		return;
	}
	atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
	if (end) {
		for (int i = 0; i < TEAM_PHASES; i++) {
			if (atomic_load_explicit(&t->claims[i].next, memory_order_relaxed))
				atomic_store_explicit(&t->claims[i].next, 0, memory_order_relaxed);
		}
		// Before `done`, behind which the host may clear it, and before `generation`, behind which the threads read it.
		t->skip = atomic_load(&t->failed) != 0;
		atomic_store(&t->done, finished);
		if (atomic_load(&t->wanted) == finished) futex_wake(&t->done);
	}
	atomic_store(&t->generation, gen + 1);
	if (atomic_load(&t->blocked)) futex_wake(&t->generation);
}

void team_barrier(worker *w) {
	if (w->n > 1) arrive(w->t, 0, 0);
}

int team_claim(worker *w, int phase, int64_t total, int64_t grain, int64_t *from, int64_t *to) {
	_Atomic int64_t *next = &w->t->claims[phase].next;
	if (atomic_load_explicit(next, memory_order_relaxed) >= total) return 0;
	int64_t at = atomic_fetch_add_explicit(next, grain, memory_order_relaxed);
	if (at >= total) return 0;
	*from = at;
	*to = at + grain < total ? at + grain : total;
	return 1;
}

void team_rewind(worker *w, int phase) {
	atomic_store_explicit(&w->t->claims[phase].next, 0, memory_order_relaxed);
}

void team_split(worker *w, int64_t total, int64_t align, int64_t *from, int64_t *to) {
	int64_t blocks = (total + align - 1) / align;
	int64_t a = blocks * w->tid / w->n * align, b = blocks * (w->tid + 1) / w->n * align;
	*from = a < total ? a : total;
	*to = b < total ? b : total;
}

void *team_scratch(worker *w) { return w->t->scratch + (size_t)w->tid * TEAM_SCRATCH; }

void *team_shared(worker *w) { return w->t->scratch + (size_t)w->n * TEAM_SCRATCH; }

void team_fail(worker *w, const char *op, const char *fmt, ...) {
	team *t = w->t;
	uint32_t none = 0;
	if (!atomic_compare_exchange_strong(&t->failed, &none, 1)) return;
	int n = snprintf(t->message, sizeof t->message, "%s: ", op);
	va_list list;
	va_start(list, fmt);
	if (n > 0 && (size_t)n < sizeof t->message) vsnprintf(t->message + n, sizeof t->message - (size_t)n, fmt, list);
	va_end(list);
}

// flush_denormals makes the thread take denormal inputs and results as zero, as the bf16 dot product does by itself.
static void flush_denormals(void) {
#if defined(__x86_64__)
	__builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
#elif defined(__aarch64__)
	uint64_t fpcr;
	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	__asm__ volatile("msr fpcr, %0" ::"r"(fpcr | (1 << 24)));
#endif
}

static void *run(void *arg) {
	seat s = *(seat *)arg;
	free(arg);
	flush_denormals();
	team *t = s.t;
	worker w = {t, s.tid, t->n};
	for (uint32_t seq = 0;; seq++) {
		leave_while(&t->head, seq, &t->sleepers, t->spins);
		slot *op = &t->ring[seq % RING];
		if (!op->fn) return NULL;
		// Every thread sees the same `skip` here: the last one to arrive sets it, when no thread is in an operation, and the host
		// clears it when none is queued. `failed` may be set by a thread that is in the operation already, while this one is late.
		if (op->always || !t->skip) op->fn(&w, op->args);
		arrive(t, 1, seq + 1);
	}
}

// spins_for says how many looks fill about ns nanoseconds; few when the machine has fewer processors than threads.
static int spins_for(int n, long ns) {
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) < n) return 8;
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 256; i++) relax();
	clock_gettime(CLOCK_MONOTONIC, &b);
	long took = (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec;
	long spins = ns * 256 / (took > 100 ? took : 100);
	return spins < 64 ? 64 : spins > 20000 ? 20000 : (int)spins;
}

static size_t buffer_bytes(int n) { return (size_t)n * TEAM_SCRATCH + TEAM_SHARED + STAGE; }

// start makes thread tid, which top, perf and debuggers show by its name; the signals stay with Go's threads.
static int start(team *t, int tid) {
	seat *s = malloc(sizeof *s);
	if (!s) return ENOMEM;
	*s = (seat){t, tid};
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int err = pthread_create(&t->threads[tid], NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		free(s);
		return err;
	}
	char name[24]; // Linux has room for 15: a team of 10 million stays unnamed
	snprintf(name, sizeof name, "primer-%d", tid);
	pthread_setname_np(t->threads[tid], name);
	return 0;
}

static void end(team *t, int started) {
	slot *last = &t->ring[atomic_load(&t->head) % RING];
	last->fn = NULL;
	atomic_fetch_add(&t->head, 1);
	futex_wake(&t->head);
	for (int i = 0; i < started; i++) pthread_join(t->threads[i], NULL);
	munmap(t->scratch, buffer_bytes(t->n));
	free(t->threads);
	free(t);
}

team *team_open(int n) {
	team *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);
	if (!t) return NULL;
	memset(t, 0, sizeof *t);
	t->n = n;
	t->spins = spins_for(n, SPIN_NS);
	t->threads = calloc((size_t)n, sizeof *t->threads);
	t->scratch = mmap(NULL, buffer_bytes(n), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!t->threads || t->scratch == MAP_FAILED) {
		if (t->scratch != MAP_FAILED) munmap(t->scratch, buffer_bytes(n));
		free(t->threads);
		free(t);
		errno = ENOMEM;
		return NULL;
	}
	madvise(t->scratch, buffer_bytes(n), MADV_HUGEPAGE); // advice: without it the team works all the same
	t->stage = t->scratch + (size_t)n * TEAM_SCRATCH + TEAM_SHARED;
	for (int i = 0; i < n; i++) {
		int err = start(t, i);
		if (err) {
			end(t, i);
			errno = err;
			return NULL;
		}
	}
	return t;
}

// wait_for sleeps until `done` has reached target. Only the operation that reaches it wakes the host.
static void wait_for(team *t, uint32_t target) {
	for (;;) {
		uint32_t done = atomic_load(&t->done);
		if ((int32_t)(done - target) >= 0) return;
		atomic_store(&t->wanted, target);
		done = atomic_load(&t->done);
		if ((int32_t)(done - target) >= 0) return;
		futex_wait(&t->done, done);
	}
}

static void submit(team *t, primer_op fn, const void *args, size_t size, int always) {
	uint32_t head = atomic_load_explicit(&t->head, memory_order_relaxed);
	if (head - atomic_load(&t->done) == RING) wait_for(t, head - RING / 2);
	slot *s = &t->ring[head % RING];
	s->fn = fn;
	s->always = always;
	memcpy(s->args, args, size);
	atomic_store(&t->head, head + 1);
	if (atomic_load(&t->sleepers)) futex_wake(&t->head);
}

void team_submit(team *t, primer_op fn, const void *args, size_t size) { submit(t, fn, args, size, 0); }

void team_submit_always(team *t, primer_op fn, const void *args, size_t size) { submit(t, fn, args, size, 1); }

void team_wait(team *t) {
	wait_for(t, atomic_load_explicit(&t->head, memory_order_relaxed));
	t->staged = 0;
}

typedef struct {
	void *dst;
	const void *src;
	int64_t size;
} move;

static void run_move(worker *w, const void *args) {
	const move *m = args;
	int64_t from, to;
	team_split(w, m->size, 4096, &from, &to);
	memcpy((char *)m->dst + from, (const char *)m->src + from, (size_t)(to - from));
}

void team_write(team *t, void *dst, const void *src, size_t size) {
	move m = {dst, src, (int64_t)size};
	if (size > STAGE / 4) { // large: straight from the source, which must not change meanwhile, so wait
		submit(t, run_move, &m, sizeof m, 0);
		team_wait(t);
		return;
	}
	size_t room = (size + 63) / 64 * 64;
	if (t->staged + room > STAGE) team_wait(t);
	m.src = memcpy(t->stage + t->staged, src, size);
	t->staged += room;
	submit(t, run_move, &m, sizeof m, 0);
}

uint32_t team_read(team *t, void *dst, const void *src, size_t size) {
	move m = {dst, src, (int64_t)size};
	submit(t, run_move, &m, sizeof m, 0);
	return atomic_load_explicit(&t->head, memory_order_relaxed);
}

void team_reach(team *t, uint32_t ticket) { wait_for(t, ticket); }

int team_failed(team *t) { return atomic_load(&t->failed) != 0; }

int team_failure(team *t, char *out, size_t size, int clear) {
	team_wait(t);
	if (!atomic_load(&t->failed)) return 0;
	snprintf(out, size, "%s", t->message);
	if (clear) {
		t->skip = 0;
		atomic_store(&t->failed, 0);
	}
	return 1;
}

void team_close(team *t) {
	team_wait(t);
	end(t, t->n);
}
