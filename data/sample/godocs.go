package sample

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"hash/fnv"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
)

// ErrNoGo says that no Go distribution with its source was found.
var ErrNoGo = errors.New("sample: no Go source to read")

// GoOptions bound what is read from the Go distribution. A zero field means
// its default.
type GoOptions struct {
	Seed     uint64
	Packages int // how many packages are read, default 100
	MaxBytes int // longest first sentence that is kept, default 90 bytes
	Together int // most functions in one document, default 3
}

// GoCorpus is text from the doc comments of the installed Go distribution.
type GoCorpus struct {
	Root, Version string
	Hash          string // sha256 over paths and bytes of all files read, in order
	Packages      []string
	Train, Unseen []data.Example // split by package; gold pairs included
}

// goFunc is one documented function: "Join" and "joins any number of …".
type goFunc struct{ name, does string }

// GoRoot finds the Go distribution: $GOROOT, else what the go command says.
// (What was compiled in may be absent from a stripped or copied binary.)
func GoRoot() (string, error) {
	if dir := os.Getenv("GOROOT"); dir != "" {
		return dir, nil
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if dir := strings.TrimSpace(string(out)); err == nil && dir != "" {
		return dir, nil
	}
	return "", fmt.Errorf("%w: GOROOT is not set and `go env GOROOT` did not answer (%v); "+
		"put the go command on PATH or set GOROOT to a distribution that has its src folder", ErrNoGo, err)
}

// GoDocs reads the doc comments below goroot/src; an empty goroot means GoRoot().
// Which packages are read is drawn by seed; a quarter of all packages, by the
// hash of their name, is kept apart as unseen.
func GoDocs(goroot string, opt GoOptions) (*GoCorpus, error) {
	if goroot == "" {
		var err error
		if goroot, err = GoRoot(); err != nil {
			return nil, err
		}
	}
	opt.Packages = cmp.Or(opt.Packages, 100)
	opt.MaxBytes = cmp.Or(opt.MaxBytes, 90)
	opt.Together = cmp.Or(opt.Together, 3)
	version, err := os.ReadFile(filepath.Join(goroot, "VERSION"))
	if err != nil {
		return nil, fmt.Errorf("%w: %s is no Go distribution: %w; set GOROOT to one", ErrNoGo, goroot, err)
	}
	c := &GoCorpus{Root: goroot, Version: strings.TrimSpace(strings.SplitN(string(version), "\n", 2)[0])}
	src := os.DirFS(filepath.Join(goroot, "src"))
	all, err := goPackages(src)
	if err != nil || len(all) == 0 {
		return nil, fmt.Errorf("%w: %s holds no packages (%v); some distributions leave the source out: "+
			"install it, or set GOROOT to a full one", ErrNoGo, filepath.Join(goroot, "src"), err)
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(hash(opt.Seed, a), hash(opt.Seed, b)), cmp.Compare(a, b))
	})
	sum := sha256.New()
	for _, pkg := range all[:min(opt.Packages, len(all))] {
		funcs, err := readPackage(src, pkg, opt.MaxBytes, sum.Write)
		if err != nil {
			return nil, fmt.Errorf("sample: Go package %s: %w", pkg, err)
		}
		c.add(pkg, funcs, opt)
	}
	c.Hash = hex.EncodeToString(sum.Sum(nil))
	return c, nil
}

// hash orders and splits packages.
func hash(seed uint64, name string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s", seed, name)
	// FNV's low bits follow the last letters; fold the high ones in.
	x := h.Sum64()
	return (x ^ x>>32) * 0x9e3779b97f4a7c15
}

// unseenPackage keeps a quarter of the packages apart, whatever the seed.
func unseenPackage(pkg string) bool { return hash(0, "unseen/"+pkg)>>62 == 0 }

// goPackages lists the importable packages of the standard library.
func goPackages(src fs.FS) ([]string, error) {
	var found []string
	err := fs.WalkDir(src, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "internal", "vendor", "testdata", "cmd", "builtin":
				return fs.SkipDir
			}
			return nil
		}
		if dir := path.Dir(p); dir != "." && isGoFile(p) && !slices.Contains(found, dir) {
			found = append(found, dir)
		}
		return nil
	})
	return found, err
}

func isGoFile(p string) bool {
	return strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go")
}

// readPackage collects the exported functions and methods whose comment's
// first sentence is short and starts, as it should, with their name.
func readPackage(src fs.FS, pkg string, maxBytes int, note func([]byte) (int, error)) ([]goFunc, error) {
	entries, err := fs.ReadDir(src, pkg)
	if err != nil {
		return nil, err
	}
	var funcs []goFunc
	seen := map[string]bool{}
	for _, e := range entries {
		if e.IsDir() || !isGoFile(e.Name()) {
			continue
		}
		name := path.Join(pkg, e.Name())
		text, err := fs.ReadFile(src, name)
		if err != nil {
			return nil, err
		}
		note([]byte(name + "\x00"))
		note(text)
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			f, ok := documented(decl, maxBytes)
			if ok && !seen[f.name] {
				seen[f.name] = true
				funcs = append(funcs, f)
			}
		}
	}
	return funcs, nil
}

// documented takes name and first sentence of a function's comment.
func documented(decl ast.Decl, maxBytes int) (goFunc, bool) {
	d, ok := decl.(*ast.FuncDecl)
	if !ok || d.Doc == nil || !d.Name.IsExported() {
		return goFunc{}, false
	}
	sentence := new(doc.Package).Synopsis(d.Doc.Text())
	does, ok := strings.CutPrefix(sentence, d.Name.Name+" ")
	does = strings.TrimSuffix(does, ".")
	if !ok || len(sentence) > maxBytes || strings.Count(does, " ") < 3 {
		return goFunc{}, false
	}
	for _, c := range does {
		if c < ' ' || c > '~' || strings.ContainsRune("<>{}_\"`", c) {
			return goFunc{}, false
		}
	}
	return goFunc{d.Name.Name, does}, true
}
