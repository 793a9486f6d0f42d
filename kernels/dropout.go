package kernels

// Dropout says which random stream an op uses; P = 0 turns it off and Step may be absent.
type Dropout struct {
	P       float32 // probability of dropping
	Purpose Purpose
	Layer   uint32
	Step    Tensor // [4] I64 on the device: seed, step, first sample, first token (global within the step)
}

// Indices into Dropout.Step.
const (
	StepSeed = iota
	StepNumber
	StepSample
	StepToken
	StepLen
)

// DropoutArgs: out[n,c] = x[n,c]/(1−p), or 0 where it is dropped, whatever x was, with the word of element (first token +
// n)·C + c. The backward pass is the same operation on the gradient. Out may alias X.
type DropoutArgs struct {
	Out, X  Tensor // [N,C] F32 or BF16
	Dropout Dropout
}

// DropoutOps drops elements by counter, so that nothing needs to be saved for backward.
type DropoutOps interface{ Dropout(DropoutArgs) }
