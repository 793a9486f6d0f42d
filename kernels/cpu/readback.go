package cpu

// #include "team.h"
// static uint32_t read_from(team *t, uintptr_t dst, uintptr_t src, size_t size) {
//   return team_read(t, (void *)dst, (const void *)src, size);
// }
import "C"

import "github.com/primer-lm/primer/kernels"

// readback takes results out of the queue: copies are operations like others, and Wait waits for the last of them only.
type readback struct {
	b      *Backend
	mem    *kernels.Memory
	filled int64
	ticket C.uint32_t
	taken  *taken // that of the last Fetch
}

// taken is the failure with which a time between two failures ended, once Sync has taken it. Copies fetched in that time may have been
// skipped for it.
type taken struct{ failure error }

// OpenReadback makes room for results that are looked at while the team goes on.
func (b *Backend) OpenReadback(bytes int64) (kernels.Readback, error) {
	mem, err := b.Alloc(kernels.MemStaging, bytes)
	if err != nil {
		return nil, err
	}
	return &readback{b: b, mem: mem}, nil
}

func (r *readback) Fetch(src ...kernels.Tensor) {
	r.filled = kernels.CheckReadback(r.mem.Size, src)
	r.b.queue.Lock()
	defer r.b.queue.Unlock()
	at := r.mem.Addr
	r.taken = r.b.taken
	for _, t := range src {
		r.ticket = C.read_from(r.b.open(), C.uintptr_t(at), C.uintptr_t(t.Addr), C.size_t(t.Bytes()))
		at += uintptr(t.Bytes())
	}
}

func (r *readback) Wait() ([]byte, error) {
	if err := r.reach(); err != nil {
		return nil, err
	}
	return kernels.NewTensor(r.mem, 0, kernels.U8, r.filled).HostBytes(), nil
}

// reach waits for the copies. After a failure they have not run, and all that waits is skipped: waiting for it costs nothing.
func (r *readback) reach() error {
	r.b.queue.Lock()
	defer r.b.queue.Unlock()
	if r.filled > 0 {
		C.team_reach(r.b.open(), r.ticket)
	}
	if r.taken != nil && r.taken.failure != nil {
		return r.taken.failure
	}
	if C.team_failed(r.b.open()) == 0 {
		return nil
	}
	return r.b.firstFailure(0)
}

func (r *readback) Close() { r.b.Free(r.mem) }
