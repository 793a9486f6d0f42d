//go:build slow

package curate

const thorough = true
