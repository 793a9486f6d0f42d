package sample

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
)

// goTree writes a small distribution.
func goTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const goSource = `package p

// Clean returns the shortest path of all. More text.
func Clean() {}

// Split splits a path after the last slash.
func Split() {}

// Absolute reports whether the path starts at the root.
func Absolute() {}

// Grow makes room for more of them.
func Grow() {}

// It starts otherwise and is left out.
func Other() {}

// hidden returns what nobody may see here.
func hidden() {}

func Bare() {}
`

func TestGoDocsByRule(t *testing.T) {
	root := goTree(t, map[string]string{
		"VERSION": "go1.99\ntime x\n", "src/path/p.go": goSource, "src/path/p_test.go": "broken",
		"src/internal/q/q.go": "broken", "src/cmd/x/x.go": "broken", "src/path/testdata/y.go": "broken",
	})
	c, err := GoDocs(root, GoOptions{Together: 4})
	if err != nil {
		t.Fatal(err)
	}
	if c.Version != "go1.99" || len(c.Hash) != 64 || !reflect.DeepEqual(c.Packages, []string{"path"}) {
		t.Errorf("version %q, hash %q, packages %q", c.Version, c.Hash, c.Packages)
	}
	var got []data.Pair
	var text string
	for _, e := range append(c.Train, c.Unseen...) {
		got = append(got, e.Pairs...)
		text += e.Text + " "
	}
	if len(got) != 4 || strings.Count(text, "Clean returns the shortest path of all.") != 1 {
		t.Fatalf("%d pairs from %q", len(got), text)
	}
	want := [][2]string{
		{"Which function returns the shortest path of all?", "Clean"},
		{"Complete the sentence: Split splits a", "path after the last slash"},
		{"True or false: Absolute", ""},
		{"Fill the gap: ___ makes room for more of them.", "Grow"},
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i].Instruction, w[0]) || w[1] != "" && got[i].Response != w[1] {
			t.Errorf("pair %d: %q -> %q, want %q", i, got[i].Instruction, got[i].Response, w)
		}
	}
	changed := goTree(t, map[string]string{"VERSION": "go1.99\n", "src/path/p.go": goSource + "\n"})
	if d, err := GoDocs(changed, GoOptions{}); err != nil || d.Hash == c.Hash {
		t.Errorf("the hash of changed files is the same (%v)", err)
	}
}

func TestGoDocsErrors(t *testing.T) {
	for name, root := range map[string]string{
		"nothing there": filepath.Join(t.TempDir(), "absent"),
		"no source":     goTree(t, map[string]string{"VERSION": "go1.99\n"}),
		"empty source":  goTree(t, map[string]string{"VERSION": "go1.99\n", "src/README": ""}),
	} {
		if _, err := GoDocs(root, GoOptions{}); !errors.Is(err, ErrNoGo) || !strings.Contains(err.Error(), "set GOROOT") {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("GOROOT", "")
	t.Setenv("PATH", t.TempDir())
	if _, err := GoDocs("", GoOptions{}); !errors.Is(err, ErrNoGo) || !strings.Contains(err.Error(), "PATH") {
		t.Errorf("no go command: %v", err)
	}
	broken := goTree(t, map[string]string{"VERSION": "go1.99\n", "src/path/p.go": "package"})
	if _, err := GoDocs(broken, GoOptions{}); err == nil || !strings.Contains(err.Error(), "path/p.go") {
		t.Errorf("a broken file: %v", err)
	}
}

func TestGoDocsOfThisDistribution(t *testing.T) {
	c, err := GoDocs("", GoOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	again, err := GoDocs("", GoOptions{Seed: 1})
	if err != nil || !reflect.DeepEqual(c, again) {
		t.Errorf("two readings differ (%v)", err)
	}
	if !strings.HasPrefix(c.Version, "go1.") || len(c.Train) < 200 || len(c.Unseen) < 40 {
		t.Errorf("version %q, %d and %d texts", c.Version, len(c.Train), len(c.Unseen))
	}
	packages := map[string]bool{}
	for _, e := range c.Train {
		packages[e.Title] = true
	}
	tasks := map[string]int{}
	for _, e := range append(c.Unseen, c.Train...) {
		if unseenPackage(e.Title) && packages[e.Title] {
			t.Fatalf("package %s is on both sides", e.Title)
		}
		checkGo(t, c.Root, &e)
		for _, p := range e.Pairs {
			tasks[string(p.Extra["task"])]++
		}
	}
	for _, task := range GoTasks {
		if tasks[`"`+task+`"`] < 20 {
			t.Errorf("%d pairs of task %s", tasks[`"`+task+`"`], task)
		}
	}
}

// checkGo derives the answers of a text's pairs from its sentences again.
func checkGo(t *testing.T, root string, e *data.Example) {
	t.Helper()
	if e.ID == "" || e.Source != "go-docs" || e.Domain != "code" || len(e.Pairs) == 0 {
		t.Fatalf("%+v", e)
	}
	for _, p := range e.Pairs {
		var statement string
		switch q := p.Instruction; {
		case strings.HasPrefix(q, "Which function "):
			statement = p.Response + strings.TrimSuffix(strings.TrimPrefix(q, "Which function"), "?") + "."
		case strings.HasPrefix(q, "Fill the gap: ___"):
			statement = p.Response + strings.TrimPrefix(q, "Fill the gap: ___")
		case strings.HasPrefix(q, "Complete the sentence: "):
			statement = strings.TrimPrefix(q, "Complete the sentence: ") + " " + p.Response + "."
		case strings.HasPrefix(q, "True or false: "):
			statement = strings.TrimPrefix(q, "True or false: ")
		}
		if told := strings.Contains(e.Text, " "+statement); told != (p.Response != "false") {
			t.Fatalf("%s: %q -> %q, but the text says %q", e.ID, p.Instruction, p.Response, e.Text)
		}
	}
}

// A sentence without its name, or a long one, is left out.
func TestDocumentedIsBounded(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", goSource, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	names := func(limit int) (out []string) {
		for _, d := range file.Decls {
			if _, ok := d.(*ast.FuncDecl); !ok {
				continue
			}
			if f, ok := documented(d, limit); ok {
				out = append(out, f.name)
			}
		}
		return out
	}
	if got := names(90); !reflect.DeepEqual(got, []string{"Clean", "Split", "Absolute", "Grow"}) {
		t.Errorf("kept %q", got)
	}
	if got := names(38); !reflect.DeepEqual(got, []string{"Grow"}) {
		t.Errorf("kept %q within 38 bytes", got)
	}
}
