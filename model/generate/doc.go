// Package generate turns a model into text: batched generation over a paged KV cache, greedy or sampled, and scoring of
// given continuations. Requests of many goroutines are computed together, one ragged batch a step, each sequence adding a
// chunk of its prompt or one new token; what a request gets does not depend on what else is in the batch.
//
// Where to begin: New makes an Engine of a model that was opened with a PageSize, and any number of goroutines call its
// Generate and Score. Batched scores without a cache, also on a model that is being trained. Prompts and results are tokens;
// texts are package tokenizer's.
//
// Reading order: request.go (what can be asked), engine.go (handing over), loop.go (putting a step together), ahead.go (the step
// behind it), sequence.go (one request under way), pool.go (pages of the cache), score.go. Steps, and how tokens are drawn, are
// package model's (step.go).
package generate
