package setup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAddLinkDir(t *testing.T) {
	const dir = "/home/u/.cache/primer/tokenizers-v1.22.1/linux-amd64-0123"
	for flags, want := range map[string]string{
		"":                                  "-L" + dir,
		"-O2 -g":                            "-O2 -g -L" + dir,
		"-O2 -g -L" + dir:                   "-O2 -g -L" + dir,
		"-L/x/primer/tokenizers-v1/old -g":  "-g -L" + dir,
		`"-L/my libs" '-Wl,-rpath,a b' -O2`: `"-L/my libs" "-Wl,-rpath,a b" -O2 -L` + dir,
		"-L/x/primer/lib":                   "-L/x/primer/lib -L" + dir,
	} {
		if got := addLinkDir(flags, dir); got != want {
			t.Errorf("%q became %q, want %q", flags, got, want)
		}
	}
	if got := addLinkDir("-g", "/my cache/primer/tokenizers-v1"); got != `-g "-L/my cache/primer/tokenizers-v1"` {
		t.Errorf("a folder with a blank became %q", got)
	}
	if got := shellQuote("it's"); got != `'it'\''s'` {
		t.Errorf("quoted for the shell: %s", got)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, exitDone, "go env -w"},
		{[]string{"-for", "tea"}, exitUsage, "choose build, test or bench"},
		{[]string{"now"}, exitUsage, `unexpected argument "now"`},
		{[]string{"-x"}, exitUsage, "-x"},
	} {
		var out, log bytes.Buffer
		if code := Main(t.Context(), c.args, &out, &log); code != c.code || !strings.Contains(log.String(), c.says) || out.Len() > 0 {
			t.Errorf("%q: exit code %d, printed %q and %q", c.args, code, out.String(), log.String())
		}
	}
}

// TestMissingTools: with nothing on the path every tool is missed, and the error has one command
// that brings them all.
func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CC", "")
	packages, problems := missing(t.Context(), buildTools[:2])
	if len(problems) != 2 || strings.Join(packages, " ") != "gcc libc6-dev cargo" {
		t.Errorf("problems %v, packages %v", problems, packages)
	}
	e := env{dir: ".", out: new(bytes.Buffer), log: new(bytes.Buffer)}
	if err := e.ensureTools(t.Context(), buildTools[:2]); err == nil || !strings.Contains(err.Error(), "cargo") {
		t.Errorf("without tools: %v", err)
	}
}

// TestOldCargo: an old cargo is named as such, and no package is tried.
func TestOldCargo(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'cargo 1.65.0 (abc 2022-10-01)'\n"
	if err := os.WriteFile(filepath.Join(dir, "cargo"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	packages, problems := missing(t.Context(), buildTools[1:2])
	if len(packages) != 0 || len(problems) != 1 || !errors.Is(problems[0], errTooOld) {
		t.Errorf("problems %v, packages %v", problems, packages)
	}
}

// TestInstall: an archive is valid with its stamp only, and not once either has changed.
func TestInstall(t *testing.T) {
	src, dir := filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "lib")
	if err := os.WriteFile(src, []byte("!<arch>\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := archive{Module: "m", Source: "s", Recipe: 1, Platform: "p", Rustc: "r"}
	if want.validIn(dir) {
		t.Error("valid before it is there")
	}
	if err := want.install(src, dir); err != nil {
		t.Fatal(err)
	}
	if !want.validIn(dir) {
		t.Error("not valid after it was installed")
	}
	for _, other := range []archive{
		{Module: "m", Source: "s", Recipe: 2, Platform: "p", Rustc: "r"},
		{Module: "m", Source: "s", Recipe: 1, Platform: "p", Rustc: "newer"},
	} {
		if other.validIn(dir) || other.key() == want.key() {
			t.Errorf("%+v passes for %+v", other, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, archiveName), []byte("!<arch>\r"), 0o644); err != nil {
		t.Fatal(err)
	}
	if want.validIn(dir) {
		t.Error("valid with other bytes")
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

// TestSource checks the module's hash on the real source, and that a changed file is seen.
func TestSource(t *testing.T) {
	e := env{dir: ".", out: new(bytes.Buffer), log: new(bytes.Buffer)}
	from, err := e.sourceDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy")
	if err := copySource(from, to); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "Cargo.toml"), []byte("[package]"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := copySource(to, t.TempDir()); err == nil || !strings.Contains(err.Error(), "go clean -modcache") {
		t.Errorf("a changed source: %v", err)
	}
	if err := patchSource(to); err == nil || !strings.Contains(err.Error(), "Cargo.toml") {
		t.Errorf("patching a changed source: %v", err)
	}
}

// TestLock: the second to come waits and says so once, gets the lock when the first lets go, and a
// cancelled wait ends. (The lock belongs to the open file, so one process can stand for two.)
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, func() { t.Error("waits for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path, func() {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a cancelled wait: %v", err)
	}
	waits := make(chan struct{}, 2)
	got := make(chan error)
	go func() {
		second, err := lock(t.Context(), path, func() { waits <- struct{}{} })
		if err == nil {
			err = second()
		}
		got <- err
	}()
	<-waits
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil || len(waits) > 0 {
		t.Errorf("the second: %v, told to wait %d times more", err, len(waits))
	}
}
