package records

import (
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	for range 3 {
		b := time.Now()
		n := 0
		for _, err := range Read("/tmp/pq/big.parquet", Options{}, nil) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		t.Log(n, time.Since(b))
	}
}
