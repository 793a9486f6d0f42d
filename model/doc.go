// Package model is one definition of the Llama and Mistral family: its configuration, its parameters, the memory it needs,
// its forward pass for training, evaluation and generation, and its backward pass. It computes nothing itself: every
// number comes from a kernels.Backend.
//
// Where to begin: OpenTrainer for a model that learns, Open for one that scores or generates, both on a backend of
// kernels/device. Configuration and weights come from package model/hf, text out of a model is model/generate's; optimizer,
// data and checkpoints around the steps are package train's.
//
// Reading order: config.go (what a model is), layers.go and params.go (what that means layer by layer and tensor by
// tensor), weights.go (where the parameters live), layout.go and plan.go (every buffer of a run), trainer.go, forward.go, loss.go
// and backward.go (a step of training), score.go (evaluation), infer.go and step.go (generation).
//
// Shapes follow the legend of package kernels: N rows of a ragged batch, C hidden, F intermediate, V vocabulary, H query
// heads, K key heads, D head_dim, R = H + 2K.
package model
