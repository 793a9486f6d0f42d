//go:build slow

package gpu

import (
	"math"
	"os"
	"os/exec"
	"testing"
)

// The peers on the CPU, with tiny shapes: `make test-python` names the interpreter. Compiling takes PyTorch a minute.
func TestPythonPeersOfGPUCheck(t *testing.T) {
	python := os.Getenv("PRIMER_PYTHON")
	if python == "" {
		t.Skip("PRIMER_PYTHON is not set to a Python with PyTorch: `make test-python` builds one and runs this")
	}
	s, err := startSide(t.Context(), torchSide, exec.Command(python, peerScripts+"peer.py", "--device", "cpu"))
	if err != nil {
		t.Fatal(err)
	}
	shapes := tinyShapes()
	cases := []Case{{Kind: kindDescribe}}
	for _, c := range shapes.Attention {
		c.Mode = "flash" // the one that PyTorch has on a CPU
		cases = append(cases, c)
	}
	cases = append(cases, shapes.Training...)
	for _, c := range cases {
		a, err := s.ask(c)
		if err != nil {
			t.Errorf("%s: %v", c.what(), err)
			continue
		}
		if c.Kind == kindTrain && (len(a.Losses) < c.Rounds || !(math.Abs(a.Losses[0]-math.Log(float64(c.Config.VocabSize))) < 0.3)) {
			t.Errorf("losses %v of random weights and %d tokens", a.Losses, c.Config.VocabSize)
		}
	}
	s.kill()
	_ = s.close() // it is killed: tidying up takes PyTorch seconds
}
