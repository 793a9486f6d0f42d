//go:build !slow

package data

// bitStep is how far apart the bits are that tests of damage flip; with the tag slow it is every one.
const bitStep = 11
