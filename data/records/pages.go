package records

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/primer-lm/primer/data"
)

// The library believes page headers and the runs of a page: a few bytes that declare a run of
// 2^31 levels cost it gigabytes. So the pages of a row group are gone through before it is
// given them: sizes and checksums, what a page becomes when it is unpacked, and how many
// values its runs hold.

const (
	maxHeader     = maxPage // bytes of a page's header: it may hold the least and the greatest of long texts
	maxPage       = MaxRecord
	maxPageValues = 1 << 24 // of one page; a level or an index of each is held in memory
)

// plainDictionary is what older writers call RLEDictionary.
const plainDictionary = 2

// pageCheck goes through pages with buffers that it keeps.
type pageCheck struct {
	file          io.ReaderAt
	head, in, out []byte
	zstd          *zstd.Decoder
	codec         format.CompressionCodec // of the column
	maxDef        int                     // its levels
	maxRep        int
	rows          rowLengths // of the column
}

func newPageCheck(file io.ReaderAt) (*pageCheck, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxPage))
	return &pageCheck{file: file, zstd: z}, err
}

// column checks all pages of a column of a row group. They lie where the library will read. It leaves the longest row in p.rows.
func (p *pageCheck) column(column *parquet.Column, m *format.ColumnMetaData) error {
	p.codec, p.maxDef, p.maxRep = m.Codec, column.MaxDefinitionLevel(), column.MaxRepetitionLevel()
	p.rows = rowLengths{width: bits.Len(uint(p.maxRep))}
	at, values, first := start(m), int64(0), true
	for end := at + m.TotalCompressedSize; at < end; {
		h, n, err := p.header(at, end)
		if err == nil {
			err = p.page(&h, at+n, end)
		}
		if err == nil && (h.kind == 0 || h.kind == 3) {
			err = named(&h, m)
			// Behind a dictionary the library goes where the footer says, wherever that is.
			if first && err == nil && m.DictionaryPageOffset != 0 && at != m.DataPageOffset {
				err = fmt.Errorf("the footer says that the first one is at byte %d", m.DataPageOffset)
			}
			values, first = values+h.values, false
		}
		if err != nil {
			return fmt.Errorf("column %s: page at byte %d: %w", column.Name(), at, err)
		}
		at += n + h.packed
	}
	if values != m.NumValues {
		return fmt.Errorf("column %s: pages of %d values, the footer says %d", column.Name(), values, m.NumValues)
	}
	return nil
}

// named refuses one of the rarer encodings that the footer does not name: a header has no checksum, and bytes of one of them read as
// another.
func named(h *pageHeader, m *format.ColumnMetaData) error {
	switch e := format.Encoding(h.encoding); e {
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray, format.DeltaByteArray:
		if !slices.Contains(m.Encoding, e) {
			return fmt.Errorf("encoding %v is none of the column's %v", e, m.Encoding)
		}
	}
	return nil
}

// header reads the header at a place; most are much shorter than 512 bytes.
func (p *pageCheck) header(at, end int64) (h pageHeader, length int64, err error) {
	for size := int64(512); ; size *= 8 {
		size = min(size, end-at, maxHeader)
		p.head = resize(p.head, size)
		if _, err := p.file.ReadAt(p.head, at); err != nil {
			return h, 0, err
		}
		h, n, err := parsePage(p.head)
		if err == nil || size == end-at || size == maxHeader || errors.Is(err, errHeader) {
			return h, int64(n), err
		}
	}
}

// page holds a page against its header.
func (p *pageCheck) page(h *pageHeader, at, end int64) error {
	switch {
	case h.packed < 0 || h.packed > end-at:
		return fmt.Errorf("%d bytes, %d are left of the column", h.packed, end-at)
	case h.packed > maxPage || h.unpacked > maxPage:
		return fmt.Errorf("%w: over %d MiB", data.ErrLimit, maxPage>>20)
	case h.unpacked > data.MaxRatio*h.packed+1<<20:
		return fmt.Errorf("%w: over %d bytes out for each byte in", data.ErrLimit, data.MaxRatio)
	case h.values < 0 || h.unpacked < 0 || h.defLevels < 0 || h.repLevels < 0 ||
		h.defLevels > h.packed || h.repLevels > h.packed || h.defLevels+h.repLevels > min(h.packed, h.unpacked):
		return errors.New("negative or larger than the page")
	case h.values > maxPageValues:
		return fmt.Errorf("%w: %d values in one page", data.ErrLimit, h.values)
	}
	p.in = resize(p.in, h.packed)
	if _, err := p.file.ReadAt(p.in, at); err != nil {
		return err
	}
	if h.hasCRC && uint32(h.crc) != crc32.ChecksumIEEE(p.in) {
		return errors.New("its checksum differs")
	}
	levels := h.defLevels + h.repLevels // outside of the compression, version 2 only
	content, err := p.unpack(p.in[levels:], h.unpacked-levels, h.plain)
	if err != nil {
		return err
	}
	switch h.kind {
	case 0:
		return p.version1(h, content)
	case 2:
		if h.encoding != int64(format.Plain) && h.encoding != plainDictionary {
			return fmt.Errorf("a dictionary in encoding %v", format.Encoding(h.encoding))
		}
	case 3:
		if err := runs(p.in[:h.repLevels], p.maxRep, h.values); err != nil {
			return err
		}
		if err := p.rows.page(p.in[:h.repLevels], h.values); err != nil {
			return err
		}
		if err := runs(p.in[h.repLevels:levels], p.maxDef, h.values); err != nil {
			return err
		}
		return encoded(h, content)
	}
	return nil
}

