package archtest

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

// TestOwnImports holds the import graph.
func TestOwnImports(t *testing.T) {
	for _, problem := range checkOwn(scan(t)) {
		t.Error(problem)
	}
}

// TestThirdParty holds which module stands where.
func TestThirdParty(t *testing.T) {
	for _, problem := range checkThirdParty(scan(t)) {
		t.Error(problem)
	}
}

func checkOwn(files []source) (problems []string) {
	for _, f := range files {
		if !f.goCode() {
			continue
		}
		r, ok := ruleOf(f.pkg())
		if !ok {
			problems = append(problems, fmt.Sprintf("%s: package %s has no row in ownRules", f.path, f.pkg()))
			continue
		}
		for _, imported := range f.imports {
			to, own := ownPackage(imported)
			if own && !mayImport(r, f, to) {
				problems = append(problems, fmt.Sprintf("%s: %s may not import %s", f.path, f.pkg(), to))
			}
		}
	}
	return problems
}

func ruleOf(pkg string) (rule, bool) {
	for _, r := range ownRules {
		if matches(r.pkg, pkg) {
			return r, true
		}
	}
	return rule{}, false
}

// ownPackage returns the folder of an import path of this module.
func ownPackage(imported string) (string, bool) {
	rest, own := strings.CutPrefix(imported, modulePath+"/")
	return rest, own
}

func mayImport(r rule, f source, to string) bool {
	switch {
	case to == f.pkg(): // an external test of the package
		return f.test
	case matchesAny(everywhere, to), strings.HasPrefix(to, f.pkg()+"/internal/"):
		return true
	case matchesAny(r.allow, to) && !matchesAny(r.deny, to):
		return true
	}
	return f.test && matchesAny(testOwn.allow, to) && !matchesAny(testOwn.deny, to)
}

func checkThirdParty(files []source) (problems []string) {
	for _, f := range files {
		for _, imported := range f.imports {
			if _, own := ownPackage(imported); own || standard(imported) {
				continue
			}
			if f.test && underAny(testThirdParty, imported) {
				continue
			}
			if in := placesOf(imported); !matchesAny(in, f.pkg()) {
				problems = append(problems, fmt.Sprintf("%s: %s may not import %s; its place is %q", f.path, f.pkg(), imported, in))
			}
		}
	}
	return problems
}

// standard reports whether an import path is of the standard library: its first element has no dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func underAny(modules []string, imported string) bool {
	for _, m := range modules {
		if imported == m || strings.HasPrefix(imported, m+"/") {
			return true
		}
	}
	return false
}

// placesOf returns the packages that may import the path, by the longest entry that fits.
func placesOf(imported string) []string {
	for p := imported; p != "."; p = path.Dir(p) {
		if in, ok := thirdParty[p]; ok {
			return in
		}
	}
	return nil
}

// TestImportFaults plants faults that the checks above have to see.
func TestImportFaults(t *testing.T) {
	own := func(p string) string { return modulePath + "/" + p }
	for _, c := range []struct {
		file  source
		wrong bool
	}{
		{source{path: "kernels/cpu/a.go", imports: []string{own("kernels"), own("internal/durable"), "fmt"}}, false},
		{source{path: "kernels/a.go", imports: []string{own("kernels/cpu")}}, true},
		{source{path: "kernels/cpu/a.go", imports: []string{own("model")}}, true},
		{source{path: "kernels/cpu/a_test.go", test: true, imports: []string{own("kernels/kerneltest")}}, false},
		{source{path: "data/a.go", imports: []string{own("tokenizer")}}, true},
		{source{path: "data/sample/a.go", imports: []string{own("data/sample/internal/x")}}, false},
		{source{path: "tokenizer/a.go", imports: []string{own("data")}}, true},
		{source{path: "cmd/pretrain/main.go", imports: []string{own("internal/cli")}}, false},
		{source{path: "cmd/pretrain/main.go", imports: []string{own("train")}}, true},
		{source{path: "cmd/setup/main.go", imports: []string{own("internal/cli")}}, true},
		{source{path: "model/a_test.go", test: true, imports: []string{own("internal/cli")}}, true},
		{source{path: "bench/speed/a.go", imports: []string{own("cmd/primer")}}, true},
		{source{path: "examples/embed/main.go", imports: []string{own("synth")}}, false},
		{source{path: "examples/embed/main.go", imports: []string{own("internal/cli")}}, true},
		{source{path: "newpackage/a.go"}, true},
		{source{path: "model/a.go", imports: []string{"gorgonia.org/gorgonia"}}, true},
		{source{path: "model/a_test.go", test: true, imports: []string{"gorgonia.org/gorgonia"}}, false},
		{source{path: "train/a.go", imports: []string{"github.com/spf13/cobra"}}, true},
		{source{path: "data/a.go", imports: []string{"github.com/klauspost/compress/zstd"}}, false},
		{source{path: "data/a.go", imports: []string{"example.org/new"}}, true},
		{source{path: "eval/metric/a.go", imports: []string{"gonum.org/v1/gonum/stat"}}, false},
		{source{path: "eval/metric/a.go", imports: []string{"gonum.org/v1/gonum/mat"}}, true},
	} {
		problems := append(checkOwn([]source{c.file}), checkThirdParty([]source{c.file})...)
		if (len(problems) > 0) != c.wrong {
			t.Errorf("%s importing %q: problems %q", c.file.path, c.file.imports, problems)
		}
	}
}
