//go:build cuda && emulator

package cuda

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"
)

// device is the stand-in as the tests here use it: a context, current on this thread, and a stream.
type device struct {
	t      *testing.T
	stream cu.Stream
}

func newDevice(t *testing.T) device {
	t.Helper()
	if _, err := openGPU(0); err != nil { // fills the driver's slots and starts it
		t.Fatal(err)
	}
	runtime.LockOSThread()
	d := device{t: t}
	gpu, err := cu.GetDevice(0)
	d.check(err)
	context, err := gpu.RetainPrimaryCtx()
	d.check(err)
	d.check(cu.SetCurrentContext(context))
	d.stream, err = cu.MakeStream(cu.NonBlocking)
	d.check(err)
	live, _, _ := standInMemory()
	t.Cleanup(func() {
		standInClear()
		d.check(d.stream.Destroy())
		d.check(cu.SetCurrentContext(cu.CUContext{}))
		d.check(gpu.ReleasePrimaryCtx())
		if now, _, _ := standInMemory(); now != live {
			t.Errorf("%d allocations are left", now-live)
		}
		runtime.UnlockOSThread()
	})
	return d
}

func (d device) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// floats allocates and fills with 1, 2, …
func (d device) floats(n int) cu.DevicePtr {
	d.t.Helper()
	p, err := cu.MemAlloc(int64(4 * n))
	d.check(err)
	host := make([]float32, n)
	for i := range host {
		host[i] = float32(i + 1)
	}
	d.check(cu.MemcpyHtoD(p, unsafe.Pointer(&host[0]), int64(4*n)))
	return p
}

func (d device) read(p cu.DevicePtr, n int) []float32 {
	d.t.Helper()
	host := make([]float32, n)
	d.check(cu.MemcpyDtoH(unsafe.Pointer(&host[0]), p, int64(4*n)))
	return host
}

// function gives a kernel by way of a module.
func (d device) function(kernel string) cu.Function {
	d.t.Helper()
	m, err := cu.LoadData("primer: kernels of the emulator\n.text." + kernel + "\nend")
	d.check(err)
	f, err := m.Function(kernel)
	d.check(err)
	d.t.Cleanup(func() { _ = m.Unload() }) // may be refused after a failure that sticks
	return f
}