// version1 checks the levels in front of a page's values, and those.
func (p *pageCheck) version1(h *pageHeader, content []byte) error {
	for i, level := range []int{p.maxRep, p.maxDef} {
		if level == 0 {
			continue
		}
		if len(content) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := int64(binary.LittleEndian.Uint32(content))
		content = content[4:]
		if n > int64(len(content)) {
			return io.ErrUnexpectedEOF
		}
		if err := runs(content[:n], level, h.values); err != nil {
			return err
		}
		if i == 0 {
			if err := p.rows.page(content[:n], h.values); err != nil {
				return err
			}
		}
		content = content[n:]
	}
	return encoded(h, content)
}

// encoded checks values whose encoding may hold many in few bytes.
func encoded(h *pageHeader, content []byte) error {
	switch h.encoding {
	case plainDictionary, int64(format.RLEDictionary): // the width of an index, then runs of them
		if len(content) == 0 || h.values == 0 {
			return nil // all null
		}
		if content[0] > 32 {
			return fmt.Errorf("indexes of %d bits", content[0])
		}
		return runsOf(content[1:], int(content[0]), h.values)
	case int64(format.RLE):
		if len(content) >= 4 {
			content = content[4:]
		}
		return runsOf(content, 1, h.values)
	case int64(format.DeltaBinaryPacked):
		_, err := deltaHead(content, h.values)
		return err
	case int64(format.DeltaLengthByteArray):
		return deltaTexts(content, h.values)
	case int64(format.DeltaByteArray):
		return deltaFronts(content, h.values)
	}
	return nil
}

// runs checks levels from 0 to a greatest one.
func runs(b []byte, greatest int, values int64) error {
	if greatest == 0 {
		return nil
	}
	return runsOf(b, bits.Len(uint(greatest)), values)
}

// runsOf counts the values of a hybrid of runs and packed groups: no more than the page's,
// but for what fills the last group.
func runsOf(b []byte, width int, values int64) error {
	total := uint64(0)
	for len(b) > 0 {
		head, n := binary.Uvarint(b)
		if n <= 0 {
			return errors.New("a run without a length")
		}
		count, size := head>>1, uint64(width+7)/8
		if head&1 == 1 {
			count, size = count*8, count*uint64(width)
		}
		if head > 1<<32 || count > uint64(values)+512 {
			return fmt.Errorf("%w: a run of %d in a page of %d values", data.ErrLimit, count, values)
		}
		if total += count; total > uint64(values)+512 {
			return fmt.Errorf("%w: runs of over %d in a page of %d values", data.ErrLimit, total, values)
		}
		b = b[n+int(min(size, uint64(len(b)-n))):]
	}
	return nil
}

// unpack gives what a page holds, which must be exactly as long as its header says.
func (p *pageCheck) unpack(in []byte, size int64, plain bool) (out []byte, err error) {
	codec := p.codec
	if plain {
		codec = format.Uncompressed
	}
	var r io.Reader
	switch codec {
	case format.Uncompressed:
		if int64(len(in)) != size {
			return nil, fmt.Errorf("%d bytes, its header says %d", len(in), size)
		}
		return in, nil
	case format.Snappy:
		if n, err := snappy.DecodedLen(in); err != nil || int64(n) != size {
			return nil, fmt.Errorf("it unpacks to %d bytes, its header says %d (%v)", n, size, err)
		}
		p.out = resize(p.out, size)
		return snappy.Decode(p.out, in)
	case format.Gzip:
		r, err = gzip.NewReader(bytes.NewReader(in))
	case format.Zstd:
		r, err = p.zstd, p.zstd.Reset(bytes.NewReader(in))
	case format.Brotli:
		r = brotli.NewReader(bytes.NewReader(in))
	}
	if err != nil {
		return nil, err
	}
	p.out = resize(p.out, size)
	if _, err := io.ReadFull(r, p.out); err != nil {
		return nil, err
	}
	var more [1]byte
	if n, err := io.ReadFull(r, more[:]); n != 0 || err != io.EOF {
		return nil, fmt.Errorf("it unpacks to more than its %d bytes (%v)", size, err)
	}
	return p.out, nil
}

func resize(b []byte, n int64) []byte {
	if int64(cap(b)) >= n {
		return b[:n]
	}
	return make([]byte, n)
}
