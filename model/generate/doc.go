// Package generate turns a model into text: batched generation over a paged KV cache, greedy or sampled, and scoring of
// given continuations. Requests of many goroutines are computed together, one ragged batch a step, each sequence adding a
// chunk of its prompt or one new token; what a request gets does not depend on what else is in the batch,
// on chunks, on what is found in the cache, nor on giving its pages away meanwhile: on the CPU bit for bit.
//
// Where to begin: New makes an Engine of a model that was opened with a PageSize, and any number of goroutines call its
// Generate and Score. Batched scores without a cache, also on a model that is being trained. Prompts and results are tokens;
// texts are package tokenizer's.
//
// Reading order: request.go (what can be asked), check.go, engine.go (handing over), loop.go (round after round), queue.go and grow.go
// (who has pages), plan.go (putting a step together), ahead.go (the step behind it), sequence.go (one request under way), stop.go
// (where it ends, and what can be told of it meanwhile), edits.go (penalties), pool.go (pages of the cache), score.go, batched.go.
// Steps, and how tokens are drawn, are package model's (step.go, draw.go).
package generate
