package ref

import "github.com/primer-lm/primer/kernels"

// Dropout drops elements by counter, t0 being the first token of the batch:
//
//	out[n,c] = word((t0+n)·C + c) < threshold(p) ? 0 : x[n,c]/(1−p)
func (b *Backend) Dropout(a kernels.DropoutArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		x, drop := load(a.X), newDropper(a.Dropout)
		for i := range x {
			if keep := drop.element(uint64(i), uint64(a.X.Dim(1))); keep == 0 {
				x[i] = 0 // also where x is NaN: what is dropped is not read
			} else {
				x[i] *= keep
			}
		}
		store(a.Out, x)
		return nil
	})
}

// dropper yields the factors of one dropout stream: 0 or 1/(1−p), always 1 when p is 0.
type dropper struct {
	keep          float64
	threshold     uint32
	key           kernels.Key
	sample, token uint64
}

func newDropper(d kernels.Dropout) dropper {
	if d.P == 0 {
		return dropper{keep: 1}
	}
	step := d.Step.HostI64()
	return dropper{
		keep: 1 / (1 - float64(d.P)), threshold: kernels.DropThreshold(d.P),
		key:    kernels.Subkey(uint64(step[kernels.StepSeed]), d.Purpose, uint64(step[kernels.StepNumber]), d.Layer),
		sample: uint64(step[kernels.StepSample]), token: uint64(step[kernels.StepToken]),
	}
}

func (d dropper) factor(word uint32) float64 {
	if word < d.threshold {
		return 0
	}
	return d.keep
}

func (d dropper) element(i, dim uint64) float64 {
	if d.threshold == 0 {
		return d.keep
	}
	return d.factor(kernels.Element(d.key, d.token*dim+i))
}

func (d dropper) attention(s, h, i, j int) float64 {
	if d.threshold == 0 {
		return d.keep
	}
	return d.factor(kernels.AttentionElement(d.key, uint32(d.sample)+uint32(s), uint32(h), uint32(i), uint32(j)))
}
