//go:build cuda && emulator

// Streams, events and graphs of the stand-in. Work waits in its stream's queue; it runs when the host waits for it, when other
// work that runs comes after it, or by chance. An event is a place in a queue.

#include "standin.h"

#include <chrono>
#include <deque>
#include <memory>
#include <set>

namespace standin {

namespace {

typedef std::chrono::steady_clock::time_point moment;

struct event {
	struct queue *on = nullptr; // the stream it was recorded on
	size_t place = 0;           // done when the stream has done so much
	moment when;
	bool timed = true;
};
struct queue {
	std::deque<work> waiting;
	size_t issued = 0, done = 0;
	bool blocking = true; // a call without a stream waits for it
	bool capturing = false, broken = false;
	CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
	std::vector<work> captured;
};
struct graph {
	std::vector<work> works;
};

std::set<queue *> queues;
std::set<event *> events;
std::set<graph *> graphs, runs; // noted, and executable
queue nobody;                   // the stream 0
size_t stream_waits, event_waits; // how often the host waited for all that was issued, and for an event

// The queue of a stream; nullptr for a handle that is none.
queue *of(CUstream s) {
	if (s == nullptr || s == CU_STREAM_LEGACY) return &nobody;
	queue *q = (queue *)s;
	return queues.count(q) ? q : nullptr;
}
event *of(CUevent e) { return events.count((event *)e) ? (event *)e : nullptr; }

// Runs what waits until place is done.
CUresult run(queue *q, size_t place) {
	while (q->done < place && !q->waiting.empty()) {
		work w = std::move(q->waiting.front());
		q->waiting.pop_front();
		q->done++;
		CUresult r = sticky ? sticky : w();
		if (r) return r;
	}
	return sticky;
}
CUresult run(queue *q) { return run(q, q->issued); }

template <class T> T *remove(std::set<T *> &from, void *handle) {
	T *x = (T *)handle;
	return from.erase(x) ? x : nullptr;
}

bool passed(const event *e) { return !e->on || !queues.count(e->on) || e->on->done >= e->place; }

} // namespace

CUresult issue(CUstream stream, work w) {
	queue *q = of(stream);
	if (!q) return CUDA_ERROR_INVALID_HANDLE;
	if (q->capturing) {
		q->captured.push_back(std::move(w));
		return CUDA_SUCCESS;
	}
	if (q == &nobody) { // it waits for the others, and the others for it
		CUresult r = may_wait();
		if (!r) r = drain_blocking();
		return r ? r : w();
	}
	q->waiting.push_back(std::move(w));
	q->issued++;
	return random_below(8) == 0 ? run(q, q->done + random_below(8)) : sticky;
}
bool captures(CUstream stream) { return of(stream) && of(stream)->capturing; }
CUresult drain(CUstream stream) {
	stream_waits++;
	return of(stream) ? run(of(stream)) : CUDA_ERROR_INVALID_HANDLE;
}
CUresult drain_all() {
	stream_waits++;
	for (queue *q : queues)
		if (CUresult r = run(q)) return r;
	return sticky;
}
CUresult drain_blocking() {
	stream_waits++;
	for (queue *q : queues)
		if (q->blocking)
			if (CUresult r = run(q)) return r;
	return sticky;
}
CUresult may_wait() {
	for (queue *q : queues) {
		if (!q->capturing || !q->blocking) continue;
		q->broken = true;
		return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
	}
	return CUDA_SUCCESS;
}
CUresult may_allocate() {
	for (queue *q : queues) {
		if (!q->capturing || q->mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
		q->broken = true;
		return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	}
	return CUDA_SUCCESS;
}
void forget_queues() {
	for (queue *q : queues) q->done = q->issued, q->waiting.clear(), q->capturing = false;
}

#define LOCKED                                                                                                                 \
	std::lock_guard<std::recursive_mutex> lock(driver);                                                                        \
	if (CUresult not_ready = ready()) return not_ready;

CUresult cuStreamCreate(CUstream *s, unsigned flags) {
	LOCKED
	if (flags & ~(unsigned)CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
	queue *q = new queue;
	q->blocking = !(flags & CU_STREAM_NON_BLOCKING);
	queues.insert(q);
	*s = (CUstream)q;
	return CUDA_SUCCESS;
}
CUresult cuStreamCreateWithPriority(CUstream *s, unsigned flags, int) { return standin::cuStreamCreate(s, flags); }
// What is queued is still done.
CUresult cuStreamDestroy(CUstream s) {
	LOCKED
	queue *q = of(s);
	if (!q || q == &nobody) return CUDA_ERROR_INVALID_HANDLE;
	CUresult r = run(q);
	delete remove(queues, q);
	return r;
}
// To wait for a stream that captures is an error, and spoils the capture.
CUresult cuStreamSynchronize(CUstream s) {
	LOCKED
	queue *q = of(s);
	if (!q) return CUDA_ERROR_INVALID_HANDLE;
	if (q->capturing) {
		q->broken = true;
		return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	}
	return q == &nobody ? drain_blocking() : drain(s);
}
CUresult cuStreamQuery(CUstream s) {
	LOCKED
	queue *q = of(s);
	if (!q) return CUDA_ERROR_INVALID_HANDLE;
	CUresult r = run(q, q->done + random_below(4));
	return r ? r : q->waiting.empty() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}
CUresult cuCtxSynchronize() {
	LOCKED
	CUresult r = may_wait();
	return r ? r : drain_all();
}

CUresult cuEventCreate(CUevent *e, unsigned flags) {
	LOCKED
	event *made = new event;
	made->timed = !(flags & CU_EVENT_DISABLE_TIMING);
	events.insert(made);
	*e = (CUevent)made;
	return CUDA_SUCCESS;
}
CUresult cuEventDestroy(CUevent e) {
	LOCKED
	event *x = remove(events, e);
	delete x;
	return x ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuEventRecord(CUevent e, CUstream s) {
	LOCKED
	event *x = of(e);
	queue *q = of(s);
	if (!x || !q) return CUDA_ERROR_INVALID_HANDLE;
	if (q->capturing) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	x->on = q == &nobody ? nullptr : q;
	x->place = q->issued + 1;
	return issue(s, [x] {
		if (events.count(x)) x->when = std::chrono::steady_clock::now();
		return CUDA_SUCCESS;
	});
}
CUresult cuEventSynchronize(CUevent e) {
	LOCKED
	event *x = of(e);
	if (!x) return CUDA_ERROR_INVALID_HANDLE;
	if (passed(x)) return sticky;
	event_waits++;
	return run(x->on, x->place);
}
CUresult cuEventQuery(CUevent e) {
	LOCKED
	event *x = of(e);
	if (!x) return CUDA_ERROR_INVALID_HANDLE;
	if (!passed(x))
		if (CUresult r = run(x->on, x->on->done + random_below(4))) return r;
	return passed(x) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}
CUresult cuEventElapsedTime(float *ms, CUevent from, CUevent to) {
	LOCKED
	event *a = of(from), *b = of(to);
	if (!a || !b || !a->timed || !b->timed) return CUDA_ERROR_INVALID_HANDLE;
	if (!passed(a) || !passed(b)) return CUDA_ERROR_NOT_READY;
	*ms = std::chrono::duration<float, std::milli>(b->when - a->when).count();
	return CUDA_SUCCESS;
}
CUresult cuStreamWaitEvent(CUstream s, CUevent e, unsigned) {
	LOCKED
	event *x = of(e);
	if (!x || !of(s)) return CUDA_ERROR_INVALID_HANDLE;
	if (captures(s)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	queue *on = x->on;
	const size_t place = x->place;
	return issue(s, [=] { return on && queues.count(on) ? run(on, place) : CUDA_SUCCESS; });
}

CUresult cuStreamBeginCapture(CUstream s, CUstreamCaptureMode mode) {
	LOCKED
	queue *q = of(s);
	if (!q || q == &nobody) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	if (q->capturing) return CUDA_ERROR_ILLEGAL_STATE;
	q->capturing = true, q->broken = false, q->mode = mode;
	q->captured.clear();
	return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream s, CUgraph *g) {
	*g = nullptr;
	LOCKED
	queue *q = of(s);
	if (!q || !q->capturing) return CUDA_ERROR_ILLEGAL_STATE;
	q->capturing = false;
	if (q->broken) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
	graph *made = new graph{std::move(q->captured)};
	graphs.insert(made);
	*g = (CUgraph)made;
	return CUDA_SUCCESS;
}
CUresult cuStreamIsCapturing(CUstream s, CUstreamCaptureStatus *status) {
	LOCKED
	queue *q = of(s);
	if (!q) return CUDA_ERROR_INVALID_HANDLE;
	*status = !q->capturing ? CU_STREAM_CAPTURE_STATUS_NONE : q->broken ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
	return CUDA_SUCCESS;
}
CUresult cuGraphInstantiate(CUgraphExec *out, CUgraph g, unsigned long long flags) {
	LOCKED
	if (!graphs.count((graph *)g)) return CUDA_ERROR_INVALID_HANDLE;
	if (flags != 0) return CUDA_ERROR_NOT_SUPPORTED;
	if (fail_allocation()) return CUDA_ERROR_OUT_OF_MEMORY;
	graph *made = new graph(*(graph *)g);
	runs.insert(made);
	*out = (CUgraphExec)made;
	return CUDA_SUCCESS;
}
CUresult cuGraphDestroy(CUgraph g) {
	LOCKED
	graph *x = remove(graphs, g);
	delete x;
	return x ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuGraphLaunch(CUgraphExec g, CUstream s) {
	LOCKED
	if (!runs.count((graph *)g)) return CUDA_ERROR_INVALID_HANDLE;
	auto works = std::make_shared<std::vector<work>>(((graph *)g)->works);
	return issue(s, [works] {
		for (work &w : *works)
			if (CUresult r = w()) return r;
		return CUDA_SUCCESS;
	});
}
CUresult cuGraphExecDestroy(CUgraphExec g) {
	LOCKED
	graph *x = remove(runs, g);
	delete x;
	return x ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

std::vector<function> queue_functions() {
	return {ENTRY(cuStreamCreate), ENTRY(cuStreamCreateWithPriority), ENTRY(cuStreamDestroy), ENTRY(cuStreamSynchronize), ENTRY(cuStreamQuery),
	        ENTRY(cuCtxSynchronize), ENTRY(cuEventCreate), ENTRY(cuEventDestroy), ENTRY(cuEventRecord), ENTRY(cuEventSynchronize), ENTRY(cuEventQuery),
	        ENTRY(cuEventElapsedTime), ENTRY(cuStreamWaitEvent), ENTRY(cuStreamBeginCapture), ENTRY(cuStreamEndCapture), ENTRY(cuStreamIsCapturing),
	        ENTRY(cuGraphInstantiate), ENTRY(cuGraphDestroy), ENTRY(cuGraphLaunch), ENTRY(cuGraphExecDestroy)};
}

} // namespace standin

#include "standin_go.h"

void primer_standin_waits(size_t *streams, size_t *events) {
	std::lock_guard<std::recursive_mutex> lock(standin::driver);
	*streams = standin::stream_waits, *events = standin::event_waits;
}
