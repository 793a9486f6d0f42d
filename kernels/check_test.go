package kernels

import (
	"testing"
)

func at(addr uintptr, t DType, dims ...int64) Tensor {
	out := ShapeOf(t, dims...)
	out.Addr = addr
	return out
}

func goodNorm() RMSNormArgs {
	return RMSNormArgs{Out: at(0x1000, F32, 2, 3), X: at(0x2000, BF16, 2, 3), W: at(0x3002, BF16, 3), Eps: 1e-5}
}

func caught(f func()) (err *ShapeError) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(*ShapeError)
		}
	}()
	f()
	return nil
}

func TestCheckRefusesTheCallersBugs(t *testing.T) {
	if err := caught(func() { goodNorm().Check() }); err != nil {
		t.Fatalf("good arguments: %v", err)
	}
	for name, spoil := range map[string]func(a *RMSNormArgs){
		"absent":             func(a *RMSNormArgs) { a.Out = Tensor{} },
		"shape":              func(a *RMSNormArgs) { a.Out = at(0x1000, F32, 2, 4) },
		"rank":               func(a *RMSNormArgs) { a.X = at(0x2000, F32, 6) },
		"dtype":              func(a *RMSNormArgs) { a.W = at(0x3000, I32, 3) },
		"f64 without leave":  func(a *RMSNormArgs) { a.W = at(0x3000, F64, 3) },
		"alignment":          func(a *RMSNormArgs) { a.Out = at(0x1002, F32, 2, 3) },
		"alias":              func(a *RMSNormArgs) { a.Out = at(0x2004, F32, 2, 3) },
		"residual alone":     func(a *RMSNormArgs) { a.Residual = at(0x4000, BF16, 2, 3) },
		"partial sum alias":  func(a *RMSNormArgs) { a.Sum = at(0x2002, BF16, 2, 3) },
		"dtype of the sum":   func(a *RMSNormArgs) { a.Sum = at(0x4000, F32, 2, 3) },
		"negative epsilon":   func(a *RMSNormArgs) { a.Eps = -1 },
		"statistics in bf16": func(a *RMSNormArgs) { a.Rstd = at(0x5000, BF16, 2) },
	} {
		a := goodNorm()
		spoil(&a)
		if err := caught(func() { a.Check() }); err == nil || err.Op != "rmsnorm" {
			t.Errorf("%s: got %v, want a ShapeError of rmsnorm", name, err)
		}
	}
	wide := goodNorm()
	wide.W = at(0x3000, F64, 3)
	if err := caught(func() { wide.Check(F64) }); err != nil {
		t.Errorf("F64 for the reference: %v", err)
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	a := goodNorm()
	if n := testing.AllocsPerRun(100, func() { a.Check() }); n != 0 {
		t.Errorf("%v allocations a check", n)
	}
}
