package setup

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What only some tests want does not stop set-up where it cannot be installed; what everybody needs does.
func TestOptionalTools(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root installs packages")
	}
	bin := t.TempDir()
	if err := errors.Join(os.Symlink("/bin/sh", filepath.Join(bin, "sh")),
		os.WriteFile(filepath.Join(bin, "apt-get"), []byte("#!/bin/sh\necho no package $* >&2\nexit 100\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	var log bytes.Buffer
	e := env{log: &log}
	absent := tool{name: "absent-tool", packages: []string{"absent-package"}, check: runs("absent-tool")}
	if err := e.ensureTools(t.Context(), []tool{absent}); err == nil || !strings.Contains(err.Error(), "absent-package") {
		t.Errorf("a tool that is needed: %v", err)
	}
	absent.optional = true
	if err := e.ensureTools(t.Context(), []tool{absent}); err != nil || !strings.Contains(log.String(), "going on without absent-tool") {
		t.Errorf("a tool that is not: %v; %s", err, &log)
	}
}
