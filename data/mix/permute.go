package mix

import "math/bits"

// splitmix is the finaliser of splitmix64: a bijection of 64-bit words whose
// output bits each depend on all input bits.
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashName is 64-bit FNV-1a, finished by splitmix.
func hashName(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return splitmix(h)
}

const feistelRounds = 6

// permute maps i in [0,n) to its place in the order that key names: a bijection
// of [0,n). It is a balanced Feistel network over the smallest even number of
// bits that holds n-1, walked until the value falls below n (fewer than 4 steps on
// average, since the domain is below 4n).
func permute(key uint64, n, i int64) int64 {
	if n <= 1 {
		return 0
	}
	half := uint(bits.Len64(uint64(n-1))+1) / 2
	low := uint64(1)<<half - 1
	x := uint64(i)
	for {
		left, right := x>>half, x&low
		for r := range uint64(feistelRounds) {
			left, right = right, left^(splitmix(key^splitmix(right<<8|r))&low)
		}
		if x = left<<half | right; x < uint64(n) {
			return int64(x)
		}
	}
}
