//go:build cuda

package cuda

import "github.com/primer-lm/primer/kernels"

func init() {
	registerOp("clip", "f64")
	registerOp("adamw", "f32, fused multiply-add")
}

// clipArgs is struct clip_args of optimizer.cu, adamwArgs struct adamw_args.
type clipArgs struct {
	clip, sumsq, loss, failures uintptr
	maxNorm                     float32
	_                           int32
}
type adamwArgs struct {
	master, shadow, grad, m, v, decay, hyper, clip, step, failures uintptr
	blocks, first                                                  int64
	beta1, rest1, beta2, rest2, eps, weightDecay                   float32
}

const (
	adamwThreads = 256 // of an optimizer block, as in optimizer.cu
	adamwBlocks  = 20  // for each multiprocessor: whole waves of the 5 (f32 moments) or 4 that it runs at once
)

// Clip turns the sum of squares into the gradients' factor.
func (b *Backend) Clip(a kernels.ClipArgs) {
	a.Check()
	args := clipArgs{clip: addr(a.Clip), sumsq: addr(a.SumSquares), loss: addr(a.Loss), failures: b.failures, maxNorm: a.MaxNorm}
	launch(b, "clip", "clip_f64", dims{1, 1, 1}, 1, 0, &args)
}

// AdamW updates all parameters.
func (b *Backend) AdamW(a kernels.AdamWArgs) {
	a.Check()
	args := adamwArgs{
		master: addr(a.Master), shadow: addr(a.Shadow), grad: addr(a.Grad), m: addr(a.M), v: addr(a.V), decay: addr(a.Decay),
		hyper: addr(a.Hyper), clip: addr(a.Clip), step: addr(a.Step), failures: b.failures, blocks: a.Master.Len() / kernels.Block, first: a.First,
		beta1: a.Beta1, rest1: float32(1 - float64(a.Beta1)), beta2: a.Beta2, rest2: float32(1 - float64(a.Beta2)),
		eps: a.Eps, weightDecay: a.WeightDecay,
	}
	grid := min(args.blocks, int64(b.multiprocessors)*adamwBlocks)
	launch(b, "adamw", "adamw"+suffix(a.M), dims{int(grid), 1, 1}, adamwThreads, 0, &args)
}
