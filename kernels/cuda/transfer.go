//go:build cuda

package cuda

/*
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/primer-lm/primer/kernels"
)

// Bytes go between host and GPU through pinned memory: only from there does a copy run beside the host, and only so may Write
// return while kernels issued before still run. It is a ring of pieces that Writes fill one behind the other; a piece's event
// says when the last copy out of it is done. The ring bounds how far the host runs ahead: a step of recipe 500m sends 8 MiB.
const (
	pieces     = 16
	pieceBytes = 1 << 20
	stageAlign = 64

	failureAt   = pieces * pieceBytes // what is beside the pieces: a struct failure,
	argsAt      = failureAt + 64      // and the arguments of a launch
	argsBytes   = 4096                // as many as a kernel may have
	stagedBytes = argsAt + argsBytes
)

type staging struct {
	host   uintptr
	events [pieces]cu.Event
	made   int          // events that there are
	next   int          // the piece that is being filled
	filled int          // bytes of it
	used   [pieces]bool // its event is recorded, and was not waited for
}

// start is called in the backend's context, as stop.
func (s *staging) start(b *Backend) error {
	var host C.uintptr_t
	if err := driverError(C.driver_pinned(b.queue(), stagedBytes, &host)); err != nil {
		return fmt.Errorf("%w: %d bytes of pinned host memory: %w", kindOf(err), stagedBytes, err)
	}
	s.host = uintptr(host)
	b.memory.hold(kernels.MemStaging, s.host, stagedBytes)
	for ; s.made < pieces; s.made++ {
		event, err := cu.MakeEvent(cu.DisableTiming)
		if err != nil {
			return fmt.Errorf("%w: event: %w", kindOf(err), err)
		}
		s.events[s.made] = event
	}
	return nil
}

func (s *staging) stop(b *Backend) error {
	var problems []error
	for ; s.made > 0; s.made-- {
		problems = append(problems, cu.DestroyEvent(&s.events[s.made-1]))
	}
	if s.host != 0 {
		b.memory.drop(s.host)
		problems = append(problems, driverError(C.driver_pinned_free(b.queue(), C.uintptr_t(s.host))))
		s.host = 0
	}
	return errors.Join(problems...)
}

// bytes is a part of the pinned memory, which lies outside Go's heap.
func (s *staging) bytes(at, n int) []byte {
	return hostBytes(s.host+uintptr(at), n)
}

func hostBytes(address uintptr, n int) []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&address))), n)
}

// args is room for the arguments of one launch, which the driver copies.
func (s *staging) args(n int) []byte {
	if n > argsBytes {
		panic("cuda: a kernel with more than 4096 bytes of arguments")
	}
	return s.bytes(argsAt, n)
}

// room returns where up to n more bytes of a Write go. It waits only when the ring is full of copies under way.
func (s *staging) room(b *Backend, n int) ([]byte, error) {
	if s.filled == pieceBytes {
		if err := s.events[s.next].Record(b.stream); err != nil {
			return nil, err
		}
		s.used[s.next] = true
		s.next, s.filled = (s.next+1)%pieces, 0
		if s.used[s.next] {
			if err := s.events[s.next].Synchronize(); err != nil {
				return nil, err
			}
			s.used[s.next] = false
		}
	}
	return s.bytes(s.next*pieceBytes+s.filled, min(n, pieceBytes-s.filled)), nil
}

// idle: nothing is under way, so all of the ring is free.
func (s *staging) idle() { s.next, s.filled, s.used = 0, 0, [pieces]bool{} }

// Write issues a copy from host to device. It copies src before it returns, and waits only where the ring is full.
func (b *Backend) Write(dst kernels.Tensor, src []byte) {
	if int64(len(src)) != dst.Bytes() {
		panic(&kernels.ShapeError{Op: "write", Code: "length differs", Detail: fmt.Sprintf("%d bytes into %v", len(src), dst)})
	}
	b.issue.Lock()
	defer b.issue.Unlock()
	if b.sticky != nil || len(src) == 0 {
		return
	}
	if b.capturing {
		b.stick("write", errors.New("host bytes cannot be captured: write before"))
		return
	}
	if err := b.inContext(func() error { return b.writePieces(dst.Addr, src) }); err != nil {
		b.stick("write", err)
	}
}

func (b *Backend) writePieces(to uintptr, src []byte) error {
	s := &b.staging
	for len(src) > 0 {
		piece, err := s.room(b, len(src))
		if err != nil {
			return err
		}
		n := copy(piece, src)
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(to), unsafe.Pointer(&piece[0]), int64(n), b.stream); err != nil {
			return err
		}
		s.filled += int(ceilDiv(int64(n), stageAlign) * stageAlign)
		to, src = to+uintptr(n), src[n:]
	}
	return nil
}

// Read waits for everything issued before and copies from device to host. A failure that it finds stays for Sync.
func (b *Backend) Read(dst []byte, src kernels.Tensor) error {
	if int64(len(dst)) != src.Bytes() {
		panic(&kernels.ShapeError{Op: "read", Code: "length differs", Detail: fmt.Sprintf("%v into %d bytes", src, len(dst))})
	}
	b.issue.Lock()
	defer b.issue.Unlock()
	if err := b.failure(false); err != nil {
		return err
	}
	if err := b.inContext(func() error { return b.readPieces(dst, src.Addr) }); err != nil {
		b.stick("read", err)
	}
	return b.sticky
}

// readPieces has as many pieces under way as the ring holds; it begins and ends with an idle one.
func (b *Backend) readPieces(dst []byte, from uintptr) error {
	s := &b.staging
	piece := func(k int) []byte { return dst[k*pieceBytes : min((k+1)*pieceBytes, len(dst))] }
	n := (len(dst) + pieceBytes - 1) / pieceBytes
	for issued, done := 0, 0; done < n; done++ {
		for ; issued < n && issued < done+pieces; issued++ {
			i, size := issued%pieces, len(piece(issued))
			to := s.bytes(i*pieceBytes, size)
			if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&to[0]), cu.DevicePtr(from+uintptr(issued)*pieceBytes), int64(size), b.stream); err != nil {
				return err
			}
			if err := s.events[i].Record(b.stream); err != nil {
				return err
			}
		}
		i := done % pieces
		if err := s.events[i].Synchronize(); err != nil {
			return err
		}
		copy(piece(done), s.bytes(i*pieceBytes, len(piece(done))))
	}
	return nil
}

// Sync waits for everything issued and returns the first failure since the last Sync.
func (b *Backend) Sync() error {
	b.issue.Lock()
	defer b.issue.Unlock()
	return b.failure(true)
}

// failure waits and returns the first failure; with clear it is then forgotten. The caller has the issue lock.
func (b *Backend) failure(clear bool) error {
	if b.capturing {
		return fmt.Errorf("%w: %s: operations are being captured: nothing can be waited for", kernels.ErrDevice, b.Name())
	}
	raw := b.staging.bytes(failureAt, failureBytes)
	err := b.inContext(func() error {
		if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&raw[0]), cu.DevicePtr(b.failures), failureBytes, b.stream); err != nil {
			return err
		}
		return b.stream.Synchronize()
	})
	if err != nil {
		b.stick("an operation since the last Sync", err)
	}
	// What a kernel saw comes before what a call said: the calls after a kernel's failure are its consequence.
	first := b.sticky
	if err == nil {
		b.staging.idle()
		if seen := b.failureOf(raw); seen != nil {
			first = seen
			if clear {
				if err := driverError(C.driver_zero(b.queue(), C.uintptr_t(b.failures), failureBytes)); err != nil {
					return errors.Join(first, err)
				}
			}
		}
	}
	if clear {
		b.sticky = nil
	}
	return first
}

// stick notes the first failure of a call. The caller has the issue lock.
func (b *Backend) stick(op string, err error) {
	if b.sticky == nil {
		b.sticky = fmt.Errorf("%w: %s: %s: %w", kernels.ErrDevice, b.Name(), op, err)
	}
}