func (d device) launch(kernel string, threads int, args plantedArgs) error {
	d.t.Helper()
	return standInLaunch(d.function(kernel), d.stream, 1, threads, 0, unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// The edge of a tensor is the edge of what is accessible: one element too many names kernel and thread (or, where an allocation
// does not end with its page, kernel and allocation), and sticks.
func TestStandInFindsAccessAtTheEdge(t *testing.T) {
	d := newDevice(t)
	const n, tries = 112, 20
	threads := 0
	for range tries {
		x, y := d.floats(n), d.floats(n)
		d.check(d.launch("planted_edge", 128, plantedArgs{uintptr(x), uintptr(y), n, 0}))
		d.check(d.stream.Synchronize())
		for i, v := range d.read(y, n) {
			if v != float32(i+2) {
				t.Fatalf("element %d is %v", i, v)
			}
		}
		early := d.launch("planted_edge", 128, plantedArgs{uintptr(x), uintptr(y), n, 1}) // at times it runs at once
		late, failure := d.stream.Synchronize(), standInFailure()
		if (early == nil && late == nil) || failure == nil {
			t.Fatal("one element too many went unseen")
		}
		for _, want := range []string{"planted_edge", "behind the end of an allocation of 448 bytes"} {
			if !strings.Contains(failure.Error(), want) {
				t.Errorf("%v does not say %q", failure, want)
			}
		}
		if strings.Contains(failure.Error(), "thread (112,0,0)") {
			threads++
		}
		if _, err := cu.MemAlloc(4); err == nil {
			t.Error("the failure does not stick")
		}
		standInClear()
		d.check(cu.MemFree(x))
		if strings.Contains(failure.Error(), "no access") {
			d.check(cu.MemFree(y))
		} else if cu.MemFree(y) == nil {
			t.Error("what is beside it was overwritten, and freeing did not say so")
		} else {
			standInClear()
		}
	}
	if threads < tries/2 {
		t.Errorf("%d of %d messages name the thread", threads, tries)
	}
}

// A host that does not wait reads what was there before.
func TestStandInIsLate(t *testing.T) {
	d := newDevice(t)
	const n = 128
	x, y := d.floats(n), d.floats(n)
	host := standInPinned(4 * n)
	pinned := unsafe.Slice((*byte)(host), 4*n)
	early, tries := 0, 40
	for range tries {
		for i := range pinned {
			pinned[i] = 0
		}
		d.check(d.launch("planted_deadlock", n, plantedArgs{uintptr(x), uintptr(y), n, 0}))
		d.check(cu.MemcpyDtoHAsync(host, y, 4*n, d.stream))
		if math.Float32frombits(binary.NativeEndian.Uint32(pinned)) != 1 {
			early++
		}
		d.check(d.stream.Synchronize())
		if got := math.Float32frombits(binary.NativeEndian.Uint32(pinned)); got != 1 {
			t.Fatalf("after waiting the first element is %v", got)
		}
	}
	if early < tries/2 {
		t.Errorf("%d of %d reads that did not wait were too early", early, tries)
	}
	if !standInPinnedFree(host) {
		t.Error("pinned memory is not freed")
	}
	d.check(cu.MemFree(x))
	d.check(cu.MemFree(y))
}

// Memory that was freed, memory that was never written, and the allocation that is to fail.
func TestStandInMemory(t *testing.T) {
	d := newDevice(t)
	p, err := cu.MemAlloc(4 * 100)
	d.check(err)
	for i, v := range d.read(p, 100) {
		if v == v {
			t.Fatalf("element %d of new memory is %v", i, v)
		}
	}
	d.check(cu.MemFree(p))
	if err := cu.MemFree(p); err == nil {
		t.Error("freed twice")
	}
	standInFailAllocation(2, 1)
	a, err := cu.MemAlloc(8)
	d.check(err)
	if _, err := cu.MemAlloc(8); err == nil {
		t.Error("the second allocation did not fail")
	}
	b, err := cu.MemAlloc(8)
	d.check(err)
	d.check(cu.MemFree(a))
	d.check(cu.MemFree(b))

	x := d.floats(128)
	d.check(cu.MemFree(x))
	y := d.floats(128)
	early := d.launch("planted_deadlock", 128, plantedArgs{uintptr(x), uintptr(y), 128, 0})
	if err := errors.Join(early, d.stream.Synchronize()); err == nil || !strings.Contains(standInFailure().Error(), "of a freed allocation") {
		t.Errorf("a kernel read freed memory: %v, %v", err, standInFailure())
	}
	standInClear()
	d.check(cu.MemFree(y))
}

// Calls without a context, and launches that no device takes.
func TestStandInRefuses(t *testing.T) {
	d := newDevice(t)
	x := d.floats(128)
	f := d.function("planted_edge")
	args := plantedArgs{uintptr(x), uintptr(x), 128, 0}
	for _, c := range []struct {
		blocks, threads, shared int
		size                    uintptr
	}{{0, 128, 0, 24}, {1, 129, 0, 24}, {1, 0, 0, 24}, {1, 128, 49 << 10, 24}, {1, 128, 0, 16}} {
		if err := standInLaunch(f, d.stream, c.blocks, c.threads, c.shared, unsafe.Pointer(&args), c.size); err == nil {
			t.Errorf("launched %+v", c)
		}
	}
	if _, err := cu.LoadData("something else"); err == nil {
		t.Error("loaded an image that NVRTC did not make")
	}
	if err := cu.MemcpyHtoD(x, unsafe.Pointer(&args), 4*129); err == nil {
		t.Error("copied past the end")
	}
	standInClear()
	d.check(cu.MemFree(x))
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread goes with its context
		_ = cu.SetCurrentContext(cu.CUContext{})
		_, err := cu.MemAlloc(4)
		done <- err
	}()
	if err := <-done; err == nil {
		t.Error("allocated without a context")
	}
}

// The stand-in's NVRTC knows the kernels of the sources, and no others; it looks for headers.
func TestStandInCompiler(t *testing.T) {
	n, err := openNVRTC(12040)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"planted.cu", "#include \"prims.cuh\"\n// KERNEL(none, in a comment\nKERNEL(planted_edge, planted_args, 128, 1) {", ""},
		{"planted.cu", "KERNEL(planted_none, planted_args, 128, 1) {", "planted_none"},
		{"other.cu", "KERNEL(planted_edge, planted_args, 128, 1) {", "planted_edge of other.cu"},
		{"planted.cu", "#include \"other.cuh\"\n", "other.cuh"},
		{"other.cu", "", "no kernel of other.cu"},
	} {
		image, _, err := n.compile(c.name, c.text, map[string]string{"prims.cuh": ""}, []string{"--gpu-architecture=sm_90a"})
		if c.want == "" {
			if err != nil || !strings.Contains(string(image), "planted_edge\n") {
				t.Errorf("%q: %v, %v", image, err, c)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v", c, err)
		}
	}
}
