package records

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/primer-lm/primer/data"
)

const (
	// nearBuffer is what is read of a column at a time from a disk, farBuffer over a network, where a request costs as much as
	// some megabytes; one buffer per column that is read.
	nearBuffer = 64 << 10
	farBuffer  = 4 << 20
)

// rowBatch is how many Parquet rows are decoded at a time.
const rowBatch = 64

// codecs are the compressions that are read. The library's LZ4 decoder doubles its buffer
// until the process ends when a codec byte is damaged, so what nobody writes is refused
// before a page is touched.
var codecs = map[format.CompressionCodec]bool{
	format.Uncompressed: true, format.Snappy: true, format.Gzip: true, format.Zstd: true, format.Brotli: true,
}

// parquet reads a Parquet file. The library panics on some damaged files: that is an error
// of the file here.
func (r *reader) parquet() (err error) {
	f, err := r.file.OpenAt()
	if err != nil {
		return err
	}
	defer f.Close()
	consuming := false // a panic of the consumer is none of the file's
	defer func() {
		if p := recover(); p != nil {
			if consuming {
				panic(p)
			}
			err = fmt.Errorf("%w: Parquet: %v", data.ErrStream, p)
		}
	}()
	if err := checkFooter(f, f.Size()); err != nil {
		return err
	}
	buffer := nearBuffer
	if f.Far() {
		buffer = farBuffer
	}
	file, err := parquet.OpenFile(f, f.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(buffer))
	if err != nil {
		return fmt.Errorf("%w: Parquet: %w", data.ErrStream, err)
	}
	if err := checkParquet(file); err != nil {
		return err
	}
	columns, err := r.choose(file)
	if err != nil {
		return err
	}
	n := int64(0)
	give := func(row []byte) error {
		n++
		consuming = true // and stays so when the consumer panics
		err := r.give(n, row)
		consuming = false
		return err
	}
	for i, group := range file.RowGroups() {
		if err := readGroup(columns, group, give); err != nil {
			if errors.Is(err, errStop) || errors.Is(err, data.ErrFormat) {
				return err
			}
			return fmt.Errorf("%w: Parquet: row group %d, behind row %d: %w", data.ErrStream, i, n, err)
		}
	}
	if n != file.NumRows() {
		return fmt.Errorf("%w: Parquet: %d rows, its footer says %d", data.ErrStream, n, file.NumRows())
	}
	return nil
}

// checkFooter looks at the length of the footer, for which the library allocates unseen.
func checkFooter(f io.ReaderAt, size int64) error {
	var end [8]byte
	if size < int64(len(end)) {
		return fmt.Errorf("%w: Parquet: a file of %d bytes", data.ErrStream, size)
	}
	if _, err := f.ReadAt(end[:], size-int64(len(end))); err != nil {
		return err
	}
	if footer := int64(binary.LittleEndian.Uint32(end[:4])); footer > size-int64(len(end)) {
		return fmt.Errorf("%w: Parquet: a footer of %d bytes in a file of %d", data.ErrStream, footer, size)
	}
	return nil
}

// checkParquet holds what the footer says against the file before anything is decoded.
func checkParquet(file *parquet.File) error {
	for i, group := range file.Metadata().RowGroups {
		for _, chunk := range group.Columns {
			m := chunk.MetaData
			switch {
			case !codecs[m.Codec]:
				return fmt.Errorf("%w: Parquet compression %v (known: none, snappy, gzip, zstd, brotli)", data.ErrFormat, m.Codec)
			case m.TotalCompressedSize < 0 || m.TotalCompressedSize > file.Size() || m.TotalUncompressedSize < 0:
				return fmt.Errorf("%w: Parquet: row group %d: a column of %d bytes in a file of %d", data.ErrStream, i, m.TotalCompressedSize, file.Size())
			case m.TotalUncompressedSize > data.MaxRatio*m.TotalCompressedSize+1<<20:
				return fmt.Errorf("%w: Parquet: row group %d: over %d bytes out for each byte in", data.ErrLimit, i, data.MaxRatio)
			}
		}
	}
	return nil
}

func readGroup(columns *selection, group parquet.RowGroup, give func([]byte) error) (err error) {
	rows := columns.rows(group)
	defer func() { err = errors.Join(err, rows.Close()) }()
	a := newAssembler(columns)
	var line []byte
	batch := make([]parquet.Row, rowBatch)
	for {
		n, err := rows.ReadRows(batch)
		for _, row := range batch[:n] {
			var bad error
			if line, bad = a.row(line[:0], row); bad != nil {
				return bad
			}
			if bad := give(line); bad != nil {
				return bad
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrNoProgress
		}
	}
}
