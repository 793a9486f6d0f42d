package cpu

// #include "team.h"
// #include "host.h"
// #cgo CFLAGS: -std=c11 -O3 -Wall -Wno-unknown-pragmas -D_GNU_SOURCE
// #cgo LDFLAGS: -lm -lpthread
// #cgo noescape team_submit
// #cgo nocallback team_submit
// #cgo noescape team_failure
// #cgo nocallback team_failure
//
// static void primer_release(worker *w, const void *args) {
//   const struct { void *addr; size_t size; } *a = args;
//   if (w->tid == 0) host_free(a->addr, a->size);
// }
// static void submit_release(team *t, uintptr_t addr, size_t size) {
//   struct { void *addr; size_t size; } a = {(void *)addr, size};
//   team_submit_always(t, primer_release, &a, sizeof a);
// }
// static void free_now(uintptr_t addr, size_t size) { host_free((void *)addr, size); }
// static void write_to(team *t, uintptr_t dst, const void *src, size_t size) { team_write(t, (void *)dst, src, size); }
// #cgo noescape write_to
// #cgo nocallback write_to
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// release gives pages back once everything issued before has run, failure or not.
func (b *Backend) release(mem *kernels.Memory) {
	b.queue.Lock()
	defer b.queue.Unlock()
	C.submit_release(b.open(), C.uintptr_t(mem.Addr), C.size_t(max(mem.Size, 1)))
}

// hostFree gives pages back at once; nothing may be queued.
func hostFree(mem *kernels.Memory) { C.free_now(C.uintptr_t(mem.Addr), C.size_t(max(mem.Size, 1))) }

// submit enqueues an operation and returns at once; it waits only when the ring is full. args is a C struct of at most
// TEAM_ARGS bytes, copied before submit returns.
func (b *Backend) submit(fn C.primer_op, args unsafe.Pointer, size uintptr) {
	b.queue.Lock()
	defer b.queue.Unlock()
	C.team_submit(b.open(), fn, args, C.size_t(size))
}

// open returns the team; using a closed backend is the caller's bug. The queue's lock is held.
func (b *Backend) open() *C.team {
	if b.team == nil {
		panic("cpu: backend used after Close")
	}
	return b.team
}

// failure waits for everything issued and returns the first failure; with clear, later operations run again.
func (b *Backend) failure(clear C.int) error {
	b.queue.Lock()
	defer b.queue.Unlock()
	return b.firstFailure(clear)
}

// firstFailure is failure for who has the queue's lock.
func (b *Backend) firstFailure(clear C.int) error {
	var text [512]byte
	if C.team_failure(b.open(), (*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)), clear) == 0 {
		return nil
	}
	msg, _, _ := strings.Cut(string(text[:]), "\x00")
	err := fmt.Errorf("%w: cpu: %s", kernels.ErrDevice, msg)
	if clear != 0 {
		b.taken.failure = err
		b.taken = &taken{}
	}
	return err
}

// Sync waits for everything issued and returns the first failure since the last Sync.
func (b *Backend) Sync() error { return b.failure(1) }

// Write issues a copy from host to device.
func (b *Backend) Write(dst kernels.Tensor, src []byte) {
	if int64(len(src)) != dst.Bytes() {
		panic(&kernels.ShapeError{Op: "write", Code: "length differs", Detail: fmt.Sprintf("%d bytes into %v", len(src), dst)})
	}
	if len(src) == 0 {
		return
	}
	b.queue.Lock()
	defer b.queue.Unlock()
	C.write_to(b.open(), C.uintptr_t(dst.Addr), unsafe.Pointer(&src[0]), C.size_t(len(src)))
}

// Read waits for everything issued before and copies from device to host. A failure that it finds stays for Sync.
func (b *Backend) Read(dst []byte, src kernels.Tensor) error {
	if int64(len(dst)) != src.Bytes() {
		panic(&kernels.ShapeError{Op: "read", Code: "length differs", Detail: fmt.Sprintf("%v into %d bytes", src, len(dst))})
	}
	if err := b.failure(0); err != nil {
		return err
	}
	copy(dst, src.HostBytes())
	return nil
}
