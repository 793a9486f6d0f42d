// The thread team and its queue, as every op of this package sees them.
//
// One host thread at a time issues operations into a ring; every thread of the team runs every operation with the same
// arguments (SPMD), in issue order, with a barrier between two operations. Threads spin for a few microseconds when there is
// nothing to do, then sleep in the kernel (futex), so a team larger than the machine makes progress too.
#ifndef PRIMER_TEAM_H
#define PRIMER_TEAM_H

#include <stddef.h>
#include <stdint.h>

#define TEAM_ARGS 512            // bytes of arguments an operation may have
#define TEAM_SCRATCH (4L << 20)  // bytes of scratch of each thread
#define TEAM_SHARED (24L << 20)  // bytes of the buffer all threads share inside one operation
#define TEAM_PHASES 8            // independent claim counters of one operation

// Element types, numbered as kernels.DType.
enum { DT_NONE, DT_F32, DT_BF16, DT_F16, DT_F64, DT_I32, DT_I64, DT_U8 };
// dt_size is the bytes of an F32 or BF16 element.
static inline int64_t dt_size(int t) { return t == DT_F32 ? 4 : 2; }

typedef struct team team;
typedef struct {
	team *t;
	int tid, n; // this thread, threads in all
} worker;
typedef void (*primer_op)(worker *w, const void *args);

// Inside an operation ---------------------------------------------------------------------------------------------------

// team_barrier returns once every thread of the team has called it. All threads call it equally often.
void team_barrier(worker *w);
// team_claim takes the next piece [from, to) of 0..total, at most grain long; it returns 0 when nothing is left. A phase
// (0 to TEAM_PHASES-1) is one counter; every operation starts with all of them at 0.
int team_claim(worker *w, int phase, int64_t total, int64_t grain, int64_t *from, int64_t *to);
// team_rewind sets a phase back to 0. One thread calls it, while barriers keep all others from claiming in that phase.
void team_rewind(worker *w, int phase);
// team_split gives the thread its share of 0..total, with bounds that are multiples of align (or total).
void team_split(worker *w, int64_t total, int64_t align, int64_t *from, int64_t *to);
// team_scratch is TEAM_SCRATCH bytes of the thread's own, 64-byte aligned, contents undefined.
void *team_scratch(worker *w);
// team_shared is TEAM_SHARED bytes that all threads of the team see, 64-byte aligned, contents undefined.
void *team_shared(worker *w);
// team_fail records a failure. The first one sticks, comes back from Sync, and operations issued later are skipped. The
// operation itself goes on: a thread that fails still takes part in its barriers.
void team_fail(worker *w, const char *op, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

// On the host; one caller at a time --------------------------------------------------------------------------------------

// team_open starts n threads; NULL with errno set when the system refuses.
team *team_open(int n);
// team_submit copies args into the ring and returns; it waits only when the ring is full.
void team_submit(team *t, primer_op fn, const void *args, size_t size);
// team_submit_always is team_submit for operations that run even after a failure (giving memory back).
void team_submit_always(team *t, primer_op fn, const void *args, size_t size);
// team_write copies src to dst in issue order; src may be changed as soon as it returns.
void team_write(team *t, void *dst, const void *src, size_t size);
// team_read copies src to dst, which is the host's own, in issue order and returns its ticket: team_reach returns once the
// operation with a ticket has run, whatever was issued since.
uint32_t team_read(team *t, void *dst, const void *src, size_t size);
void team_reach(team *t, uint32_t ticket);
// team_failed says whether an operation has failed, without waiting.
int team_failed(team *t);
// team_wait returns once everything issued has run.
void team_wait(team *t);
// team_failure waits and copies the first failure's text into out (up to size bytes); 0 when there is none. With clear,
// operations run again afterwards.
int team_failure(team *t, char *out, size_t size, int clear);
// team_close waits, ends the threads and frees the team.
void team_close(team *t);

#endif
