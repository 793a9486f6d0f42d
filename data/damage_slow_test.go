//go:build slow

package data

const bitStep = 1
