// Package ref computes every op of package kernels in scalar float64: the slow reference that stays for ever and that every
// fast backend is compared with. Each op reads its inputs as float64, follows the contract's formula literally and rounds
// once where it stores. Activations and weights may be F64 here, which makes finite differences exact enough to check each
// backward pass.
//
// Two things are not float64. Where the contract says that products are BF16, the factors are rounded to BF16 first; and with
// Options.Ordered the matrix products run in the contract's order of float32 operations, so that other backends can be
// compared with them bit by bit.
//
// Operations run at once, on the caller's goroutine. Every allocation stands alone between two pages that fault.
package ref
