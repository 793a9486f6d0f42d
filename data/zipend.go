package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Zip's records that end an archive, see sections 4.3.14 to 4.3.16 of PKWARE's APPNOTE.
var (
	endMagic       = []byte("PK\x05\x06")
	endMagic64     = []byte("PK\x06\x06")
	locatorMagic64 = []byte("PK\x06\x07")
)

const (
	endLen, endLen64, locatorLen64 = 22, 56, 20

	// maxDirectory bounds the directory of an archive as it is stored, in bytes.
	maxDirectory = 128 << 20
	// directorySlack is what is read to find the directory, with buffers.
	directorySlack = 128 << 10
)

// zipEnd is what the end of an archive says about its directory.
type zipEnd struct{ members, size uint64 }

// readZipEnd finds the end of an archive, behind which a comment of up to 64 KiB may stand. An archive without one is empty here.
func readZipEnd(r io.ReaderAt, size int64) (end zipEnd, err error) {
	tail := make([]byte, min(size, 1<<16+endLen))
	at := size - int64(len(tail))
	if _, err := r.ReadAt(tail, at); err != nil && err != io.EOF {
		return end, err
	}
	i := len(tail) - endLen
	for ; i >= 0; i-- {
		if bytes.HasPrefix(tail[i:], endMagic) && i+endLen+int(binary.LittleEndian.Uint16(tail[i+20:])) <= len(tail) {
			break
		}
	}
	if i < 0 {
		return end, nil
	}
	b := tail[i:]
	end = zipEnd{uint64(binary.LittleEndian.Uint16(b[10:])), uint64(binary.LittleEndian.Uint32(b[12:]))}
	if end.members == 1<<16-1 || end.size == 1<<32-1 || binary.LittleEndian.Uint32(b[16:]) == 1<<32-1 {
		return end.wide(r, at+int64(i))
	}
	return end, nil
}

// wide reads the end of a large archive, which a locator in front of the small one names.
func (end zipEnd) wide(r io.ReaderAt, at int64) (zipEnd, error) {
	var b [endLen64]byte
	if at < locatorLen64 {
		return end, nil
	}
	if _, err := r.ReadAt(b[:locatorLen64], at-locatorLen64); err != nil {
		return end, err
	}
	if !bytes.HasPrefix(b[:], locatorMagic64) {
		return end, nil
	}
	at = int64(binary.LittleEndian.Uint64(b[8:]))
	if at < 0 {
		return end, errors.New("an end before the beginning")
	}
	if _, err := r.ReadAt(b[:], at); err != nil || !bytes.HasPrefix(b[:], endMagic64) {
		return end, fmt.Errorf("no end of the directory at byte %d (%v)", at, err)
	}
	return zipEnd{binary.LittleEndian.Uint64(b[32:]), binary.LittleEndian.Uint64(b[40:])}, nil
}

// check holds what the end says against the limits.
func (end zipEnd) check() error {
	switch {
	case end.members > maxMembers:
		return fmt.Errorf("%w: zip: %d members, at most %d are read", ErrLimit, end.members, maxMembers)
	case end.size > maxDirectory:
		return fmt.Errorf("%w: zip: a directory of %d bytes, at most %d MiB are read", ErrLimit, end.size, maxDirectory>>20)
	}
	return nil
}
