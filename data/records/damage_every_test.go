//go:build slow

package records_test

const everyBit = true
