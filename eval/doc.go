// Package eval measures models: multiple choice by log-likelihood, perplexity, log-probabilities of given continuations, and
// the synthesizer's pairs against gold. How a text becomes context and continuation is the evaluation harness's rule
// (lm-evaluation-harness 0.4), so that numbers can be compared; scores state whether BOS was put in front.
package eval
