// Package train trains a model: AdamW with float32 master weights, warm-up and cosine decay, gradient clipping and
// accumulation, over batches that any Source makes. Tuning the synthesizer, pre-training from scratch and continual
// pre-training differ only in the recipe and in the source.
//
// A run lives in a directory (train/rundir): the resolved configuration, one line of metrics a step, TensorBoard events,
// checkpoints. A checkpoint is a Hugging Face folder plus the training state, keyed by Hugging Face names and logical
// shapes. A run that was killed at any moment goes on from its newest valid checkpoint to the same losses, bit for bit:
// the batch of a step, its learning rate and all its randomness are functions of the configuration and the step alone.
//
// Where to begin: FindRecipe gives a Config to start from, Packed or Ragged a Source of a mixture of texts (data/mix), and
// Job.Run makes the run. Loop is the same training without the directory.
package train
