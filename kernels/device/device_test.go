package device_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cuda"
	"github.com/primer-lm/primer/kernels/device"
)

func TestOpenByName(t *testing.T) {
	for _, name := range []string{"cpu", "ref"} {
		b, err := device.Open(name)
		if err != nil {
			t.Fatalf("Open(%q): %v", name, err)
		}
		if b.Name() != name {
			t.Errorf("Open(%q) opened %q", name, b.Name())
		}
		if err := b.Close(); err != nil {
			t.Errorf("closing %q: %v", name, err)
		}
	}
}

func TestAbsentDevicesAreErrors(t *testing.T) {
	cases := map[string]string{"gpu": "there are cpu, ref", "": "there are cpu", "cpu:1": "there are cpu", "cuda:x": "0, 1, 2"}
	if !cuda.Built {
		cases["cuda:0"] = "built without CUDA"
		cases["cuda"] = "built without CUDA"
	}
	for name, want := range cases {
		b, err := device.Open(name)
		if b != nil || !errors.Is(err, kernels.ErrNoDevice) || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q) = %v, %v; want ErrNoDevice with %q", name, b, err, want)
		}
	}
}
