//go:build slow

package cli

import "testing"

// Forty kills in eight runs, each at another moment.
func TestManyKills(t *testing.T) {
	for seed := range uint64(8) {
		killAndGoOn(t, 5, 100+seed)
	}
}
