package records_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/primer-lm/primer/data"
)

// bombVariable names a file whose refusal is measured in a process of its own.
const bombVariable = "PRIMER_BOMB"

func readBomb(path string) int {
	_, report, err := readAll(path)
	for _, known := range []error{data.ErrStream, data.ErrLimit, data.ErrFormat, data.ErrBroken} {
		if errors.Is(err, known) {
			fmt.Println("error", err)
			fmt.Println("peak", peak())
			return 0
		}
	}
	fmt.Printf("records were read: %d, broken %d, %v\n", report.Records, report.Broken, err)
	return 1
}

// refuse has a child read a file: it must name the file, say what is wrong, and stay within the limit.
func refuse(t *testing.T, path string, says string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), bombVariable+"="+path, "GOMEMLIMIT=200MiB")
	out, err := cmd.CombinedOutput()
	text, rest, _ := strings.Cut(string(out), "peak ")
	bytes, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
	if err != nil || !strings.Contains(text, says) || !strings.Contains(text, filepath.Base(path)) {
		t.Errorf("%s: %v, wanted %q: %.1500s", filepath.Base(path), err, says, out)
		return
	}
	if bytes > memoryLimit || bytes == 0 {
		t.Errorf("%s: refused with %d MiB resident", filepath.Base(path), bytes>>20)
	}
	t.Logf("%s: %d MiB resident: %s", filepath.Base(path), bytes>>20, strings.TrimSpace(text))
}

// sparse is a file of a gigabyte that begins with some text and goes on with NUL bytes, which take no disk.
func sparse(t *testing.T, path, begin string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(begin), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<30); err != nil {
		t.Fatal(err)
	}
	return path
}

// A gigabyte without an end of line, in every form that has lines or records.
func TestGigabyteWithoutEnd(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string][2]string{
		"line.jsonl": {`{"text":"`, "a line of more than 16 MiB"}, "line.tsv": {"id\ttext\n", "a line of more than 16 MiB"},
		"whole.txt": {"Text", "more than 16 MiB"}, "array.json": {`[{"text":"`, "damaged stream"},
		"field.csv": {"id,text\n1,\"", "a record of more than 64 MiB"}, "header.csv": {"id", "a record of more than 64 MiB"},
	} {
		t.Run(name, func(t *testing.T) { refuse(t, sparse(t, filepath.Join(dir, name), c[0]), c[1]) })
	}
	t.Run("array-long.json", func(t *testing.T) { // a string that is valid as far as it goes, so that it is read to the limit
		path := filepath.Join(dir, "array-long.json")
		if err := os.WriteFile(path, append([]byte(`[{"text":"`), bytes.Repeat([]byte("many words "), 9<<20)...), 0o644); err != nil {
			t.Fatal(err)
		}
		refuse(t, path, "a record of more than 64 MiB")
	})
}

// zeros gives n zero bytes.
type zeros int64

func (z *zeros) Read(p []byte) (int, error) {
	if *z <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), int64(*z))
	clear(p[:n])
	*z -= zeros(n)
	return int(n), nil
}

// A few bytes that unpack to a gigabyte.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{g, z} {
		n := zeros(1 << 30)
		if _, err := io.Copy(w, &n); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	wide := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8}, zst.Bytes()[6:]...) // a window of 2 GiB
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"lines.jsonl.gz": {gz.Bytes(), "over 200 bytes out for each byte in"}, "lines.jsonl.zst": {zst.Bytes(), "over 200 bytes out"},
		"rows.csv.gz": {gz.Bytes(), "over 200 bytes out"}, "array.json.zst": {zst.Bytes(), "damaged stream"},
		"text.txt.zst": {zst.Bytes(), "over 200 bytes out"}, "window.jsonl.zst": {wide, "window above 128 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, c.content, 0o644); err != nil {
				t.Fatal(err)
			}
			refuse(t, path, c.says)
		})
	}
}

// oneColumn is a Parquet file of one optional column of strings whose one page is given.
func oneColumn(t *testing.T, codec format.CompressionCodec, values int64, h format.PageHeader, page []byte) []byte {
	t.Helper()
	return column(t, format.Optional, codec, values, values, h, page)
}

