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
//
// A row whose Given is a token takes that token, whatever its settings and edits; −1 draws one.
//
// With edits a row draws from other logits than the raw ones. Of row s they are e in EditOffsets[s] to EditOffsets[s+1]−1, each of
// another token t = EditTokens[e], whose logit l becomes, in the dtype of Logits,
//
//	l < 0 ? l·EditFactors[e] : l / EditFactors[e],  then + EditAdds[e]
//
// Factors are finite and above 0; an addend of −Inf forbids the token. Edited logits must be as raw ones must. Given and edited
// tokens outside the vocabulary, and offsets that do not rise from 0 to E or less, are device failures that name the row.
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
	Given       Tensor // [S] I32 or absent: every row draws
	EditOffsets Tensor // [S+1] I32 or absent, with all three below; Logits is F32 then
	EditTokens  Tensor // [E] I32
	EditFactors Tensor // [E] F32
	EditAdds    Tensor // [E] F32
	Work        Tensor // [SamplePlan bytes] U8
}

// SampleOps is sampling with log-probabilities.
type SampleOps interface {
	Sample(SampleArgs)
	SamplePlan(SampleArgs) int64
}
