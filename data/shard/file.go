package shard

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
)

// File is one open shard. Reading is safe from several goroutines; Close is not
// safe beside a read.
type File struct {
	header
	path   string
	b      []byte // the whole file, mapped
	tokens []byte
	mask   []byte // nil: every token counts
	index  []byte
}

// OpenFile maps a shard and checks all its fields.
func OpenFile(path string) (*File, error) {
	b, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := view(b)
	if err != nil {
		syscall.Munmap(b)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.path = path
	return f, nil
}

// mapFile maps a regular file read-only.
func mapFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() < headerSize {
		return nil, damaged("no regular file of at least %d bytes", headerSize)
	}
	b, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return b, nil
}

// view lays the sections over a file's bytes.
func view(b []byte) (f *File, err error) {
	defer trap(&err)()
	h, err := parse(b)
	if err != nil {
		return nil, err
	}
	mask, index, end := h.sections()
	f = &File{header: *h, b: b, tokens: b[headerSize:mask], index: b[index : end-footerSize]}
	if h.flags&flagMask != 0 {
		f.mask = b[mask:index]
	}
	return f, checkIndex(f.index, h)
}

// trap turns a fault in the mapping (the file was cut while it was open) into an
// error. Use: defer trap(&err)().
func trap(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			fault, ok := r.(interface{ Addr() uintptr })
			if !ok {
				panic(r)
			}
			*err = damaged("the file was cut while it was open (fault at %#x)", fault.Addr())
		}
	}
}

// Close unmaps the file.
func (f *File) Close() error { return syscall.Munmap(f.b) }

// Len is the number of units.
func (f *File) Len() int64 { return f.units }

// Tokens is the number of tokens of all units.
func (f *File) Tokens() int64 { return f.header.tokens }

// bounds gives the first token of unit i and the first after it.
func (f *File) bounds(i int64) (start, end int64) {
	return int64(binary.LittleEndian.Uint64(f.index[8*i:])), int64(binary.LittleEndian.Uint64(f.index[8*i+8:]))
}

// UnitLen is the number of tokens of unit i.
func (f *File) UnitLen(i int64) (n int, err error) {
	defer trap(&err)()
	start, end := f.bounds(i)
	return int(end - start), nil
}

// Read copies tokens from unit i, beginning at its token from, and whether each
// counts in the loss; mask is as long as tokens.
func (f *File) Read(i int64, from int, tokens []int32, mask []uint8) (err error) {
	defer trap(&err)()
	start, end := f.bounds(i)
	if from < 0 || int64(from)+int64(len(tokens)) > end-start {
		panic("shard: read outside a unit")
	}
	at := start + int64(from)
	if f.flags&flag16 != 0 {
		for j := range tokens {
			tokens[j] = int32(binary.LittleEndian.Uint16(f.tokens[2*(at+int64(j)):]))
		}
	} else {
		for j := range tokens {
			tokens[j] = int32(binary.LittleEndian.Uint32(f.tokens[4*(at+int64(j)):]))
		}
	}
	for j, id := range tokens {
		if uint32(id) >= f.vocab {
			return damaged("%s: unit %d token %d is %d, the vocabulary has %d", f.path, i, from+j, uint32(id), f.vocab)
		}
		mask[j] = 1
		if f.mask != nil {
			k := at + int64(j)
			mask[j] = f.mask[k/8] >> (k % 8) & 1
		}
	}
	return nil
}
