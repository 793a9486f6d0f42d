// Package archtest holds the shape of the code base as tests: which package may import which, which
// third-party module stands where, and a few rules that no compiler checks.
//
// The tables in rules_test.go say what docs/ARCHITECTURE.md draws. A change that they refuse is a
// change of the architecture: it is made there first, with a reason, and never to get a build
// through. Imports are read from the source of every file, whatever its build tags.
package archtest
