//go:build cuda

package cuda

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// Without a driver the error says so, and names what was looked for.
func TestNoDriver(t *testing.T) {
	err := findDriver([]string{"libcuda_that_is_not.so.1", "/nowhere/libcuda.so.1"})
	if !errors.Is(err, kernels.ErrNoDevice) || !strings.Contains(err.Error(), "no NVIDIA driver") || !strings.Contains(err.Error(), "/nowhere/libcuda.so.1") {
		t.Errorf("got %v", err)
	}
}

// Without a library, and with a file that is none, the error lists every place.
func TestNoLibrary(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "libprimer_no.so.12"), []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(pathVariable, dir+":/nowhere")
	files := versioned("libprimer_no", 12040, 13, 12, 11)
	if strings.Join(files, " ") != "libprimer_no.so.12 libprimer_no.so.11" {
		t.Errorf("for a driver of 12.4: %q", files)
	}
	_, err := openLibrary("Thing", files, []string{"f"}, "nvrtc", nil)
	if !errors.Is(err, kernels.ErrNoDevice) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"no Thing", pathVariable, filepath.Join(dir, "libprimer_no.so.12"), "/nowhere/libprimer_no.so.11", "/usr/local/cuda/lib64"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %q:\n%v", want, err)
		}
	}
}

// A library that lacks a function is not the one that was looked for.
func TestAnotherLibrary(t *testing.T) {
	_, err := openLibrary("Thing", []string{"libc.so.6"}, []string{"malloc", "primer_no_such_function"}, "", nil)
	if err == nil || !strings.Contains(err.Error(), "primer_no_such_function") {
		t.Errorf("got %v", err)
	}
}

// A driver that is too old and a GPU that is are told apart, each with what it is and what it would have to be.
func TestTooOld(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		says []string
	}{
		"driver":  {checkDriver(11080), []string{"driver is too old", "CUDA 11.8", "CUDA 12.0"}},
		"unknown": {checkDriver(-1), []string{"driver is too old"}},
		"GPU":     {gpu{name: "Tesla T4", capability: 75, pools: 1}.check(), []string{"Tesla T4", "7.5", "8.0"}},
		"vGPU":    {gpu{name: "A100 slice", capability: 80}.check(), []string{"A100 slice", "memory pools"}},
	} {
		if !errors.Is(c.err, kernels.ErrNoDevice) {
			t.Errorf("%s: %v", name, c.err)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(c.err.Error(), says) {
				t.Errorf("%s: %v does not say %q", name, c.err, says)
			}
		}
	}
	if err := errors.Join(checkDriver(12000), gpu{capability: 80, pools: 1}.check(), gpu{capability: 90, pools: 1}.check()); err != nil {
		t.Error(err)
	}
	if a, h := (gpu{capability: 80}).arch(), (gpu{capability: 90}).arch(); a != "sm_80" || h != "sm_90a" {
		t.Errorf("compiled for %s and %s", a, h)
	}
}
