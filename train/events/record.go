package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The frame of a record, as TensorFlow's record format has it, little-endian:
//
//	uint64 length
//	uint32 masked crc32c of the 8 bytes of length
//	byte   data[length]
//	uint32 masked crc32c of data
const (
	frameHead = 8 + 4
	frameTail = 4
	// maxRecord bounds what a reader allocates, in bytes; a scalar event takes some 50.
	maxRecord = 16 << 20
)

// castagnoli is the polynomial of crc32c.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is the crc32c rotated right by 15 bits plus a constant, so that the sum of data that holds sums stays a good one.
func maskedCRC(b []byte) uint32 {
	crc := crc32.Checksum(b, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// appendRecord adds data in its frame.
func appendRecord(b, data []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(b[start:]))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, maskedCRC(data))
}

// ErrDamaged: a record is not as it was written. A file that merely ends within a record is io.ErrUnexpectedEOF.
var ErrDamaged = errors.New("damaged record")

// readRecord takes the next record; io.EOF at the end of the file.
func readRecord(r io.Reader) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(head[:8])
	if binary.LittleEndian.Uint32(head[8:]) != maskedCRC(head[:8]) {
		return nil, fmt.Errorf("%w: wrong checksum of the length", ErrDamaged)
	}
	if length > maxRecord {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrDamaged, length, maxRecord)
	}
	data := make([]byte, length+frameTail)
	if _, err := io.ReadFull(r, data); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	data, tail := data[:length], data[length:]
	if binary.LittleEndian.Uint32(tail) != maskedCRC(data) {
		return nil, fmt.Errorf("%w: wrong checksum of the data", ErrDamaged)
	}
	return data, nil
}
