//go:build !slow

package curate

// thorough asks for every crash state and operation, not for some of them.
const thorough = false
