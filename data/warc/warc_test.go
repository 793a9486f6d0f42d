package warc

import (
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/primer-lm/primer/data"
)

// rec writes one record with a digest; fields are added to those that every record has.
func rec(kind, ctype, body string, fields ...string) string {
	sum := sha1.Sum([]byte(body))
	h := fmt.Sprintf("WARC/1.0\r\nWARC-Type: %s\r\nContent-Type: %s\r\nWARC-Block-Digest: sha1:%s\r\nContent-Length: %d\r\n",
		kind, ctype, base32.StdEncoding.EncodeToString(sum[:]), len(body))
	for _, f := range fields {
		h += f + "\r\n"
	}
	return h + "\r\n" + body + "\r\n\r\n"
}

func id(n int) string { return fmt.Sprintf("WARC-Record-ID: <urn:uuid:%d>", n) }

func wet(n int, text string) string {
	return rec("conversion", "text/plain", text, id(n), fmt.Sprintf("WARC-Target-URI: http://a.example/%d", n), "WARC-Date: 2024-01-02T03:04:05Z",
		"WARC-Identified-Content-Language: eng")
}

func page(n int, header, body string) string {
	return rec("response", "application/http; msgtype=response", header+"\r\n\r\n"+body, id(n), fmt.Sprintf("WARC-Target-URI: http://a.example/%d", n))
}

const ok200 = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8"

var article = "<html><head><title>Rain in May</title></head><body><nav><a href=/>Home</a> <a href=/x>Menu entry</a></nav><article><h1>Rain in May</h1>" +
	strings.Repeat("<p>It rained for three days, and the river, which had been low since March, rose over the meadow by the mill.</p>", 8) +
	"</article><footer>Imprint and privacy</footer></body></html>"

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// readAll reads an archive as documents.
func readAll(t testing.TB, path string, strict bool) (docs []data.Document, rep data.Report, err error) {
	t.Helper()
	for d, e := range data.Documents([]string{path}, data.Options{Tables: Tables(), Report: &rep, Strict: strict}) {
		if e != nil {
			return docs, rep, e
		}
		docs = append(docs, d)
	}
	return docs, rep, nil
}

func ids(docs []data.Document) string {
	var out []string
	for _, d := range docs {
		out = append(out, strings.TrimPrefix(d.ID, "urn:uuid:"))
	}
	return strings.Join(out, " ")
}

func TestWET(t *testing.T) {
	text := rec("warcinfo", "application/warc-fields", "software: x\r\n", id(0)) + wet(1, "One\r\nline\n") + wet(2, " \n") + wet(3, "Drei ä")
	members := func(pack func([]byte) []byte) (out []byte) {
		for _, r := range strings.SplitAfter(text, "\r\n\r\nW") { // a member per record, cut one byte late: members need not fit records
			out = append(out, pack([]byte(r))...)
		}
		return out
	}
	gz := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write(b)
		z.Close()
		return out.Bytes()
	}
	zs := func(b []byte) []byte {
		z, _ := zstd.NewWriter(nil)
		return z.EncodeAll(b, nil)
	}
	for name, content := range map[string]string{"a.warc.wet": text, "a.warc.wet.gz": string(members(gz)), "b.wet.zst": string(members(zs)), "c.warc.gz": string(gz([]byte(text)))} {
		docs, rep, err := readAll(t, writeFile(t, name, content), true)
		if err != nil || ids(docs) != "1 3" || docs[0].Text != "One\nline" || docs[1].Text != "Drei ä" {
			t.Fatalf("%s: %q, %v", name, docs, err)
		}
		if x := docs[0].Extra; string(x["url"]) != `"http://a.example/1"` || string(x["date"]) != `"2024-01-02T03:04:05Z"` || string(x["language"]) != `"eng"` {
			t.Errorf("extra %s", x)
		}
		if rep.Files != 1 || rep.Records != 2 || rep.Skipped["warcinfo records"] != 1 || rep.Skipped["records without text"] != 1 {
			t.Errorf("%+v", rep)
		}
	}
	// From a pipe it is told by its first bytes.
	n := 0
	for d, err := range data.Documents([]string{data.Stdin}, data.Options{Tables: Tables(), Stdin: bytes.NewReader(members(gz))}) {
		if n++; err != nil || d.ID == "" {
			t.Errorf("%+v, %v", d, err)
		}
	}
	if n != 2 {
		t.Errorf("%d documents from a pipe", n)
	}
}

