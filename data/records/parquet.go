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
	// maxBuffers is what all of them take together, in bytes, and so maxColumns how many columns are read.
	maxBuffers = 256 << 20
	maxColumns = maxBuffers / nearBuffer
)

// bufferSize is what is read at a time of each of so many columns: a power of two, since the library keeps buffers by their size.
func bufferSize(far bool, columns int) int {
	if !far {
		return nearBuffer
	}
	size := farBuffer
	for size > nearBuffer && size*columns > maxBuffers {
		size /= 2
	}
	return size
}

// rowBatch is how many Parquet rows are decoded at a time, fewer where they are long.
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
	file, columns, err := r.columns(f)
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
	pages, err := newPageCheck(data.ReadAhead(f, bufferSize(f.Far(), 1)))
	if err != nil {
		return err
	}
	defer pages.zstd.Close()
	for i, group := range file.RowGroups() {
		longest, err := checkPages(pages, file, columns, i)
		if err == nil {
			err = readGroup(columns, group, min(rowBatch, maxRowValues/max(longest, 1)), give)
		}
		if err != nil {
			if errors.Is(err, errStop) || errors.Is(err, data.ErrFormat) || errors.Is(err, data.ErrLimit) {
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

// columns opens a file and chooses from it. How much is read at a time depends on how many are chosen.
func (r *reader) columns(f data.Random) (*parquet.File, *selection, error) {
	buffer := bufferSize(f.Far(), 1)
	file, err := openParquet(f, buffer)
	if err != nil {
		return nil, nil, err
	}
	columns, err := r.choose(file)
	if err != nil {
		return nil, nil, err
	}
	n := len(columns.chunks)
	if n > maxColumns {
		return nil, nil, fmt.Errorf("%w: Parquet: %d columns, at most %d are read: choose some", data.ErrLimit, n, maxColumns)
	}
	if size := bufferSize(f.Far(), n); size != buffer {
		file, err = openParquet(f, size)
	}
	return file, columns, err
}

func openParquet(f data.Random, buffer int) (*parquet.File, error) {
	file, err := parquet.OpenFile(f, f.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(buffer))
	if err != nil {
		return nil, fmt.Errorf("%w: Parquet: %w", data.ErrStream, err)
	}
	return file, checkParquet(file)
}

// maxFooter is the longest footer that is read, in bytes.
const maxFooter = 64 << 20

// checkFooter goes through the footer, for whose lengths and counts the library allocates
// unseen.
func checkFooter(f io.ReaderAt, size int64) error {
	var end [8]byte
	if size < int64(len(end)) {
		return fmt.Errorf("%w: Parquet: a file of %d bytes", data.ErrStream, size)
	}
	if _, err := f.ReadAt(end[:], size-int64(len(end))); err != nil {
		return err
	}
	footer := int64(binary.LittleEndian.Uint32(end[:4]))
	switch {
	case string(end[4:]) != "PAR1":
		return fmt.Errorf("%w: Parquet: the file does not end as one", data.ErrStream)
	case footer > size-int64(len(end)):
		return fmt.Errorf("%w: Parquet: a footer of %d bytes in a file of %d", data.ErrStream, footer, size)
	case footer > maxFooter:
		return fmt.Errorf("%w: Parquet: a footer of more than %d MiB", data.ErrLimit, maxFooter>>20)
	}
	b := make([]byte, footer)
	if _, err := f.ReadAt(b, size-int64(len(end))-footer); err != nil {
		return err
	}
	c := &compact{b: b}
	if err := c.structure(0, 0); err != nil {
		return fmt.Errorf("%w: Parquet: footer: %w", data.ErrStream, err)
	}
	return nil
}

// start is where the library begins to read a column: at its dictionary, if it has one.
func start(m *format.ColumnMetaData) int64 {
	if m.DictionaryPageOffset != 0 {
		return m.DictionaryPageOffset
	}
	return m.DataPageOffset
}

// checkPages goes through the pages of a row group's columns that are read. A row has at most longest values in those that are lists.
func checkPages(p *pageCheck, file *parquet.File, s *selection, group int) (longest int64, err error) {
	columns := file.Metadata().RowGroups[group].Columns
	leaves := leafColumns(nil, file.Root())
	if len(columns) != len(leaves) {
		return 0, fmt.Errorf("%d columns, the schema has %d", len(columns), len(leaves))
	}
	for _, i := range s.chunks {
		if err := p.column(leaves[i], &columns[i].MetaData); err != nil {
			return 0, err
		}
		if longest += p.rows.longest; longest > maxRowValues {
			return 0, fmt.Errorf("%w: rows of over %d values", data.ErrLimit, maxRowValues)
		}
	}
	return longest, nil
}

func leafColumns(list []*parquet.Column, c *parquet.Column) []*parquet.Column {
	if c.Leaf() {
		return append(list, c)
	}
	for _, child := range c.Columns() {
		list = leafColumns(list, child)
	}
	return list
}

// checkParquet holds what the footer says against the file before anything is decoded.
func checkParquet(file *parquet.File) error {
	for i, group := range file.Metadata().RowGroups {
		for _, chunk := range group.Columns {
			m := chunk.MetaData
			switch {
			case !codecs[m.Codec]:
				return fmt.Errorf("%w: Parquet compression %v (known: none, snappy, gzip, zstd, brotli)", data.ErrFormat, m.Codec)
			case m.TotalCompressedSize < 0 || m.TotalUncompressedSize < 0 || m.DataPageOffset < 0 || m.DictionaryPageOffset < 0 ||
				start(&m) > file.Size()-m.TotalCompressedSize:
				return fmt.Errorf("%w: Parquet: row group %d: a column of %d bytes at byte %d of a file of %d", data.ErrStream, i, m.TotalCompressedSize, start(&m), file.Size())
			case m.TotalUncompressedSize > data.MaxRatio*m.TotalCompressedSize+1<<20:
				return fmt.Errorf("%w: Parquet: row group %d: over %d bytes out for each byte in", data.ErrLimit, i, data.MaxRatio)
			}
		}
	}
	return nil
}

func readGroup(columns *selection, group parquet.RowGroup, atOnce int64, give func([]byte) error) (err error) {
	rows := columns.rows(group)
	defer func() { err = errors.Join(err, rows.Close()) }()
	a := newAssembler(columns)
	var line []byte
	batch := make([]parquet.Row, atOnce)
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
