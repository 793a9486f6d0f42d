// Package eval measures models: multiple choice by log-likelihood, perplexity, log-probabilities of given continuations, and
// the synthesizer's pairs against gold. How a text becomes context and continuation is the evaluation harness's rule
// (lm-evaluation-harness 0.4), so that numbers can be compared; scores state whether BOS was put in front.
//
// Where to begin: an Encoder (tokenizer, BOS, window) makes requests of texts and a Scorer answers them: a *generate.Engine, or
// a generate.Batched over any model. MultipleChoice, Perplexity and ScoreLines take the two; PairQuality takes what a
// synth.Synthesizer wrote. The means and their errors are package metric's.
package eval