func TestPages(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(article))
	z.Close()
	latin := strings.Replace(article, "<head>", "<head><meta charset=iso-8859-1>", 1)
	latin = strings.ReplaceAll(latin, "rained", "r\xe4ined")
	chunked := fmt.Sprintf("%x;x=1\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 100, article[:100], len(article)-100, article[100:])
	text := page(1, ok200, article) +
		page(2, ok200+"\r\nContent-Encoding: gzip", packed.String()) +
		page(3, ok200+"\r\nTransfer-Encoding: chunked", chunked) +
		page(4, ok200+"\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip", article) + // taken off before
		page(5, "HTTP/1.1 200 OK\r\nContent-Type: text/html", latin) +
		page(6, "HTTP/1.0 200", article) + // sniffed
		page(7, "HTTP/1.1 200 OK\r\nContent-Type: text/plain", "plain\r\ntext\n") +
		rec("resource", "text/html", article, id(8)) +
		page(9, "HTTP/1.1 404 Not Found\r\nContent-Type: text/html", article) +
		page(10, "HTTP/1.1 200 OK\r\nContent-Type: image/png", "\x89PNG") +
		rec("request", "application/http; msgtype=request", "GET / HTTP/1.1\r\n\r\n", id(11)) +
		page(12, ok200+"\r\nContent-Encoding: gzip", packed.String()[:40]) +
		page(13, ok200, "<html><body></body></html>")
	docs, rep, err := readAll(t, writeFile(t, "a.warc", text), false)
	if err != nil || ids(docs) != "1 2 3 4 5 6 7 8" {
		t.Fatalf("%s, %v, %s", ids(docs), err, &rep)
	}
	for i, d := range docs {
		if i == 6 {
			if d.Text != "plain\ntext" {
				t.Errorf("plain: %q", d.Text)
			}
			continue
		}
		if d.Title != "Rain in May" || strings.Contains(d.Text, "Menu entry") || strings.Contains(d.Text, "privacy") || strings.Count(d.Text, "over the meadow") != 8 {
			t.Errorf("%s: title %q, text %q", d.ID, d.Title, d.Text)
		}
		if i == 4 && !strings.Contains(d.Text, "räined") {
			t.Errorf("charset of <meta>: %q", d.Text[:80])
		}
	}
	want := map[string]int64{"responses of status 4xx other than 200": 1, "response records of type image/*": 1, "request records": 1, "pages without a main text": 1}
	if fmt.Sprint(rep.Skipped) != fmt.Sprint(want) || rep.Broken != 1 || rep.Problems[0].Line != 12 {
		t.Errorf("passed over %v, broken %v", rep.Skipped, rep.Problems)
	}
}

// A wrong length costs its record only; records that it had swallowed are found again.
func TestLengthsThatLie(t *testing.T) {
	lie := func(r string, by int) string {
		var n int
		i := strings.Index(r, "Content-Length: ")
		fmt.Sscanf(r[i:], "Content-Length: %d", &n)
		return strings.Replace(r, fmt.Sprintf("Content-Length: %d", n), fmt.Sprintf("Content-Length: %d", n+by), 1)
	}
	for name, c := range map[string]struct {
		text   string
		want   string
		broken int64
	}{
		"short":       {wet(1, "one") + lie(wet(2, "two two\ntwo"), -4) + wet(3, "three"), "1 3", 1},
		"long":        {wet(1, "one") + lie(wet(2, "two"), 50) + wet(3, "three") + wet(4, "four"), "1 3 4", 1},
		"negative":    {lie(wet(1, "one"), -9) + wet(2, "two"), "2", 1},
		"none":        {strings.Replace(wet(1, "one"), "Content-Length", "X-Length", 1) + wet(2, "two"), "2", 1},
		"twice":       {strings.Replace(wet(1, "one"), "Content-Length: 3", "Content-Length: 3\r\nContent-Length: 4", 1) + wet(2, "two"), "2", 1},
		"digest":      {strings.Replace(wet(1, "one"), "one", "onf", 1) + wet(2, "two"), "2", 1},
		"off by one":  {strings.Replace(wet(1, "one"), "one\r\n\r\n", "one\r\n", 1) + wet(2, "two"), "1 2", 0},
		"garbage":     {"garbage\n" + wet(1, "one"), "1", 1},
		"header":      {"WARC/1.0\r\nWARC-Type: response\r\nX: " + strings.Repeat("y", maxHeader) + "\r\n\r\n\r\n" + wet(2, "two"), "2", 1},
		"no end":      {wet(1, "one") + strings.TrimRight(wet(2, "two"), "\r\n"), "1 2", 0},
		"other type":  {rec("future", "text/plain", "x", id(1)) + wet(2, "two"), "2", 0},
		"big request": {rec("request", "x/y", strings.Repeat("z", MaxBody+10), id(1)) + wet(2, "two"), "2", 0},
		"big text":    {wet(1, strings.Repeat("z", MaxBody+10)) + wet(2, "two"), "2", 1},
	} {
		path := writeFile(t, "a.wet", c.text)
		docs, rep, err := readAll(t, path, false)
		if err != nil || ids(docs) != c.want || rep.Broken != c.broken {
			t.Errorf("%s: %s, %v, %s", name, ids(docs), err, &rep)
		}
		if _, _, err := readAll(t, path, true); c.broken > 0 && !errors.Is(err, data.ErrBroken) {
			t.Errorf("%s, strict: %v", name, err)
		}
	}
	// More than the file has: nothing behind it can be trusted.
	_, _, err := readAll(t, writeFile(t, "a.wet", wet(1, "one")+lie(wet(2, "two"), 1<<60)), false)
	var at *data.LineError
	if !errors.Is(err, data.ErrStream) || !errors.As(err, &at) || at.Line != 2 {
		t.Errorf("longer than the file: %v", err)
	}
	if _, _, err := readAll(t, writeFile(t, "b.wet", ""), false); !errors.Is(err, data.ErrStream) {
		t.Errorf("an empty file: %v", err)
	}
	if _, rep, err := readAll(t, writeFile(t, "c.wet", rec("metadata", "x/y", "z", id(1))), false); !errors.Is(err, data.ErrEmpty) || !strings.Contains(rep.String(), "metadata records: 1") {
		t.Errorf("nothing to read: %v", err)
	}
}

