//go:build cuda && !emulator

package cuda

import "testing"

// The device under test is GPU 0 of this machine. A test that finds none fails: none is skipped (`make gpu-check`).

// kernelCache leaves the user's folder: compiling every kernel for every test would take minutes.
func kernelCache(*testing.T) {}

// checkDevice is called once all backends are closed. What the driver knows of failures and memory ends with the context; Close
// has reported both.
func checkDevice(*testing.T) {}
