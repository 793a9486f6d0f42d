package records

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// row has a column of each encoding that the library writes, some of them beyond what a page or a dictionary of others holds.
type row struct {
	ID    int64    `parquet:"id,delta"`
	Text  string   `parquet:"text"`
	Word  string   `parquet:"word,dict"`
	Front string   `parquet:"front,delta"`
	Flag  bool     `parquet:"flag"`
	Maybe *string  `parquet:"maybe,optional"`
	List  []string `parquet:"list,list"`
}

// The checks in front of the library let through what is whole: every codec, encodings, many pages and groups, dictionaries that are
// larger than what follows them.
func TestWholeParquetPasses(t *testing.T) {
	var rows []row
	for i := range 1200 {
		r := row{ID: int64(i), Text: strings.Repeat(fmt.Sprint("text ", i, " "), i%40), Word: fmt.Sprintf("%0200d", i%600), Front: fmt.Sprintf("common prefix %d", i), Flag: i%3 == 0}
		if i%4 == 0 {
			r.Maybe = &r.Word
		}
		for j := range i % 5 {
			r.List = append(r.List, fmt.Sprint(j))
		}
		rows = append(rows, r)
	}
	var want []string
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli} {
		for _, version := range []int{1, 2} {
			var b bytes.Buffer
			w := parquet.NewGenericWriter[row](&b, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(20000))
			for i := 0; i < len(rows); i += 400 {
				if _, err := w.Write(rows[i : i+400]); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(); err != nil { // a row group
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "a.parquet")
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := read(path, Options{})
			if want == nil {
				want = got
			}
			if err != nil || len(got) != len(rows) || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%v, pages of version %d: %d rows, %v", codec, version, len(got), err)
			}
		}
	}
}

func TestRuns(t *testing.T) {
	for _, c := range []struct {
		b      []byte
		width  int
		values int64
		ok     bool
	}{
		{[]byte{20, 1}, 1, 10, true}, {[]byte{20, 1, 20, 0}, 1, 20, true}, {[]byte{3, 0xff}, 1, 8, true}, {[]byte{3, 0xff}, 1, 3, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 8, 1}, 1, 1 << 20, false}, {[]byte{0xfe, 0xff, 0x7f, 1}, 1, 100, false}, {[]byte{0x80}, 1, 1, false},
		{bytes.Repeat([]byte{0xc8, 1, 1}, 20), 1, 100, false}, {nil, 3, 5, true},
	} {
		if err := runsOf(c.b, c.width, c.values); (err == nil) != c.ok {
			t.Errorf("% x of %d values: %v", c.b, c.values, err)
		}
	}
}
