// Package kernels is the contract between the model and the devices it runs on: one file per op with its arguments,
// shapes, maths, order of summation, aliasing and determinism. It holds no kernel. kernels/ref computes every op in scalar
// float64, kernels/cpu in C, kernels/cuda on a GPU; kernels/kerneltest holds all of them to what is written here.
//
// Where to begin: tensor.go and backend.go, then one op, linear.go, which the example computes. A program gets a Backend from
// kernels/device, takes Memory of it, views the memory as Tensors, issues ops and waits in Read or Sync.
//
// Shape legend, used in every comment of the project:
//
//	N  rows of a ragged batch: tokens of all documents, one after another, without padding
//	S  documents (training) or sequences (generation) in the batch
//	C  hidden_size            F  intermediate_size       V  vocab_size
//	H  num_attention_heads    K  num_key_value_heads     D  head_dim        R = H + 2K, the heads of a packed q,k,v row
//	O  out_features           I  in_features of a linear layer
//	P  rows of the rope table (positions)                B  elements of an optimizer block (1,024)
//
// Rules that hold for every op:
//
//   - Operations are issued in order on the backend's queue and return nothing. The first failure sticks, names its op and
//     shapes, and comes back from Sync; later operations are skipped. A result is there after Sync, or comes by Read or a
//     Readback; what Write was given is the host's again when it returns.
//   - Arguments are passed by value. A zero field turns its feature off. A wrong shape or dtype is the caller's bug and
//     panics with a ShapeError; a combination that a backend cannot do panics likewise, it is never approximated.
//   - A tensor is contiguous and row-major. Base addresses may be 2-byte aligned where the dtype is BF16 or F16 and 4-byte
//     aligned otherwise (weights may lie in a mapped file); what a backend allocates is 64-byte aligned.
//   - Outputs never alias inputs unless the op says so. Bytes outside an output are never written.
//   - Bits do not depend on the number of threads, and a row's bits do not depend on how many rows stand beside it.
//   - Masked or foreign elements are never read into a sum: 0 × NaN is NaN. What dropout drops is no such element: it is a
//     factor of exactly 0 of something that may be read (the Dropout op alone promises zeros).
//   - Denormals: a backend may take any denormal operand as zero, in comparisons too, and may give a zero of either sign where a
//     result would be denormal; it does the same whatever the threads, the rows beside and the variants of equal Bits. What only
//     moves or converts (Embed, Copy without Accumulate, PagedWrite) keeps denormals. Products of type BF16 must take them as zero.
//   - No rows (N = 0, S = 0, length 0) is not an error: row outputs stay empty and sums over rows are 0, or stay as they were
//     with Accumulate.
//   - Gradient outputs have an Accumulate flag: false overwrites, true adds to what is there.
//   - What changes between steps (seed, step, rates, lengths, page tables) is read from device tensors, so that a captured
//     graph stays right; what stays the same between steps is in the args struct.
//   - Statistics (log-sum-exp, reciprocal deviations, losses) are F32 whatever the dtype of the activations.
package kernels
