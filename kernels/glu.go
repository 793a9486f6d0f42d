package kernels

// Activation is the gate's nonlinearity.
type Activation uint8

// The activations: SiLU x·σ(x); GELUTanh is the tanh approximation ("gelu_pytorch_tanh"); ReLU max(x, 0).
const (
	SiLU Activation = iota
	GELUTanh
	ReLU
)

// GLUArgs: out[n,f] = act(gateup[n,f]) · gateup[n,F+f] (Shazeer 2020).
type GLUArgs struct {
	Out    Tensor // [N,F] F32 or BF16
	GateUp Tensor // [N,2F] gate first
	Act    Activation
}

// GLUBackwardArgs: dgateup from dout; DGateUp may alias GateUp.
type GLUBackwardArgs struct {
	DGateUp Tensor // [N,2F]
	DOut    Tensor // [N,F]
	GateUp  Tensor // [N,2F]
	Act     Activation
}

// GLUOps is the gated linear unit.
type GLUOps interface {
	GLU(GLUArgs)
	GLUBackward(GLUBackwardArgs)
}
