package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/primer-lm/primer/data"
)

// read gives every record as "N JSON" and every broken one as "N broken"; the error that ended the reading comes second.
func read(path string, opt Options) (got []string, end error) {
	for rec, err := range Read(path, opt, nil) {
		switch {
		case errors.Is(err, data.ErrBroken):
			got = append(got, fmt.Sprintf("%d broken", rec.N))
		case err != nil:
			return got, err
		default:
			var b bytes.Buffer
			if err := json.Compact(&b, rec.JSON); err != nil {
				return got, err
			}
			got = append(got, fmt.Sprintf("%d %s", rec.N, &b))
		}
	}
	return got, nil
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		what, name, content string
		opt                 Options
		want                string
	}{
		{"JSON lines", "a.jsonl", "\xef\xbb\xbf{\"a\":1}\r\n\n{\"a\":}\n{\"a\":2}", Options{}, `1 {"a":1}|3 broken|4 {"a":2}`},
		{"lines named .json", "a.json", "{\"a\":1}\n{\"a\":\n{\"a\":2}\n", Options{}, `1 {"a":1}|2 broken|3 {"a":2}`},
		{"array", "a.json", "\xef\xbb\xbf [ {\"a\":1},\n [2], \"x\"]\n", Options{}, `1 {"a":1}|2 [2]|3 "x"`},
		{"one object over many lines", "a.txt", "{\n \"a\": [1,\n2]\n}\n", Options{}, `1 {"a":[1,2]}`},
		{"objects over many lines", "a.json", "{\n \"a\": 1}\n{\n\"a\": 2}", Options{}, `1 {"a":1}|2 {"a":2}`},
		{"array under a member", "a.json", `{"version":"1","data":[{"a":1},{"a":2}],"z":{"data":[3]}}`, Options{Under: "data"}, `1 {"a":1}|2 {"a":2}`},
		{"no such member", "a.json", "{\"x\": 1,\n\"a\": 2}", Options{Under: "data"}, `1 {"x":1,"a":2}`},
		{"map of ids", "a.json", `{"p1":{"a":1},"p 2":{},"p3":4}`, Options{Keyed: "id"}, `1 {"id":"p1","a":1}|2 {"id":"p 2"}|3 broken`},
		{"rows where a map was expected", "a.json", "{\"id\":1,\"q\":{}}\n{\"id\":2,\"q\":{}}", Options{Keyed: "id"}, `1 {"id":1,"q":{}}|2 {"id":2,"q":{}}`},
		{"CSV", "a.csv", "\xef\xbb\xbfa,b\n1,\"x\n\"\"y\"\"\"\n2\n3,z\n", Options{}, `2 {"a":"1","b":"x\n\"y\""}|4 broken|5 {"a":"3","b":"z"}`},
		{"CSV as Python reads it", "a.csv", "a,b\r\nsays \"hi\",\"x\"y\r\n\r\n\"\",\"\"\"\"\r\n", Options{}, `2 {"a":"says \"hi\"","b":"xy"}|4 {"a":"","b":"\""}`},
		{"TSV without header", "a.tsv", "1\tx\"y\r\n2\n", Options{Header: []string{"a", "b"}}, `1 {"a":"1","b":"x\"y"}|2 broken`},
		{"invalid UTF-8", "a.jsonl", "{\"a\":\"\xff\"}\n", Options{}, "1 {\"a\":\"\uFFFD\"}"},
		{"empty", "a.json", " \n", Options{}, ""},
	} {
		got, err := read(write(t, c.name, c.content), c.opt)
		if err != nil || strings.Join(got, "|") != c.want {
			t.Errorf("%s: %v, %v\nwant %s", c.what, got, err, c.want)
		}
	}
}

