// Package generate turns a model into text: batched generation over a paged KV cache, greedy or sampled, and scoring of
// given continuations. Requests of many goroutines are computed together, one ragged batch a step, each sequence adding a
// chunk of its prompt or one new token; what a request gets does not depend on what else is in the batch.
package generate
