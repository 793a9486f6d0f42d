//go:build cuda

package cuda

import (
	"slices"
	"sort"

	"github.com/primer-lm/primer/kernels"
)

// variantInfo is one implementation of an op. Variants of one op with equal bits give the same bits.
type variantInfo struct {
	name, bits string
	hopper     bool // for compute capability 9.0 only
}

// table lists the variants of every op, the default first; it is filled by init functions and then only read.
var table = map[string][]variantInfo{}

// registerOp adds an op that has one variant, "sm80": mma.sync and cp.async, on every GPU that Open takes.
func registerOp(op, bits string) { registerVariants(op, variantInfo{name: "sm80", bits: bits}) }

// registerVariants adds an op with its variants: the default is the first that the GPU runs, the last runs on all.
func registerVariants(op string, variants ...variantInfo) {
	if _, twice := table[op]; twice || len(variants) == 0 {
		panic("cuda: " + op + " is registered twice or has no variant")
	}
	table[op] = variants
}

// runs says whether this GPU runs a variant.
func (g *gpu) runs(v variantInfo) bool { return !v.hopper || g.capability == 90 }

// pick returns the name of the variant of op that is in use: the forced one, else the default.
func (b *Backend) pick(op string) string {
	variants, ok := table[op]
	if !ok {
		panic("cuda: pick: no op " + op)
	}
	want := kernels.Forced(op)
	for _, v := range variants {
		if v.name == want && b.runs(v) {
			return want
		}
	}
	return variants[slices.IndexFunc(variants, b.runs)].name
}

// Variants lists the variants of every op, by name.
func (b *Backend) Variants() []kernels.Variant {
	var out []kernels.Variant
	for op, variants := range table {
		inUse := b.pick(op)
		for _, v := range variants {
			out = append(out, kernels.Variant{Op: op, Name: v.name, Available: b.runs(v), InUse: v.name == inUse, Bits: v.bits})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Op < out[j].Op })
	return out
}
