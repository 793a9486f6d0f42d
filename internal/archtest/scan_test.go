package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/primer-lm/primer"
	root       = "../.."
)

// source is one file of the tree.
type source struct {
	path    string // from the root, with slashes
	lines   int
	test    bool // a _test.go file
	imports []string
	calls   []string // what it names of imported packages: "os.WriteFile"
	doc     bool     // has a package doc comment
	name    string   // package name
}

func (s source) pkg() string { return path.Dir(s.path) }

// goCode reports whether the file is Go; the others count for their length only.
func (s source) goCode() bool { return strings.HasSuffix(s.path, ".go") }

// sourceSuffixes are the files that people read as code.
var sourceSuffixes = []string{".go", ".c", ".h", ".cu", ".cuh", ".py", ".sh", ".js", ".css"}

// scan reads all source files of the module: not those of nested modules, nor hidden folders.
func scan(t *testing.T) []source {
	t.Helper()
	var files []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			return skipFolder(p, rel)
		}
		for _, suffix := range sourceSuffixes {
			if strings.HasSuffix(rel, suffix) {
				f, err := read(p, rel)
				files = append(files, f)
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("only %d source files found: looking in the wrong place", len(files))
	}
	return files
}

func skipFolder(p, rel string) error {
	name := path.Base(rel)
	if rel == "." {
		return nil
	}
	if strings.HasPrefix(name, ".") || rel == "runs" || rel == "bin" || rel == "tokenizer/lib" || rel == "kernels/cuda/lib" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil {
		return fs.SkipDir // a nested module has its own rules
	}
	return nil
}

func read(p, rel string) (source, error) {
	b, err := os.ReadFile(p)
	if err != nil {
		return source{}, err
	}
	s := source{path: rel, lines: bytes.Count(b, []byte("\n")), test: strings.HasSuffix(rel, "_test.go")}
	if !s.goCode() {
		return s, nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), p, b, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return s, err
	}
	s.parsed(file)
	return s, nil
}

// parsed fills in what the syntax tree says.
func (s *source) parsed(file *ast.File) {
	s.doc, s.name = file.Doc.Text() != "", file.Name.Name
	names := map[string]string{} // local name → import path
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has checked it
		}
		s.imports = append(s.imports, imported)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && names[x.Name] != "" {
				s.calls = append(s.calls, names[x.Name]+"."+sel.Sel.Name)
			}
		}
		return true
	})
}

// matches reports whether pattern names the package (or file) at folder.
func matches(pattern, folder string) bool {
	switch {
	case pattern == "...":
		return true
	case strings.HasSuffix(pattern, "/..."):
		base := strings.TrimSuffix(pattern, "/...")
		return folder == base || strings.HasPrefix(folder, base+"/")
	case strings.HasSuffix(pattern, "/*"):
		return path.Dir(folder) == strings.TrimSuffix(pattern, "/*")
	}
	return pattern == folder
}

func matchesAny(patterns []string, folder string) bool {
	for _, p := range patterns {
		if matches(p, folder) {
			return true
		}
	}
	return false
}
