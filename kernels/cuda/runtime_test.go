//go:build cuda

package cuda

import (
	"errors"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// A launch that cannot be is an error that names op and kernel; nothing is launched after it, and all is well after Sync.
func TestFailedLaunches(t *testing.T) {
	b := opened(t)
	x := newMatrix(t, b, kernels.F32, 1, 4, 4)
	zero := func() { b.zero("zero", x.Tensor) }
	args := linearBiasArgs{failures: b.failures}
	for want, issue := range map[string]func(){
		"no .cu file has a kernel nothing": func() { launch(b, "op_name", "nothing", dims{1, 1, 1}, 32, 0, &args) },
		"wants 1073741824 bytes":           func() { launch(b, "op_name", "linear_bias", dims{1, 1, 1}, 32, 1<<30, &args) },
		"launching linear_bias":            func() { launch(b, "op_name", "linear_bias", dims{1, 1, 1}, 4096, 0, &args) },
	} {
		issue()
		zero()
		if err := b.Read(make([]byte, 64), x.Tensor); err == nil {
			t.Errorf("%s: Read says nothing", want)
		}
		err := b.Sync()
		if !errors.Is(err, kernels.ErrDevice) || !strings.Contains(err.Error(), "op_name") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if err := b.Sync(); err != nil {
			t.Errorf("%s: a second Sync: %v", want, err)
		}
		x.check(t, b, "after a failure", x.v)
	}
	launch(b, "op_name", "nothing", dims{0, 1, 1}, 32, 0, &args) // nothing to launch
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
}

// What a kernel reports comes back once, with row and value.
func TestReportedFailures(t *testing.T) {
	b := opened(t)
	for code, want := range map[byte]string{
		failEmbedToken: "embed: row 258: token -1 outside", failTarget: "cross_entropy: row 258: target -1", failSlot: "row 258: slot -1",
		failSampleRow: "row 258 has a NaN", failPagedTable: "sequence 258", 99: "unknown failure 99",
	} {
		mem := &kernels.Memory{Addr: b.failures, Size: failureBytes}
		raw := make([]byte, failureBytes)
		raw[0], raw[8], raw[9] = code, 2, 1
		for i := 16; i < 24; i++ {
			raw[i] = 0xff
		}
		b.Write(kernels.NewTensor(mem, 0, kernels.U8, failureBytes), raw)
		err := b.Sync()
		if !errors.Is(err, kernels.ErrDevice) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "%!") {
			t.Errorf("code %d: %v, want %q", code, err, want)
		}
		if err := b.Sync(); err != nil {
			t.Errorf("code %d: a second Sync: %v", code, err)
		}
	}
}

// No launch and no product allocates, once its kernel or its algorithm is there.
func TestLaunchesDoNotAllocate(t *testing.T) {
	b := opened(t)
	y, x, w := newMatrix(t, b, kernels.F32, 1, 3, 4), newMatrix(t, b, kernels.F32, 2, 3, 5), newMatrix(t, b, kernels.F32, 3, 4, 5)
	bias := newMatrix(t, b, kernels.F32, 4, 1, 4)
	a := kernels.LinearArgs{Y: y.Tensor, X: x.Tensor, Bias: bias.Reshape(4), W: kernels.Weight{Tensor: w.Tensor, O: 4, I: 5, Type: kernels.F32}}
	n := testing.AllocsPerRun(20, func() { b.Linear(a) })
	if err := b.Sync(); err != nil || n > 0 {
		t.Errorf("%v allocations a product with a bias, %v", n, err)
	}
}

// A captured graph runs nothing when it is captured and everything each time that it is launched.
func TestGraph(t *testing.T) {
	b := opened(t)
	y, x, w := newMatrix(t, b, kernels.F32, 1, 2, 3), newMatrix(t, b, kernels.F32, 2, 2, 4), newMatrix(t, b, kernels.F32, 3, 3, 4)
	weight := kernels.Weight{Tensor: w.Tensor, O: 3, I: 4, Type: kernels.F32}
	issue := func() { b.Linear(kernels.LinearArgs{Y: y.Tensor, X: x.Tensor, W: weight, Accumulate: true}) }
	want := y.v
	step := func() { want = product(2, 3, 4, x.at, w.at, func(i, j int64) float64 { return want[i*3+j] }) }
	issue()
	step()
	g, err := b.Capture(issue)
	if err != nil {
		t.Fatal(err)
	}
	y.check(t, b, "after capturing", want)
	for range 3 {
		g.Launch()
		step()
	}
	y.check(t, b, "after three launches", want)
	g.Close()
	g.Close()
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
	late, err := b.OpenReadback(x.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	for name, bad := range map[string]func(){
		"fetched":   func() { late.Fetch(x.Tensor) },
		"written":   func() { b.Write(x.Tensor, make([]byte, x.Bytes())) },
		"freed":     func() { b.Free(&kernels.Memory{}) },
		"allocated": func() { mustNot(b.Alloc(kernels.MemCache, 8)) },
		"waited":    func() { mustNot(0, b.Sync()) },
	} {
		if name == "freed" {
			mem, err := b.Alloc(kernels.MemCache, 8)
			if err != nil {
				t.Fatal(err)
			}
			bad = func() { b.Free(mem) }
		}
		g, err := b.Capture(bad)
		if name == "written" || name == "freed" || name == "fetched" {
			if !errors.Is(err, kernels.ErrDevice) {
				t.Errorf("%s within a capture: %v", name, err)
			}
		} else if err != nil {
			t.Errorf("%s within a capture is refused there, not after: %v", name, err)
		} else {
			g.Close()
		}
		if err := b.Sync(); err != nil {
			t.Errorf("%s: after the capture: %v", name, err)
		}
		if name != "fetched" {
			continue
		}
		if _, err := late.Wait(); !errors.Is(err, kernels.ErrDevice) {
			t.Errorf("waiting for what was fetched within a capture: %v, want kernels.ErrDevice", err)
		}
	}
}

func mustNot[T any](_ T, err error) {
	if err == nil {
		panic("no error within a capture")
	}
}

func TestPeaks(t *testing.T) {
	b := opened(t)
	before := b.Usage().Now
	p, err := b.MeasurePeaksOf(16, 16, 4096)
	if err != nil || !(p.GEMM32 > 0 && p.GEMM16 > 0 && p.Copy > 0) {
		t.Errorf("measured %+v, %v", p, err)
	}
	if now := b.Usage().Now; now != before {
		t.Errorf("%v bytes are held after measuring, %v before", now, before)
	}
}
