//go:build cuda

package cuda

/*
#include <stdlib.h>
#include "nvrtc.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// nvrtcNames are NVRTC's functions in the order of nvrtc.h.
var nvrtcNames = []string{
	"nvrtcVersion", "nvrtcCreateProgram", "nvrtcCompileProgram", "nvrtcGetProgramLogSize", "nvrtcGetProgramLog", "nvrtcGetCUBINSize",
	"nvrtcGetCUBIN", "nvrtcDestroyProgram", "nvrtcGetErrorString",
}

// nvrtc is the run-time compiler.
type nvrtc struct {
	functions [C.NVRTC_FUNCTIONS]C.uintptr_t
	version   string // "12.4": code of another version may differ
}

// openNVRTC finds the compiler; driver is the newest CUDA that its code may be for.
func openNVRTC(driver int) (*nvrtc, error) {
	var stand map[string]uintptr
	if standIn != nil {
		_, stand, _ = standIn()
	}
	found, err := openLibrary("NVRTC", versioned("libnvrtc", driver, 13, 12), nvrtcNames, "nvrtc", stand)
	if err != nil {
		return nil, err
	}
	n := &nvrtc{}
	for i, function := range found {
		n.functions[i] = C.uintptr_t(function)
	}
	var major, minor C.int
	if r := C.nvrtc_version(&n.functions[0], &major, &minor); r != 0 {
		return nil, fmt.Errorf("%w: NVRTC tells no version: %s", kernels.ErrNoDevice, n.text(r))
	}
	n.version = fmt.Sprintf("%d.%d", major, minor)
	return n, nil
}

func (n *nvrtc) text(r C.int) string { return C.GoString(C.nvrtc_error(&n.functions[0], r)) }

// compile makes a cubin of a source and its headers; said are the compiler's warnings.
func (n *nvrtc) compile(name, text string, headers map[string]string, options []string) (code []byte, said string, err error) {
	var all cStrings
	defer all.free()
	var texts, names []string
	for name, text := range headers {
		names, texts = append(names, name), append(texts, text)
	}
	s := (*C.nvrtc_source)(C.calloc(1, C.sizeof_nvrtc_source))
	defer C.free(unsafe.Pointer(s))
	s.name, s.text = all.add(name), all.add(text)
	s.headers, s.options = C.int(len(names)), C.int(len(options))
	s.header_texts, s.header_names, s.option = all.array(texts), all.array(names), all.array(options)
	var cubin, log *C.char
	var size C.size_t
	r := C.nvrtc_compile(&n.functions[0], s, &cubin, &size, &log)
	defer C.free(unsafe.Pointer(cubin))
	defer C.free(unsafe.Pointer(log))
	if log != nil {
		said = strings.TrimSpace(C.GoString(log))
	}
	if r != 0 {
		return nil, said, fmt.Errorf("%w: NVRTC %s, %s with %s: %s\n%s", kernels.ErrDevice, n.version, name, strings.Join(options, " "), n.text(r), said)
	}
	return C.GoBytes(unsafe.Pointer(cubin), C.int(size)), said, nil
}

// cStrings are texts in C memory, freed together.
type cStrings struct{ all []unsafe.Pointer }

func (c *cStrings) add(s string) *C.char {
	p := C.CString(s)
	c.all = append(c.all, unsafe.Pointer(p))
	return p
}

func (c *cStrings) array(texts []string) **C.char {
	p := C.calloc(C.size_t(len(texts)+1), C.size_t(unsafe.Sizeof((*C.char)(nil))))
	c.all = append(c.all, p)
	for i, text := range texts {
		unsafe.Slice((**C.char)(p), len(texts))[i] = c.add(text)
	}
	return (**C.char)(p)
}

func (c *cStrings) free() {
	for _, p := range c.all {
		C.free(p)
	}
}
