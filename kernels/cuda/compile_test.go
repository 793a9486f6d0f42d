//go:build cuda

package cuda

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// cached opens the real NVRTC, which needs no GPU, over an empty cache folder.
func cached(t *testing.T) *compiler {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	held := standIn
	standIn = nil
	defer func() { standIn = held }()
	c, err := openCompiler(13000)
	if err != nil {
		t.Fatal(err)
	}
	c.strict = true
	return c
}

const small = `#include "prims.cuh"
struct small_args { float *x; i64 n; };
KERNEL(small, small_args, 32, 1) { if (threadIdx.x < a.n) a.x[threadIdx.x] = 1; }
`

func smallUnit(t *testing.T) (unit, map[string]string) {
	t.Helper()
	_, headers, err := readSources(sources)
	if err != nil {
		t.Fatal(err)
	}
	return unit{name: "small.cu", text: small}, headers
}

// The first time a source is compiled, later it is read; an entry that is not what was written is made anew.
func TestCompiledKernelsAreKept(t *testing.T) {
	c := cached(t)
	u, headers := smallUnit(t)
	entry := func() string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(c.cache, "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("the cache has %q, %v", files, err)
		}
		return files[0]
	}
	first, err := c.image(u, headers, "sm_80")
	if err != nil || !strings.HasPrefix(string(first), "\x7fELF") {
		t.Fatalf("compiled to %.20q, %v", first, err)
	}
	whole, err := os.ReadFile(entry())
	if err != nil {
		t.Fatal(err)
	}
	planted := seal([]byte("from the cache"))
	for name, c2 := range map[string]struct{ entry, want []byte }{
		"whole": {planted, []byte("from the cache")}, "empty": {nil, first}, "cut": {whole[:len(whole)-1], first},
		"flipped": {append(append([]byte{}, whole[:100]...), append([]byte{whole[100] ^ 1}, whole[101:]...)...), first},
	} {
		if err := os.WriteFile(entry(), c2.entry, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := c.image(u, headers, "sm_80")
		if err != nil || string(got) != string(c2.want) {
			t.Errorf("%s entry: %d bytes, %v; want %d", name, len(got), err, len(c2.want))
		}
	}
}

// Whatever decides the code is in the key.
func TestKeyOfCompiledKernels(t *testing.T) {
	u, headers := unit{name: "a.cu", text: "text"}, map[string]string{"h.cuh": "1"}
	of := func(version string, u unit, headers map[string]string, options ...string) string {
		return (&compiler{nvrtc: &nvrtc{version: version}}).key(u, headers, options)
	}
	seen := map[string]bool{of("12.4", u, headers, "-a"): true}
	for name, key := range map[string]string{
		"version": of("12.5", u, headers, "-a"), "source": of("12.4", unit{name: "a.cu", text: "other"}, headers, "-a"),
		"header": of("12.4", u, map[string]string{"h.cuh": "2"}, "-a"), "options": of("12.4", u, headers, "-b"),
	} {
		if seen[key] {
			t.Errorf("another %s has the same key", name)
		}
		seen[key] = true
	}
}

// What the compiler says is in the error, and here a warning is one.
func TestCompilerErrors(t *testing.T) {
	c := cached(t)
	_, headers := smallUnit(t)
	for name, text := range map[string]string{
		"wrong":   `#include "prims.cuh"` + "\nint f(){ return undeclared_name; }\n",
		"warning": `#include "prims.cuh"` + "\nDEVICE int undeclared_name() { int unused_variable; return 1; }\n",
	} {
		_, err := c.image(unit{name: name + ".cu", text: text}, headers, "sm_80")
		if !errors.Is(err, kernels.ErrDevice) || !strings.Contains(err.Error(), name+".cu") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A source is one unit, or one for each part that it names, and a kernel is in the code of its part alone.
func TestPartsOfASource(t *testing.T) {
	c := cached(t)
	_, headers := smallUnit(t)
	text := small + "#if PART(1)\nKERNEL(first, small_args, 32, 1) { a.x[0] = 1; }\n#endif\n\n#if PART(2)\nKERNEL(second, small_args, 32, 1) { a.x[0] = 2; }\n#endif\n" +
		"#if PART(1)\nKERNEL(third, small_args, 32, 1) { a.x[0] = 3; }\n#endif\n"
	if whole := parts("small.cu", small); len(whole) != 1 || whole[0].part != "" {
		t.Errorf("a source without parts is %v", whole)
	}
	units := parts("parted.cu", text)
	if len(units) != 2 {
		t.Fatalf("units %v", units)
	}
	for i, u := range units {
		cubin, err := c.image(u, headers, "sm_80")
		if err != nil {
			t.Fatal(err)
		}
		for name, in := range map[string]bool{"first": i == 0, "second": i == 1, "third": i == 0} {
			if strings.Contains(string(cubin), ".text."+name+"\x00") != in {
				t.Errorf("%v has %s: %v, want %v", u, name, !in, in)
			}
		}
	}
}
