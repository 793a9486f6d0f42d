//go:build outside

package setup

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// embedProgram is the program of the tree that the outside module takes; embedFallback stands in
// while the tree has none.
const embedProgram = "examples/embed"

const embedFallback = `package main

import (
	"fmt"
	"os"

	"github.com/primer-lm/primer/tokenizer"
)

func main() {
	tok, err := tokenizer.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	ids, err := tok.Encode("outside")
	fmt.Println(len(ids) > 0, err)
}
`

// TestOutsideModule does what a program that embeds Primer does: a module of its own with a replace
// to a checkout, which has no library in it, runs setup and the line it prints, and then builds.
// Nothing of the user's Go settings is touched: they are in a file of this test.
func TestOutsideModule(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// One place for all runs, so that Go's build cache, which knows C files by their folder, helps.
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	base = filepath.Join(base, "primer", "outside-test")
	unlock, err := lock(t.Context(), mkdir(t, base)+".lock", func() { t.Log("another run is at it, waiting") })
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	checkout, module := filepath.Join(base, "checkout"), filepath.Join(base, "module")
	for _, dir := range []string{checkout, module} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		mkdir(t, dir)
	}
	copyTree(t, root, checkout)
	if _, err := os.Stat(filepath.Join(checkout, "tokenizer", "lib")); !os.IsNotExist(err) {
		t.Fatalf("the checkout has tokenizer/lib (%v): nothing would be tested", err)
	}
	makeModule(t, checkout, module)

	env := append(os.Environ(), "GOENV="+filepath.Join(base, "goenv"), "CGO_LDFLAGS=", "GOFLAGS=-mod=mod", "GOWORK=off")
	if err := os.WriteFile(filepath.Join(base, "goenv"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	line := command(t, module, env, "go", "run", primerModule+"/cmd/setup")
	if strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, "go env -w CGO_LDFLAGS=") {
		t.Fatalf("setup printed %q, not one go env line", line)
	}
	command(t, module, env, "sh", "-c", line)
	command(t, module, env, "go", "build", "-o", filepath.Join(module, "embed"), ".")
	if _, err := os.Stat(filepath.Join(root, embedProgram)); err != nil {
		out := command(t, module, env, "./embed", filepath.Join(root, "tokenizer", "testdata", "gpt2.json"))
		if strings.TrimSpace(out) != "true <nil>" {
			t.Errorf("the program printed %q", out)
		}
	}
	if again := command(t, module, env, "go", "run", primerModule+"/cmd/setup"); again != line {
		t.Errorf("a second setup prints another line:\n%s%s", line, again)
	}
}

// makeModule writes a module that requires Primer from checkout, and its program.
func makeModule(t *testing.T, checkout, module string) {
	t.Helper()
	gomod, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	// Every version that Primer requires is required here, so that nothing has to be resolved.
	text := strings.Replace(string(gomod), "module "+primerModule, "module example.org/embed", 1) +
		"\nrequire " + primerModule + " v0.0.0\n\nreplace " + primerModule + " => " + checkout + "\n"
	put(t, filepath.Join(module, "go.mod"), []byte(text))
	gosum, err := os.ReadFile(filepath.Join(checkout, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(module, "go.sum"), gosum)
	if _, err := os.Stat(filepath.Join(checkout, embedProgram)); err == nil {
		if err := os.CopyFS(module, os.DirFS(filepath.Join(checkout, embedProgram))); err != nil {
			t.Fatal(err)
		}
		return
	}
	put(t, filepath.Join(module, "main.go"), []byte(embedFallback))
}

// copyTree copies what belongs to the tree, without what was built in it.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = from
	var files []string
	if out, err := list.Output(); err == nil {
		files = strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	} else { // not a clone: an archive of the tree
		files = walk(t, from)
	}
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join(from, file))
		if os.IsNotExist(err) {
			continue // deleted, not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		mkdir(t, filepath.Dir(filepath.Join(to, file)))
		put(t, filepath.Join(to, file), b)
	}
}

func walk(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() && (rel == "tokenizer/lib" || rel == "runs" || strings.HasPrefix(d.Name(), ".venv")) {
			return filepath.SkipDir
		}
		if d.Type().IsRegular() {
			files = append(files, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// command runs a command and returns what it printed; what it said on the side goes to the log.
func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
