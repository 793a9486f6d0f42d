package s3

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/parquet-go/parquet-go"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

func read(s *Store, paths ...string) (texts []string, err error) {
	for d, e := range data.Documents(paths, data.Options{Store: s, Tables: records.Tables()}) {
		if e != nil {
			return texts, e
		}
		texts = append(texts, d.Text)
	}
	return texts, nil
}

func line(text string) []byte { return fmt.Appendf(nil, "{\"text\":%q}\n", text) }

func TestInputsInABucket(t *testing.T) {
	parquet, err := os.ReadFile("../records/testdata/nested.parquet")
	if err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	z.Write(line("packed"))
	z.Close()
	s := newServer(t, map[string][]byte{"a/1.jsonl": line("one"), "a/2.jsonl.gz": gz.Bytes(), "a/deep/3.txt": []byte("three"), "a/.hidden/x.txt": []byte("no"),
		"a/_SUCCESS": {}, "a/dir/": {}, "ab.jsonl": line("ab"), "b/nested.parquet": parquet, "b/odd ä+name.jsonl": line("odd"), "c": []byte("?")})
	for _, c := range []struct{ in, want string }{
		{"s3://corpora/a/1.jsonl", "one"},
		{"s3://corpora/a", "one|packed|three"},
		{"s3://corpora/a/", "one|packed|three"},
		{"s3://corpora/a/*.jsonl", "one"},
		{"s3://corpora/a*", "one|packed|three|ab"},
		{"s3://corpora/[b-c]/*.jsonl", "odd"},
		{"s3://corpora/b/odd ä+name.jsonl", "odd"},
		{"s3://corpora/b/*.parquet", "ä \"quoted\"\n"},
	} {
		got, err := read(s.store(), c.in)
		if err != nil || strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, %v", c.in, got, err)
		}
	}
	for in, want := range map[string]error{"s3://corpora/none": data.ErrNoFile, "s3://corpora/none*": data.ErrNoFile, "s3://elsewhere/a": data.ErrNoFile,
		"s3://corpora/c": data.ErrFormat, "s3://": data.ErrNoFile, "s3://*/a": data.ErrNoFile, "s3://corpora/[": data.ErrNoFile} {
		if _, err := read(s.store(), in); !errors.Is(err, want) || !strings.Contains(err.Error(), strings.TrimSuffix(in, "*")) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, err := data.Files([]string{"s3://corpora/a"}, data.Options{}); !errors.Is(err, data.ErrFormat) {
		t.Errorf("without a store: %v", err)
	}
	files, err := data.Inputs([]string{"s3://corpora/ab.jsonl"}, data.Options{Store: s.store()})
	if err != nil {
		t.Fatal(err)
	}
	if size, stamp, err := files[0].Version(); err != nil || size != int64(len(line("ab"))) || `"`+stamp+`"` != etag(line("ab")) {
		t.Errorf("version %d, %q, %v", size, stamp, err)
	}
}

func TestLongListing(t *testing.T) {
	objects := map[string][]byte{}
	for i := range 10_000 {
		objects[fmt.Sprintf("many/%05d.txt", i)] = []byte("x")
	}
	s := newServer(t, objects)
	files, err := data.Files([]string{"s3://corpora/many"}, data.Options{Store: s.store()})
	if err != nil || len(files) != 10_000 || files[9_999] != "s3://corpora/many/09999.txt" {
		t.Fatalf("%d files, %v", len(files), err)
	}
	if n := len(s.requests); n > 12 {
		t.Errorf("%d requests", n)
	}
}

const modified = "Tue, 14 Nov 2023 22:13:20 GMT"

// cutAfter sends what was asked for until n bytes of the body have gone out, then breaks the connection.
func cutAfter(w http.ResponseWriter, r *http.Request, body []byte, n int) {
	var from, to int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
		panic(err)
	}
	w.Header().Set("ETag", etag(body))
	w.Header().Set("Last-Modified", modified)
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(body)))
	w.Header().Set("Content-Length", fmt.Sprint(to-from+1))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(body[from:min(from+n, to+1)])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func longText(lines int) []byte {
	var b bytes.Buffer
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range lines {
		fmt.Fprintf(&b, "{\"text\":\"line %d %x\"}\n", i, rng.Uint64())
	}
	return b.Bytes()
}

func TestBrokenConnections(t *testing.T) {
	body := longText(20_000)
	s := newServer(t, map[string][]byte{"a.jsonl": body})
	s.hook = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method == http.MethodGet && n%3 != 0 {
			cutAfter(w, r, body, 70_000)
		}
		return false
	}
	f, err := data.Inputs([]string{"s3://corpora/a.jsonl"}, data.Options{Store: s.store()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := f[0].Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d of %d bytes, %v", len(got), len(body), err)
	}
	if last := s.requests[len(s.requests)-1]; len(s.requests) < 3 || !strings.HasPrefix(last, "GET a.jsonl bytes=") || strings.HasPrefix(last, "GET a.jsonl bytes=0-") {
		t.Errorf("requests %q", s.requests)
	}
	// Connections that bring nothing at all end it.
	s.hook = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method == http.MethodGet {
			cutAfter(w, r, body, 0)
		}
		return false
	}
	_, err = read(s.store(), "s3://corpora/a.jsonl")
	var at *data.LineError
	if err == nil || !errors.As(err, &at) || at.File != "s3://corpora/a.jsonl" || !strings.Contains(err.Error(), "byte 0 of ") {
		t.Errorf("a server that never answers whole: %v", err)
	}
}

