package serve

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const clientKey = "the-key-of-the-tests"

// foreign runs tests of the module of foreign clients against a server.
func foreign(t *testing.T, w *site, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"test", "-count=1"}, args...)...)
	cmd.Dir = filepath.Join("clients")
	cmd.Env = append(os.Environ(), "PRIMER_URL="+w.url, "PRIMER_API_KEY="+clientKey, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd.Args, err, out)
	} else {
		t.Logf("%s", out)
	}
}

// OpenAI's own client for Go talks to the server.
func TestOpenAIGo(t *testing.T) {
	foreign(t, start(t, parts(t, nil), Options{Keys: []string{clientKey}}), "-run", "OpenAI", ".")
}
