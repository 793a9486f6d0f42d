// Package cli holds Primer's commands: one constructor a file, each a thin layer of flags, wiring and output over the
// packages that do the work. The programs in cmd are one line each; cmd/primer has all of them as verbs.
//
// Exit codes: 0 done, 1 failure, 2 usage or configuration, 3 does not fit the device, 4 data invalid, 75 interrupted and
// resumable.
package cli
