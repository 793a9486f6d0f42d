//go:build cuda && emulator

package cuda

import "testing"

// The device under test is the stand-in; device_gpu_test.go is the same for a GPU.

// kernelCache gives a test a folder of its own for compiled kernels: the stand-in's compiler takes no time.
func kernelCache(t *testing.T) { t.Setenv("XDG_CACHE_HOME", t.TempDir()) }

// checkDevice is called once all backends are closed: nothing failed on the device, and no memory is left.
func checkDevice(t *testing.T) {
	t.Helper()
	if err := standInFailure(); err != nil {
		t.Error(err)
	}
	if live, size, _ := standInMemory(); live != 0 {
		t.Errorf("%d allocations of %d bytes are left after Close", live, size)
	}
}
