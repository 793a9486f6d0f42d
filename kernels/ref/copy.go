package ref

import "github.com/primer-lm/primer/kernels"

// Copy copies, converts or adds:
//
//	dst[i] = x[i], or dst[i] += x[i] with Accumulate
func (b *Backend) Copy(a kernels.CopyArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		if a.Dst.Type == a.X.Type && !a.Accumulate {
			copy(a.Dst.HostBytes(), a.X.HostBytes())
			return nil
		}
		sum := start(a.Dst, a.Accumulate)
		for i, v := range load(a.X) {
			if a.Accumulate {
				v += sum[i]
			}
			sum[i] = v
		}
		store(a.Dst, sum)
		return nil
	})
}

// Fill sets every element:
//
//	dst[i] = Value
func (b *Backend) Fill(a kernels.FillArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		for i := range a.Dst.Len() {
			switch a.Dst.Type {
			case kernels.I32:
				a.Dst.HostI32()[i] = int32(a.Value)
			case kernels.I64:
				a.Dst.HostI64()[i] = int64(a.Value)
			case kernels.U8:
				a.Dst.HostU8()[i] = uint8(a.Value)
			default:
				put(a.Dst, i, a.Value)
			}
		}
		return nil
	})
}
