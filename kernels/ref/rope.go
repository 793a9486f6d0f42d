package ref

import "github.com/primer-lm/primer/kernels"

// Rope rotates pairs (j, j+D/2) of the query and key heads by the angle of the row's position (rotate-half):
//
//	a, b = qkv[n,h,j], qkv[n,h,j+D/2];  sin = −sin if Inverse
//	qkv[n,h,j] = a·cos[p,j] − b·sin[p,j];  qkv[n,h,j+D/2] = b·cos[p,j] + a·sin[p,j]
func (b *Backend) Rope(a kernels.RopeArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		positions := a.Positions.HostI32()
		if err := inside("rope", "position", positions, a.Cos.Dim(0)); err != nil {
			return err
		}
		heads, dim := int(a.QKV.Dim(1)), int(a.QKV.Dim(2))
		half := dim / 2
		qkv, cos, sin := load(a.QKV), load(a.Cos), load(a.Sin)
		for n, p := range positions {
			for h := range int(a.Heads) {
				row := qkv[(n*heads+h)*dim:][:dim]
				for j := range half {
					x, y, c, s := row[j], row[j+half], cos[int(p)*half+j], sin[int(p)*half+j]
					if a.Inverse {
						s = -s
					}
					row[j], row[j+half] = x*c-y*s, y*c+x*s
				}
			}
			// Value heads are not touched, not even to be converted to and fro: a NaN keeps its bits.
			width := int64(heads * dim)
			for k := range a.Heads * int64(dim) {
				put(a.QKV, int64(n)*width+k, qkv[int64(n)*width+k])
			}
		}
		return nil
	})
}
