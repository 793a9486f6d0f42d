package kernels

// SampleArgs picks a token per row. Temperature 0 is greedy: the first maximum. Otherwise, with l = logits/temperature: keep
// the TopK largest (0: all; ties by lower id), then the smallest set of probability ≥ TopP (0 or 1: all), then those with
// probability ≥ MinP × the largest; renormalise, and take the first token in id order whose cumulative probability exceeds the
// uniform number of (seed, position). LogProb is the log-softmax of the raw logits at the token, whatever the sampling. A row
// with a NaN, or without a finite logit, is a device failure that names the row.
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