func TestStalledConnection(t *testing.T) {
	body := longText(2_000)
	s := newServer(t, map[string][]byte{"a.jsonl": body})
	s.hook = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method == http.MethodGet && n == 2 { // after the HEAD
			w.Header().Set("ETag", etag(body))
			w.Header().Set("Last-Modified", modified)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(body)-1, len(body)))
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(body[:1000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}
		return false
	}
	store := s.store()
	store.stall = 200 * time.Millisecond
	if got, err := read(store, "s3://corpora/a.jsonl"); err != nil || len(got) != 2_000 {
		t.Errorf("%d lines, %v", len(got), err)
	}
}

func TestBusyServer(t *testing.T) {
	s := newServer(t, map[string][]byte{"a.jsonl": line("one")})
	s.hook = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n == 2 || n == 3 {
			refuse(w, http.StatusServiceUnavailable, "SlowDown")
			return true
		}
		return false
	}
	if got, err := read(s.store(), "s3://corpora/a.jsonl"); err != nil || len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReplacedObject(t *testing.T) {
	body := longText(20_000)
	s := newServer(t, map[string][]byte{"a.jsonl": body})
	s.hook = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n == 2 {
			s.mu.Lock()
			s.objects["a.jsonl"] = longText(19_999)
			s.mu.Unlock()
			cutAfter(w, r, body, 50_000)
		}
		return false
	}
	if _, err := read(s.store(), "s3://corpora/a.jsonl"); !errors.Is(err, data.ErrChanged) {
		t.Errorf("replaced in the middle: %v", err)
	}
}

func TestRefused(t *testing.T) {
	s := newServer(t, map[string][]byte{"a.jsonl": line("one")})
	for _, store := range []*Store{s.store("AWS_SECRET_ACCESS_KEY", "wrong"), s.store("AWS_ACCESS_KEY_ID", "OTHER"), s.store("AWS_ACCESS_KEY_ID", "")} {
		for _, in := range []string{"s3://corpora/a.jsonl", "s3://corpora/"} {
			_, err := read(store, in)
			if err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") || errors.Is(err, data.ErrNoFile) || strings.Contains(err.Error(), "wrong") {
				t.Errorf("%s: %v", in, err)
			}
		}
	}
	if _, err := read(s.store("AWS_ENDPOINT_URL", "localhost:9000"), "s3://corpora/"); err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL") {
		t.Errorf("an endpoint that is no address: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	store := s.store()
	store.ctx = ctx
	if _, err := read(store, "s3://corpora/a.jsonl"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// Parquet is read through ranges, broken connections included.
func TestParquetByRanges(t *testing.T) {
	parquet, err := os.ReadFile("../records/testdata/nested-zstd.parquet")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, map[string][]byte{"a.parquet": parquet})
	s.hook = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method == http.MethodGet && n%2 == 0 {
			cutAfter(w, r, parquet, 3)
		}
		return false
	}
	files, err := data.Inputs([]string{"s3://corpora/a.parquet"}, data.Options{Store: s.store(), Tables: records.Tables()})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range records.ReadFile(files[0], records.Options{}, nil) {
		if n++; err != nil {
			t.Error(err)
		}
	}
	if n != 3 {
		t.Errorf("%d rows", n)
	}
}

// Of a file of many columns less is read at a time.
func TestWideParquet(t *testing.T) {
	group := parquet.Group{}
	for i := range 200 {
		group[fmt.Sprintf("c%03d", i)] = parquet.Leaf(parquet.Int64Type)
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[any](&b, parquet.NewSchema("row", group))
	for n := range 100 {
		var row parquet.Row
		for i := range 200 {
			row = append(row, parquet.Int64Value(int64(n)).Level(0, 0, i))
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, map[string][]byte{"a.parquet": b.Bytes()})
	files, err := data.Inputs([]string{"s3://corpora/a.parquet"}, data.Options{Store: s.store(), Tables: records.Tables()})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r, err := range records.ReadFile(files[0], records.Options{}, nil) {
		if err != nil || !bytes.Contains(r.JSON, fmt.Appendf(nil, "\"c199\":%d}", n)) {
			t.Fatalf("row %d: %s, %v", n, r.JSON, err)
		}
		n++
	}
	if n != 100 {
		t.Errorf("%d rows", n)
	}
}

// An archive is read in few requests, whether its members are few and long or many and short.
func TestZipByPieces(t *testing.T) {
	for name, c := range map[string]struct{ members, lines, most int }{"long": {2, 150_000, 8}, "short": {2_000, 2, 8}} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range c.members {
			w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%05d.jsonl", i), Method: zip.Store})
			if err != nil {
				t.Fatal(err)
			}
			w.Write(longText(c.lines))
		}
		z.Close()
		s := newServer(t, map[string][]byte{"a.zip": b.Bytes()})
		got, err := read(s.store(), "s3://corpora/a.zip")
		if err != nil || len(got) != c.members*c.lines {
			t.Errorf("%s: %d texts of %d, %v", name, len(got), c.members*c.lines, err)
		}
		s.mu.Lock()
		if len(s.requests) > c.most || s.sent > 2*int64(b.Len())+1<<20 {
			t.Errorf("%s: %d requests, %d bytes of an archive of %d", name, len(s.requests), s.sent, b.Len())
		}
		t.Logf("%s: %d requests, %d bytes of an archive of %d", name, len(s.requests), s.sent, b.Len())
		s.mu.Unlock()
	}
}
