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
	head, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
	if err != nil {
		t.Fatal(err)
	}
	body := append(append([]byte("PAR1"), head...), page...)
	meta := format.FileMetaData{Version: 1, NumRows: values, Schema: []format.SchemaElement{{Name: "row", NumChildren: thrift.New(int32(1))},
		{Name: "text", Type: thrift.New(format.ByteArray), RepetitionType: thrift.New(format.Optional)}},
		RowGroups: []format.RowGroup{{NumRows: values, TotalByteSize: int64(len(page)), Columns: []format.ColumnChunk{{MetaData: format.ColumnMetaData{
			Type: format.ByteArray, Encoding: []format.Encoding{format.Plain, format.RLE}, PathInSchema: []string{"text"}, Codec: codec, NumValues: values,
			TotalUncompressedSize: int64(h.UncompressedPageSize), TotalCompressedSize: int64(len(head) + len(page)), DataPageOffset: 4}}}}}}
	foot, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	if err != nil {
		t.Fatal(err)
	}
	body = binary.LittleEndian.AppendUint32(append(body, foot...), uint32(len(foot)))
	return append(body, "PAR1"...)
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
