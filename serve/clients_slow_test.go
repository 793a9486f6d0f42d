//go:build slow

package serve

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The page in a headless browser. Its model writes two pairs, slowly enough that they come one after the other.
func TestBrowser(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	f := writes(t, w.s.words, twoPairs)
	f.pause = 10 * time.Millisecond
	foreign(t, start(t, parts(t, with(f)), Options{Keys: []string{clientKey}}), "-tags", "slow", "-v", "-run", "Browser", ".")
}

// python runs one of the Python clients against a server of the small model.
func python(t *testing.T, client string) {
	t.Helper()
	interpreter := os.Getenv("PRIMER_PYTHON")
	if interpreter == "" {
		t.Skip("PRIMER_PYTHON names no Python with openai and lm_eval: make test-python does")
	}
	dir, err := folder()
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, parts(t, nil), Options{Keys: []string{clientKey}})
	cmd := exec.Command(interpreter, filepath.Join("testdata", "clients.py"), w.url, clientKey, dir, itoa(testWindow), t.TempDir(), client)
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out[max(0, len(out)-300):])
}

// OpenAI's own client for Python talks to the server.
func TestPythonOpenAI(t *testing.T) { python(t, "openai") }

// lm-evaluation-harness gets, through the server, the log-likelihoods that transformers computes of the same folder.
func TestPythonHarness(t *testing.T) { python(t, "lm_eval") }

// A million requests that are nearly right.
func TestMillionMutatedRequests(t *testing.T) { mutated(t, 1_000_000, 2) }
