package mine

// draw is a counter-based generator over a key of (seed, document, purpose): choices
// for one purpose say nothing about another, and there is no state to keep.
type draw struct{ key, n uint64 }

// finish is the finaliser of splitmix64.
func finish(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func drawOf(seed uint64, parts ...string) *draw {
	h := finish(seed)
	for _, p := range parts {
		for i := range len(p) { // 64-bit FNV-1a
			h = (h ^ uint64(p[i])) * 0x100000001b3
		}
		h = finish(h ^ uint64(len(p)))
	}
	return &draw{key: h}
}

// below is a number from 0 to n-1. The bias, n/2⁶⁴, is nothing here.
func (d *draw) below(n int) int {
	d.n++
	return int(finish(d.key^finish(d.n)) % uint64(n))
}

// some gives k of the numbers below n, in order.
func (d *draw) some(k, n int) []int {
	taken := make([]bool, n)
	for j := n - min(k, n); j < n; j++ { // Floyd's sampling
		if i := d.below(j + 1); !taken[i] {
			taken[i] = true
		} else {
			taken[j] = true
		}
	}
	var out []int
	for i, t := range taken {
		if t {
			out = append(out, i)
		}
	}
	return out
}
