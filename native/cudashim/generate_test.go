package cudashim

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// header writes a cuda.h in small: enough functions, renames of both kinds, and what looks like a function and is none.
func header() []byte {
	var b strings.Builder
	b.WriteString("#define cuMemAlloc                          cuMemAlloc_v2\n" +
		"#define cuLaunchKernel                      __CUDA_API_PTSZ(cuLaunchKernel)\n" +
		"    #define cuMemcpyHtoD                    __CUDA_API_PTDS(cuMemcpyHtoD_v2)\n" +
		"#define CU_LAUNCH_PARAM_END 0\ntypedef CUresult (*cuPointer)(int);\n" +
		"CUresult CUDAAPI cuInit(unsigned int Flags);\nCUresult CUDAAPI\ncuLaunchKernel (CUfunction f);\n" +
		"CUresult CUDAAPI cuMemAlloc(CUdeviceptr *dptr, size_t bytesize);\n")
	for i := range fewest {
		fmt.Fprintf(&b, "CUresult CUDAAPI cuTest%03d(int x);\n", i)
	}
	return []byte(b.String())
}

func TestNames(t *testing.T) {
	got, err := Names(header())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cuInit)", "cuMemAlloc)", "cuMemAlloc_v2)", "cuLaunchKernel)", "cuMemcpyHtoD_v2)", "cuTest199)"} {
		if bytes.Count(got, []byte(", "+want)) != 1 {
			t.Errorf("%s is not there once", want)
		}
	}
	if bytes.Contains(got, []byte("cuPointer")) || !bytes.HasPrefix(got, []byte("NAME(0, cuInit)\nNAME(1, cuLaunchKernel)\n")) {
		t.Errorf("names begin with %.60q", got)
	}
	for _, no := range []string{"", "CUresult CUDAAPI cuInit(int);", strings.ReplaceAll(string(header()), "cuInit", "cuOther")} {
		if _, err := Names([]byte(no)); err == nil {
			t.Errorf("%.40q passes for cuda.h", no)
		}
	}
}

// program calls through the shim: before the slots are filled, with one filled by hand, and with those of a library.
const program = `#include "shim.h"
#include <stdio.h>
#include <string.h>
int cuInit(unsigned), cuMemAlloc_v2(void *, unsigned long), cuTest007(int), cuTest008(int);
static int eight(int x) { return 8 + x; }
int main(int n, char **library) {
	const char *none[] = {"libprimer_none.so", NULL}, *real[] = {"libprimer_none.so", library[1], NULL};
	printf("%d %d %d %s ", cuInit(0), cuMemAlloc_v2(NULL, 1), cuTest008(1), primer_cuda_folder);
	printf("%d %d ", primer_cuda_fill("cuNo", (void *)eight), primer_cuda_fill("cuTest008", (void *)eight));
	printf("%d %d ", cuTest008(1), primer_cuda_open(none) != NULL);
	const char *problem = primer_cuda_open(real);
	printf("%s %d %d %d\n", problem ? problem : "open", cuInit(0), cuTest007(1), cuTest008(1));
	return n != 2;
}
`

// library has some of the functions only, as an old driver.
const library = "int cuInit(unsigned x) { return 100 + x; }\nint cuTest007(int x) { return 7 + x; }\n"

func TestJumps(t *testing.T) {
	dir := t.TempDir()
	names, err := Names(header())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"shim.c": Source, "shim.h": Header, "names.inc": names, "main.c": []byte(program), "library.c": []byte(library),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("cc", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", `-DPRIMER_CUDA_FOLDER="/a folder"`, "-c", "shim.c")
	run("cc", "-shared", "-fPIC", "library.c", "-o", "libold.so")
	run("cc", "main.c", "shim.o", "-ldl", "-o", "main")
	if got, want := run("./main", filepath.Join(dir, "libold.so")), "0 500 500 /a folder 0 1 9 1 open 100 8 9\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}
