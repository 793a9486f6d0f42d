//go:build cuda

package cuda

import (
	"sort"

	"github.com/primer-lm/primer/kernels"
)

// variantInfo is one implementation of an op. Variants of one op with equal bits give the same bits.
type variantInfo struct{ name, bits string }

// table lists the variants of every op, the default first; it is filled by init functions and then only read.
var table = map[string][]variantInfo{}

// registerOp adds an op that has one variant, "sm80": mma.sync and cp.async, on every GPU that Open takes.
func registerOp(op, bits string) { registerVariants(op, variantInfo{"sm80", bits}) }

// registerVariants adds an op with its variants, the default first.
func registerVariants(op string, variants ...variantInfo) {
	if _, twice := table[op]; twice || len(variants) == 0 {
		panic("cuda: " + op + " is registered twice or has no variant")
	}
	table[op] = variants
}

// pick returns the name of the variant of op that is in use: the forced one, else the default.
func (b *Backend) pick(op string) string {
	variants, ok := table[op]
	if !ok {
		panic("cuda: pick: no op " + op)
	}
	want := kernels.Forced(op)
	for _, v := range variants {
		if v.name == want {
			return want
		}
	}
	return variants[0].name
}

// Variants lists the variants of every op, by name.
func (b *Backend) Variants() []kernels.Variant {
	var out []kernels.Variant
	for op, variants := range table {
		inUse := b.pick(op)
		for _, v := range variants {
			out = append(out, kernels.Variant{Op: op, Name: v.name, Available: true, InUse: v.name == inUse, Bits: v.bits})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Op < out[j].Op })
	return out
}
