package gpu

import (
	"os/exec"
	"strings"
	"testing"
)

// peerScripts is where the peers lie in the tree; `make gpu-check` copies them into the folder.
const peerScripts = "../../tools/gpucheck/"

// A Python without PyTorch says so for each case, and stays to answer the next.
func TestPeerWithoutPyTorch(t *testing.T) {
	s, err := startSide(t.Context(), torchSide, exec.Command("python3", "-S", peerScripts+"peer.py", "--device", "cpu"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := s.ask(Case{Kind: kindDescribe})
		if err == nil || !strings.Contains(err.Error(), "peer: PyTorch not found in ") {
			t.Errorf("got %v", err)
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// The script that looks for libraries prints folders only.
func TestLibrariesAreLookedFor(t *testing.T) {
	out, err := exec.Command("python3", peerScripts+"libraries.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range strings.Split(strings.TrimSpace(string(out)), ":") {
		if folder != "" && !strings.HasPrefix(folder, "/") {
			t.Errorf("folder %q", folder)
		}
	}
}