// column is the same of another repetition.
func column(t *testing.T, repetition format.FieldRepetitionType, codec format.CompressionCodec, rows, values int64, h format.PageHeader, page []byte) []byte {
	t.Helper()
	head, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
	if err != nil {
		t.Fatal(err)
	}
	body := append(append([]byte("PAR1"), head...), page...)
	meta := format.FileMetaData{Version: 1, NumRows: rows, Schema: []format.SchemaElement{{Name: "row", NumChildren: thrift.New(int32(1))},
		{Name: "text", Type: thrift.New(format.ByteArray), RepetitionType: thrift.New(repetition)}},
		RowGroups: []format.RowGroup{{NumRows: rows, TotalByteSize: int64(len(page)), Columns: []format.ColumnChunk{{MetaData: format.ColumnMetaData{
			Type: format.ByteArray, Encoding: []format.Encoding{format.Plain, format.RLE}, PathInSchema: []string{"text"}, Codec: codec, NumValues: values,
			TotalUncompressedSize: int64(h.UncompressedPageSize), TotalCompressedSize: int64(len(head) + len(page)), DataPageOffset: 4}}}}}}
	foot, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	if err != nil {
		t.Fatal(err)
	}
	body = binary.LittleEndian.AppendUint32(append(body, foot...), uint32(len(foot)))
	return append(body, "PAR1"...)
}

// deltaList is a list of a first value and n-1 more that each grow by step, as the library would write it but for its width: 0 bits.
func deltaList(n, first, step int64) []byte {
	b := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, 128), 4), uint64(n))
	b = binary.AppendVarint(b, first)
	for i := int64(1); i < n; i += 128 {
		b = append(binary.AppendVarint(b, step), 0, 0, 0, 0)
	}
	return b
}

// deltaPage is a page of one list of no nulls, then lists and texts as they are given.
func deltaPage(values int32, encoding format.Encoding, parts ...[]byte) (format.PageHeader, []byte) {
	run := append(binary.AppendUvarint(nil, uint64(values)<<1), 1)
	page := append(binary.LittleEndian.AppendUint32(nil, uint32(len(run))), run...)
	page = append(page, bytes.Join(parts, nil)...)
	h := format.PageHeader{Type: format.DataPage, CompressedPageSize: int32(len(page)), UncompressedPageSize: int32(len(page))}
	h.DataPageHeader = thrift.New(format.DataPageHeader{NumValues: values, Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})
	return h, page
}

// Pages whose texts are told by differences: a megabyte that comes to 2^40 bytes.
func TestDeltaBombs(t *testing.T) {
	const million = 1 << 20
	megabyte := bytes.Repeat([]byte("x"), million)
	fronts := deltaList(million, 0, 0)
	// step is a list of one value, then a million of another: the first difference in a mini-block of 32 bits.
	step := func(first, then int64) []byte {
		b := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, 128), 4), million)
		b = append(binary.AppendVarint(binary.AppendVarint(b, first), min(then-first, 0)), 32, 32, 32, 32)
		low := uint32(0)
		if then < first { // all but the first difference are above the least
			low = uint32(first - then)
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(max(then-first, 0)))
		for range 127 {
			b = binary.LittleEndian.AppendUint32(b, low)
		}
		for i := 129; i < million; i += 128 {
			b = append(binary.AppendVarint(b, 0), 0, 0, 0, 0)
		}
		return b
	}
	dir := t.TempDir()
	for name, c := range map[string]struct {
		encoding format.Encoding
		parts    [][]byte
		says     string
	}{
		"fronts.parquet":   {format.DeltaByteArray, [][]byte{step(0, million), step(million, 0), megabyte}, "texts of over 67108864 bytes in one page"},
		"second.parquet":   {format.DeltaByteArray, [][]byte{fronts, deltaList(1<<30, 0, 0)}, "1073741824 of 1048576 values"},
		"unequal.parquet":  {format.DeltaByteArray, [][]byte{fronts, deltaList(5, 0, 0)}, "1048576 prefixes and 5 suffixes"},
		"negative.parquet": {format.DeltaByteArray, [][]byte{fronts, deltaList(million, 0, -1)}, "length 1 is -1"},
		"lengths.parquet":  {format.DeltaLengthByteArray, [][]byte{deltaList(million, 1<<20, 0), megabyte}, "texts of over 2147483647 bytes"},
		"few.parquet":      {format.DeltaLengthByteArray, [][]byte{deltaList(million, 8, 0), megabyte}, "texts of 8388608 bytes, 1048576 are there"},
	} {
		t.Run(name, func(t *testing.T) {
			h, page := deltaPage(million, c.encoding, c.parts...)
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, oneColumn(t, format.Uncompressed, million, h, page), 0o644); err != nil {
				t.Fatal(err)
			}
			refuse(t, path, c.says)
		})
	}
	t.Run("dictionary.parquet", func(t *testing.T) { // is plain, whatever its header says
		h, page := deltaPage(million, format.DeltaByteArray, step(0, million), step(million, 0), megabyte)
		h.Type, h.DataPageHeader = format.DictionaryPage, thrift.Null[format.DataPageHeader]{}
		h.DictionaryPageHeader = thrift.New(format.DictionaryPageHeader{NumValues: million, Encoding: format.DeltaByteArray})
		path := filepath.Join(dir, "dictionary.parquet")
		if err := os.WriteFile(path, oneColumn(t, format.Uncompressed, million, h, page), 0o644); err != nil {
			t.Fatal(err)
		}
		refuse(t, path, "a dictionary in encoding DELTA_BYTE_ARRAY")
	})
}

