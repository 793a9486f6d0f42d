//go:build cuda

package cuda

/*
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

static uintptr_t library_open(const char *path, const char **problem) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	*problem = library ? NULL : dlerror();
	return (uintptr_t)library;
}
static uintptr_t library_function(uintptr_t library, const char *name) { return (uintptr_t)dlsym((void *)library, name); }
*/
import "C"

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// pathVariable names folders, separated by colons, in which the libraries of CUDA are looked for first.
const pathVariable = "PRIMER_CUDA_PATH"

// openLibrary opens the first of the named files that opens and returns its functions, in the order of names. Each file is
// looked for in the folders of PRIMER_CUDA_PATH, by the loader, beside the program, where set-up put it (in own), and in the
// toolkit's folder. stand, when it is not nil, is taken in place of any library.
func openLibrary(what string, files, names []string, own string, stand map[string]uintptr) (functions []uintptr, err error) {
	if stand != nil {
		for _, name := range names {
			if stand[name] == 0 {
				return nil, fmt.Errorf("the stand-in for %s has no %s", what, name)
			}
			functions = append(functions, stand[name])
		}
		return functions, nil
	}
	var looked []string
	for _, path := range candidates(files, own) {
		loadBeside(path)
		library, problem := loadLibrary(path)
		if library == 0 {
			looked = append(looked, problem)
			continue
		}
		for _, name := range names {
			c := C.CString(name)
			function := uintptr(C.library_function(library, c))
			C.free(unsafe.Pointer(c))
			if function == 0 {
				return nil, fmt.Errorf("%w: %s has no function %s: it is not the %s that was looked for", kernels.ErrNoDevice, path, name, what)
			}
			functions = append(functions, function)
		}
		return functions, nil
	}
	return nil, fmt.Errorf("%w: no %s; set %s to its folder, or install it (pip has nvidia-cuda-nvrtc and nvidia-cublas, for CUDA 12 with -cu12 behind the name). Looked for:\n\t%s",
		kernels.ErrNoDevice, what, pathVariable, strings.Join(looked, "\n\t"))
}

// candidates lists the paths to try, in order.
func candidates(files []string, own string) (paths []string) {
	add := func(folder string) {
		for _, file := range files {
			paths = append(paths, filepath.Join(folder, file))
		}
	}
	for _, folder := range filepath.SplitList(os.Getenv(pathVariable)) {
		add(folder)
	}
	paths = append(paths, files...)
	if program, err := os.Executable(); err == nil { // where it is unknown there is nothing beside it
		add(filepath.Join(filepath.Dir(program), "lib"))
	}
	if own != "" {
		add(filepath.Join(setupFolder(), own))
	}
	add("/usr/local/cuda/lib64")
	return paths
}

// loadBeside opens the library that NVRTC opens by name when it compiles, where it lies beside it: the loader does not look there. One
// that does not open is NVRTC's to complain of.
func loadBeside(path string) {
	folder, file := filepath.Split(path)
	if folder == "" || !strings.HasPrefix(file, "libnvrtc.so") {
		return
	}
	builtins, _ := filepath.Glob(folder + "libnvrtc-builtins.so.*") // the pattern is a valid one
	for _, b := range builtins {
		loadLibrary(b)
	}
}

func loadLibrary(path string) (library C.uintptr_t, problem string) {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	var text *C.char
	if library = C.library_open(c, &text); library == 0 {
		return 0, C.GoString(text)
	}
	return library, ""
}

// versioned lists the files of a library for the majors of CUDA that a driver runs, the newest first.
func versioned(name string, driver int, majors ...int) (files []string) {
	for _, major := range majors {
		if major*1000 <= driver {
			files = append(files, fmt.Sprintf("%s.so.%d", name, major))
		}
	}
	return files
}