// Many lengths that lie cost little memory and no more time than what is read twice; beyond a bound they end the file.
func TestManyLengthsThatLie(t *testing.T) {
	const n = 50_000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\nWARC-Record-ID: <%d>\r\nContent-Length: %d\r\n\r\ntext\r\n\r\n", i, 4+1+i%3000)
	}
	path := writeFile(t, "a.wet", b.String()+strings.Repeat(wet(1, "one"), 20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	docs, rep, err := readAll(t, path, false)
	runtime.ReadMemStats(&after)
	if err != nil || len(docs) < 20 || rep.Broken < n*8/10 {
		t.Errorf("%d documents, %d broken, %v", len(docs), rep.Broken, err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > 400<<20 {
		t.Errorf("%d MiB were allocated", made>>20)
	}
	// Each swallows the rest of a megabyte: 50 GB would be read twice.
	_, _, err = readAll(t, writeFile(t, "b.wet", strings.Repeat("WARC/1.0\r\nWARC-Type: x\r\nContent-Length: 1000000\r\n\r\n\r\n\r\n", n)+strings.Repeat("x", 1<<20)), false)
	if !errors.Is(err, data.ErrStream) || !strings.Contains(err.Error(), "read twice") {
		t.Errorf("long ones: %v", err)
	}
}

// A file that ends anywhere but between two records is an error, and no document is changed; a flipped bit costs its record
// (its digest does not fit) or changes what stands in the header.
func TestDamage(t *testing.T) {
	texts := map[string]bool{"one": true, "the second": true}
	whole := wet(1, "one") + wet(2, "the second")
	first := len(wet(1, "one"))
	for n := range len(whole) {
		docs, _, err := readAll(t, writeFile(t, "a.wet", whole[:n]), false)
		blank := n >= first-4 && n <= first || n >= len(whole)-4 // the text is whole, its blank lines are not
		if (err == nil) != blank {
			t.Fatalf("cut at %d of %d: %s, %v", n, len(whole), ids(docs), err)
		}
		for _, d := range docs {
			if !texts[d.Text] {
				t.Errorf("cut at %d: text %q", n, d.Text)
			}
		}
	}
	for bit := range 8 * len(whole) {
		b := []byte(whole)
		b[bit/8] ^= 1 << (bit % 8)
		docs, rep, err := readAll(t, writeFile(t, "a.wet", string(b)), false)
		seen := err != nil || rep.Broken > 0 || len(rep.Skipped) > 0
		for _, d := range docs {
			if !texts[d.Text] && !digestGone(string(b)) {
				t.Errorf("bit %d: text %q", bit, d.Text)
			}
		}
		if !seen && len(docs) != 2 {
			t.Errorf("bit %d: %d documents, nothing said", bit, len(docs))
		}
	}
}

// digestGone: the flipped bit is in the digest's name or algorithm, so that a record has none.
func digestGone(text string) bool { return strings.Count(text, "WARC-Block-Digest: sha1:") != 2 }

func FuzzArchive(f *testing.F) {
	for _, seed := range []string{wet(1, "one") + wet(2, "two"), page(1, ok200, article), page(2, ok200+"\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"),
		"WARC/1.0\r\nContent-Length: 5\r\n\r\n", rec("resource", "text/html", "<p>x", id(1))} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, broken := 0, 0
		for _, err := range data.Documents([]string{data.Stdin}, data.Options{Tables: Tables(), Stdin: bytes.NewReader(append([]byte("WARC/"), b...))}) {
			if n++; err != nil {
				broken++
			}
		}
		if n == 0 {
			t.Error("no document and no error")
		}
	})
}
