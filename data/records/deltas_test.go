package records

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/delta"
)

// The walk sees the same numbers as the library wrote, and ends where the list does.
func TestDeltasAsWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 31, 32, 33, 128, 129, 130, 1000} {
		for bits := range 32 {
			want := make([]int32, n)
			for i := range want {
				want[i] = int32(rng.Uint32() >> (31 - bits) >> 1)
			}
			b, err := new(delta.BinaryPackedEncoding).EncodeInt32(nil, want)
			if err != nil {
				t.Fatal(err)
			}
			d, err := deltaHead(append(b, "behind"...), int64(n))
			if err != nil || d.values != n {
				t.Fatalf("%d values: head of %d, %v", n, d.values, err)
			}
			err = d.each(func(i int, v int32) error {
				if v != want[i] {
					t.Errorf("%d values of %d bits: value %d is %d, not %d", n, bits, i, v, want[i])
				}
				return nil
			})
			if err != nil || !bytes.Equal(d.b, []byte("behind")) {
				t.Errorf("%d values of %d bits: %v, %d bytes left", n, bits, err, len(d.b))
			}
		}
	}
}
