//go:build !race

package records_test

const underRace = 1
