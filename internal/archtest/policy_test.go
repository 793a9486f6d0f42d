package archtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestPolicies holds what no compiler checks: where unsafe and C stand, functions that are not
// called, package docs, the length of files.
func TestPolicies(t *testing.T) {
	files := scan(t)
	for _, check := range []func([]source) []string{checkUnsafe, checkBanned, checkDocs, checkLength} {
		for _, problem := range check(files) {
			t.Error(problem)
		}
	}
}

func checkUnsafe(files []source) (problems []string) {
	for _, f := range files {
		for _, imported := range f.imports {
			places := map[string][]string{"unsafe": unsafeIn, "C": cgoIn}[imported]
			if places == nil || f.test && imported == "unsafe" {
				continue
			}
			if !matchesAny(places, f.pkg()) && !matchesAny(places, f.path) {
				problems = append(problems, fmt.Sprintf("%s: imports %q outside the listed places", f.path, imported))
			}
		}
	}
	return problems
}

func checkBanned(files []source) (problems []string) {
	for _, f := range files {
		if f.test {
			continue
		}
		for _, call := range f.calls {
			if in, listed := banned[call]; listed && !matchesAny(in, f.pkg()) {
				problems = append(problems, fmt.Sprintf("%s: %s is not used here, see banned in rules_test.go", f.path, call))
			}
		}
	}
	return problems
}

// checkDocs wants a doc comment on one file of every package, external test packages aside.
func checkDocs(files []source) (problems []string) {
	has := map[string]bool{}
	for _, f := range files {
		if f.goCode() && !strings.HasSuffix(f.name, "_test") {
			has[f.pkg()] = has[f.pkg()] || f.doc
		}
	}
	for pkg, doc := range has {
		if !doc {
			problems = append(problems, fmt.Sprintf("%s: package has no doc comment", pkg))
		}
	}
	return problems
}

func checkLength(files []source) (problems []string) {
	for _, f := range files {
		if f.lines > maxLines {
			problems = append(problems, fmt.Sprintf("%s: %d lines, more than %d", f.path, f.lines, maxLines))
		}
	}
	return problems
}

// TestPolicyFaults plants faults that the checks above have to see.
func TestPolicyFaults(t *testing.T) {
	for name, c := range map[string]struct {
		check func([]source) []string
		file  source
		wrong bool
	}{
		"unsafe in data":     {checkUnsafe, source{path: "data/a.go", imports: []string{"unsafe"}}, true},
		"unsafe in a kernel": {checkUnsafe, source{path: "kernels/cpu/a.go", imports: []string{"unsafe"}}, false},
		"unsafe in its file": {checkUnsafe, source{path: "tokenizer/native.go", imports: []string{"unsafe", "C"}}, false},
		"C beside its file":  {checkUnsafe, source{path: "tokenizer/encode.go", imports: []string{"C"}}, true},
		"file written":       {checkBanned, source{path: "train/a.go", calls: []string{"os.WriteFile"}}, true},
		"file in a test":     {checkBanned, source{path: "train/a_test.go", test: true, calls: []string{"os.WriteFile"}}, false},
		"durable file":       {checkBanned, source{path: "internal/durable/a.go", calls: []string{"os.Create"}}, false},
		"bare server":        {checkBanned, source{path: "serve/a.go", calls: []string{"net/http.ListenAndServe"}}, true},
		"no doc":             {checkDocs, source{path: "data/a.go", name: "data"}, true},
		"doc":                {checkDocs, source{path: "data/a.go", name: "data", doc: true}, false},
		"external test":      {checkDocs, source{path: "data/a_test.go", name: "data_test", test: true}, false},
		"long file":          {checkLength, source{path: "kernels/cpu/a.c", lines: 501}, true},
	} {
		if problems := c.check([]source{c.file}); (len(problems) > 0) != c.wrong {
			t.Errorf("%s: problems %q", name, problems)
		}
	}
}

// TestVersions holds the pins of go.mod that have a reason.
func TestVersions(t *testing.T) {
	b, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(f) >= 2 {
			have[f[0]] = f[1]
		}
	}
	for module, version := range exactly {
		if have[module] != version {
			t.Errorf("go.mod has %s %s, not %s", module, have[module], version)
		}
	}
	for module, version := range atLeast {
		if older(have[module], version) {
			t.Errorf("go.mod has %s %q, older than %s", module, have[module], version)
		}
	}
	if !older("v1.20.1", "v1.20.2") || older("v1.21.0", "v1.20.2") || !older("", "go1.26.9") || older("go1.26.10", "go1.26.9") {
		t.Error("versions are compared wrongly")
	}
}

// older compares versions of three numbers; an absent one is older than any.
func older(a, b string) bool {
	x, y := numbers(a), numbers(b)
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}

func numbers(v string) (n [3]int) {
	v = strings.TrimLeft(v, "vgo")
	for i, part := range strings.SplitN(v, ".", 3) {
		n[i], _ = strconv.Atoi(part) // not a number: 0, the oldest
	}
	return n
}
