//go:build !cuda

// Package cuda is the CUDA device. It is built with tag cuda only; without it Open says so.
package cuda

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// Built says whether this binary can use CUDA devices.
const Built = false

// Open fails: this binary was built without CUDA.
func Open(device int) (kernels.Backend, error) {
	return nil, fmt.Errorf("%w: cuda:%d: this binary was built without CUDA; build with -tags cuda, or use another device", kernels.ErrNoDevice, device)
}