// One row of eight million values that take no byte.
func TestLongRow(t *testing.T) {
	const values = 1<<23 + 1
	repeated := append([]byte{2, 0}, append(binary.AppendUvarint(nil, (values-1)<<1), 1)...)
	null := append(binary.AppendUvarint(nil, values<<1), 0)
	var page []byte
	for _, levels := range [][]byte{repeated, null} {
		page = append(binary.LittleEndian.AppendUint32(page, uint32(len(levels))), levels...)
	}
	h := format.PageHeader{Type: format.DataPage, CompressedPageSize: int32(len(page)), UncompressedPageSize: int32(len(page))}
	h.DataPageHeader = thrift.New(format.DataPageHeader{NumValues: values, Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})
	path := filepath.Join(t.TempDir(), "row.parquet")
	if err := os.WriteFile(path, column(t, format.Repeated, format.Uncompressed, 1, values, h, page), 0o644); err != nil {
		t.Fatal(err)
	}
	refuse(t, path, "a row of over 4194304 values")
}

// Pages of Parquet that say little and hold much, or say much and hold little.
func TestParquetBombs(t *testing.T) {
	pack := func(w io.WriteCloser, buf *bytes.Buffer, n zeros) []byte {
		if _, err := io.Copy(w, &n); err != nil {
			t.Fatal(err)
		}
		w.Close()
		return buf.Bytes()
	}
	var gz, zst bytes.Buffer
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	gzPage, zstPage := pack(gzip.NewWriter(&gz), &gz, 1<<30), pack(z, &zst, 1<<30)
	header := func(packed, unpacked int, values int32) format.PageHeader {
		h := format.PageHeader{Type: format.DataPage, CompressedPageSize: int32(packed), UncompressedPageSize: int32(unpacked)}
		h.DataPageHeader = thrift.New(format.DataPageHeader{NumValues: values, Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})
		return h
	}
	run := binary.AppendUvarint(nil, 1<<31) // a run of 2^30 levels, all null
	levels := append(binary.LittleEndian.AppendUint32(nil, uint32(len(run)+1)), append(run, 0)...)
	snap := append(binary.AppendUvarint(nil, 1<<31-1), 0, 0)
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"gzip-page.parquet":  {oneColumn(t, format.Gzip, 1, header(len(gzPage), 1<<20, 1), gzPage), "unpacks to more than its"},
		"zstd-page.parquet":  {oneColumn(t, format.Zstd, 1, header(len(zstPage), 1<<20, 1), zstPage), "unpacks to more than its"},
		"zstd-says.parquet":  {oneColumn(t, format.Zstd, 1, header(len(zstPage), 1<<30, 1), zstPage), "over 200 bytes out"},
		"snappy.parquet":     {oneColumn(t, format.Snappy, 1, header(len(snap), 100, 1), snap), "its header says 100"},
		"levels.parquet":     {oneColumn(t, format.Uncompressed, 100, header(len(levels), len(levels), 100), levels), "a run of 1073741824 in a page of 100"},
		"values.parquet":     {oneColumn(t, format.Uncompressed, 1<<30, header(len(levels), len(levels), 1<<30), levels), "values in one page"},
		"page-size.parquet":  {oneColumn(t, format.Uncompressed, 1, header(1<<30, 1<<30, 1), levels), "over 200 bytes out"},
		"lz4.parquet":        {oneColumn(t, format.Lz4Raw, 1, header(len(snap), 100, 1), snap), "Parquet compression"},
		"few-values.parquet": {oneColumn(t, format.Uncompressed, 1<<40, header(len(levels), len(levels), 1), levels), "a run of"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, c.content, 0o644); err != nil {
				t.Fatal(err)
			}
			refuse(t, path, c.says)
		})
	}
}
