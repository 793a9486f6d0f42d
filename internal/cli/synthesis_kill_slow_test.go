//go:build slow

package cli

import "testing"

// Thirty kills in six jobs, each at another moment.
func TestManyKillsOfASynthesis(t *testing.T) {
	for seed := range uint64(6) {
		killSynthesis(t, 5, 200+seed)
	}
}
