package tokenizer

/*
#cgo LDFLAGS: -L${SRCDIR}/lib -ltokenizers -ldl -lm -lpthread

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The C interface of github.com/daulet/tokenizers v1.22.1, as src/lib.rs there defines it. (Its own
// header declares buffer.len as 32 bits wide; the library reads and writes 64.)
struct tokenizers_options { bool encode_special_tokens; };
struct tokenizers_encode_options {
	bool add_special_tokens, return_type_ids, return_tokens;
	bool return_special_tokens_mask, return_attention_mask, return_offsets;
};
// The library's pointers are integers here: one to an empty array is no address but a small number, and Go's runtime ends the
// process when it moves a stack that holds such a pointer.
struct tokenizers_buffer {
	uintptr_t ids, type_ids, special_tokens_mask, attention_mask, tokens, offsets;
	size_t len;
};
extern void *tokenizers_from_bytes(const uint8_t *config, uint32_t len, const struct tokenizers_options *options, char **error);
extern struct tokenizers_buffer tokenizers_encode(void *t, const char *text, const struct tokenizers_encode_options *options);
extern void tokenizers_free_tokenizer(void *t);
extern void tokenizers_free_buffer(struct tokenizers_buffer buffer);
extern void tokenizers_free_string(char *s);

// Present in this version of the library only: another one fails to link.
extern void tokenizers_version_1_22_1(void);
void (*primer_tokenizers_version)(void) = &tokenizers_version_1_22_1;

static struct tokenizers_buffer primer_encode(void *t, const char *text, bool offsets) {
	struct tokenizers_encode_options options = {.return_offsets = offsets};
	return tokenizers_encode(t, text, &options);
}
static void primer_copy(void *to, uintptr_t from, size_t size) {
	if (size > 0) memcpy(to, (const void *)from, size);
}
static void *primer_open(const uint8_t *config, uint32_t len, bool plain, char **error) {
	struct tokenizers_options options = {.encode_special_tokens = plain};
	return tokenizers_from_bytes(config, len, &options, error);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// handle is one tokenizer of the library. It is safe for concurrent use.
type handle struct{ ptr unsafe.Pointer }

// openHandle gives the library a tokenizer.json that we wrote. With plain, the text of special
// tokens is ordinary text.
func openHandle(json []byte, plain bool) (handle, error) {
	var msg *C.char
	ptr := C.primer_open((*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(json))), C.uint32_t(len(json)), C.bool(plain), &msg)
	if ptr != nil {
		return handle{ptr}, nil
	}
	if msg == nil {
		return handle{}, errors.New("the tokenizer library refuses the file without a reason")
	}
	defer C.tokenizers_free_string(msg)
	return handle{}, fmt.Errorf("the tokenizer library refuses the file: %s", C.GoString(msg))
}

func (h handle) close() { C.tokenizers_free_tokenizer(h.ptr) }

// encode returns the ids of text, which ends in its only NUL byte, and, if wanted, where in text
// each token stands, in bytes.
func (h handle) encode(text []byte, wantOffsets bool) (ids []int32, offsets [][2]int, err error) {
	if len(text) == 0 || text[len(text)-1] != 0 {
		panic("tokenizer: text is not a C string")
	}
	buf := C.primer_encode(h.ptr, (*C.char)(unsafe.Pointer(unsafe.SliceData(text))), C.bool(wantOffsets))
	if buf.ids == 0 { // an empty result has a pointer too
		return nil, nil, errors.New("the tokenizer library failed to encode a text")
	}
	defer C.tokenizers_free_buffer(buf)
	ids = make([]int32, buf.len)
	C.primer_copy(unsafe.Pointer(unsafe.SliceData(ids)), buf.ids, buf.len*C.size_t(unsafe.Sizeof(ids[0])))
	if !wantOffsets {
		return ids, nil, nil
	}
	offsets = make([][2]int, buf.len) // an int is as wide as a size_t
	C.primer_copy(unsafe.Pointer(unsafe.SliceData(offsets)), buf.offsets, buf.len*C.size_t(unsafe.Sizeof(offsets[0])))
	return ids, offsets, nil
}
