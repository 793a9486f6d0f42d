package kernels

// SampleArgs picks a token per row. Temperature 0 is greedy: the first maximum. Otherwise, in this order:
//
//  1. temperature: p = softmax(logits/temperature)
//  2. top-k: keep the TopK most probable tokens (0: all; ties by lower id) and renormalise p over them
//  3. top-p: keep the most probable tokens, as few as have Σ p ≥ TopP (0 or 1: all), p being that of step 2
//  4. min-p: keep those with p ≥ MinP × the largest p
//  5. renormalise, and take the first token in id order whose cumulative probability exceeds the uniform number of (seed,
//     position)
//
// LogProb is the log-softmax of the raw logits at the token, whatever the sampling. A row with a NaN or +Inf, or without a
// finite logit, is a device failure that names the row; a logit of −Inf is never taken. TopP and MinP lie in [0,1].
type SampleArgs struct {
	Tokens      Tensor // [S] I32 out
	LogProbs    Tensor // [S] F32 out
	TopTokens   Tensor // [S,T] I32 out or absent: the T most probable tokens, ties by lower id
	TopLogProbs Tensor // [S,T] F32 out, with TopTokens
	Logits      Tensor // [S,V] F32 or BF16
	Temperature Tensor // [S] F32
	TopK        Tensor // [S] I32
	TopP, MinP  Tensor // [S] F32
	Seeds       Tensor // [S] I64
	Positions   Tensor // [S] I64, position of the sampled token in its sequence
	Work        Tensor // [SamplePlan bytes] U8
}

// SampleOps is sampling with log-probabilities.
type SampleOps interface {
	Sample(SampleArgs)
	SamplePlan(SampleArgs) int64
}