func TestDamagedFiles(t *testing.T) {
	for _, c := range []struct {
		what, name, content string
		opt                 Options
		kind                error
		says                string
	}{
		{"cut array", "a.json", "[{\"a\":1},\n{\"a\":", Options{}, data.ErrStream, "a.json: damaged stream: no valid JSON behind record 1"},
		{"array that never ends", "a.json", `[{"a":1}`, Options{}, data.ErrStream, "unexpected EOF"},
		{"text behind the array", "a.json", `[{"a":1}] {"b"`, Options{}, data.ErrStream, "behind record 1"},
		{"cut wrapper", "a.json", `{"data":[{"a":1},`, Options{Under: "data"}, data.ErrStream, "behind record 1"},
		{"array that is an object", "a.json", "{\"data\":{\n}}", Options{Under: "data"}, data.ErrStream, `"data" is an object`},
		{"UTF-16", "a.json", "\xff\xfe{", Options{}, nil, "UTF-16"},
		{"quote that never ends", "a.csv", "a,b\n1,\"x\n2,y\n", Options{}, data.ErrStream, "a.csv:2: damaged stream: a quote that is never closed"},
		{"unknown layout", "a.bin", "x", Options{}, data.ErrFormat, "unknown file format"},
		{"no Parquet", "a.parquet", "PAR1xxxxxxxxPAR1", Options{}, data.ErrStream, "Parquet"},
	} {
		_, err := read(write(t, c.name, c.content), c.opt)
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// A record without end must not fill the memory: here 1.5 MiB of zstd that become 70 MiB are one string.
func TestRecordLimit(t *testing.T) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	z.Write([]byte(`[{"a":"`))
	for i := range (MaxRecord + 6<<20) / 64 {
		copy(line, fmt.Sprintf("%064d", i*7919)) // numbers pack well, but below the ratio's limit
		z.Write(line)
	}
	z.Write([]byte(`"}]`))
	z.Close()
	_, err = read(write(t, "a.json.zst", b.String()), Options{})
	if !errors.Is(err, data.ErrLimit) || !strings.Contains(err.Error(), "a record of more than 64 MiB") {
		t.Fatalf("%v", err)
	}
}

// TestParquet reads what Arrow's own writer made; see testdata/make_parquet.py.
func TestParquet(t *testing.T) {
	want, err := read("testdata/nested.jsonl", Options{})
	if err != nil || len(want) != 3 {
		t.Fatal(want, err)
	}
	for _, name := range []string{"testdata/nested.parquet", "testdata/nested-zstd.parquet"} {
		got, err := read(name, Options{})
		if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(got, "\n"))
		}
	}
	if _, err := read("testdata/nested-lz4.parquet", Options{}); !errors.Is(err, data.ErrFormat) || !strings.Contains(err.Error(), "LZ4") {
		t.Errorf("LZ4: %v", err)
	}
}

// TestParquetDamage flips one bit of every fifth byte and cuts the file at every length: the process lives, and what comes is the
// same records, other records, or an error that says what it is. Parquet pages of this kind carry no checksum, so other
// records cannot be excluded here.
func TestParquetDamage(t *testing.T) {
	whole, err := os.ReadFile("testdata/nested.parquet")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	check := func(what string, b []byte, mayPass bool) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := read(path, Options{})
		switch {
		case err == nil && !mayPass:
			t.Errorf("%s: read as %d records", what, len(got))
		case err != nil && !errors.Is(err, data.ErrStream) && !errors.Is(err, data.ErrFormat) && !errors.Is(err, data.ErrLimit):
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := 0; i < len(whole); i += 5 {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		check(fmt.Sprintf("bit %d of byte %d", i%8, i), b, true)
	}
	for n := 0; n < len(whole); n += 31 {
		check(fmt.Sprintf("cut at %d", n), whole[:n], false)
	}
}

// A consumer that panics is not taken for a damaged file.
func TestParquetConsumerPanics(t *testing.T) {
	defer func() {
		if p := recover(); p != "mine" {
			t.Errorf("recovered %v", p)
		}
	}()
	for range Read("testdata/nested.parquet", Options{}, nil) {
		panic("mine")
	}
}

// A consumer that has enough ends the reading without an error, whatever the layout.
func TestStop(t *testing.T) {
	for _, path := range []string{"testdata/nested.parquet", "testdata/nested.jsonl",
		write(t, "a.json", `[1,2]`), write(t, "b.json", `{"data":[1,2]}`), write(t, "a.csv", "a\n1\n2\n"), write(t, "a.tsv", "a\n1\n2\n")} {
		n := 0
		for _, err := range Read(path, Options{Under: "data"}, nil) {
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			n++
			break
		}
		if n != 1 {
			t.Errorf("%s: %d records", path, n)
		}
	}
}
