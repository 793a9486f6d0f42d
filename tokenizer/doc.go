// Package tokenizer turns text into token ids and back, with the ids that Hugging Face gives.
//
// Encoding is done by the Rust library of Hugging Face through a C interface
// (github.com/daulet/tokenizers, built by `make setup`). That library ends the process on a hostile
// tokenizer.json and takes text as C strings, so it is kept at arm's length:
//
//   - json.go and check.go read the file themselves, strictly: anything but a byte-pair model whose
//     parts are all known, typed and consistent is refused with the field named. The library only
//     ever sees JSON that we wrote from what was checked (library.go).
//   - text.go makes any bytes fit for a C string. A NUL byte travels under an escape that a
//     normalizer inside the library turns back, so it gets the ids that it would get in Python.
//     Each invalid UTF-8 sequence counts as one U+FFFD, as bytes.decode("utf-8", "replace") has it.
//   - decode.go is our own: the library drops unknown ids in silence, cannot return a NUL, and does
//     not tell the bytes of one token, which streaming and stop strings need.
//
// A Tokenizer may be used by any number of goroutines.
package tokenizer
