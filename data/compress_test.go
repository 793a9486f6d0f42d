package data

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/primer-lm/primer/internal/durable"
)

// packed is a text under every compression, by the ending of the name; bzip2 is not among them.
func packed(t testing.TB, text string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for suffix, open := range map[string]func(w io.Writer) (io.WriteCloser, error){
		".xz": func(w io.Writer) (io.WriteCloser, error) { return xz.WriterConfig{DictCap: 1 << 16}.NewWriter(w) },
		".lz4": func(w io.Writer) (io.WriteCloser, error) {
			z := lz4.NewWriter(w)
			return z, z.Apply(lz4.BlockSizeOption(lz4.Block64Kb))
		},
		".zip": func(w io.Writer) (io.WriteCloser, error) { return newZip(w) },
	} {
		var b bytes.Buffer
		z, err := open(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(z, text); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		out[suffix] = b.Bytes()
	}
	return out
}

// oneMember writes one member, a.jsonl, into an archive.
type oneMember struct {
	member io.Writer
	zip    *zip.Writer
}

func newZip(w io.Writer) (io.WriteCloser, error) {
	z := zip.NewWriter(w)
	m, err := z.Create("a.jsonl")
	return &oneMember{m, z}, err
}

func (o *oneMember) Write(p []byte) (int, error) { return o.member.Write(p) }
func (o *oneMember) Close() error                { return o.zip.Close() }

const packedLines = "{\"text\":\"one\"}\r\n\r\n{\"text\":\"two\",\"id\":\"x\"}\n{\"text\":\"three\"}"

// forms is packedLines as files, by name.
func forms(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for suffix, b := range packed(t, packedLines) {
		out["a.jsonl"+suffix] = b
	}
	b, err := os.ReadFile("testdata/lines.jsonl.bz2")
	if err != nil {
		t.Fatal(err)
	}
	out["a.jsonl.bz2"] = b
	if z, ok := out["a.jsonl.zip"]; ok {
		delete(out, "a.jsonl.zip")
		out["a.zip"] = z
	}
	return out
}

func TestEveryCompressionIsRead(t *testing.T) {
	for name, b := range forms(t) {
		p := write(t, t.TempDir(), name, string(b))
		var rep Report
		got, err := texts(Documents([]string{p}, Options{Report: &rep}))
		if err != nil || strings.Join(got, "|") != "one|two|three" || rep.Unchecked != 0 {
			t.Errorf("%s: %q, %v, %+v", name, got, err, rep)
		}
		if strings.HasSuffix(name, ".zip") {
			_, err = texts(Documents([]string{Stdin}, Options{Stdin: bytes.NewReader(b)}))
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "zip") {
				t.Errorf("zip from a pipe: %v", err)
			}
			continue
		}
		// From a pipe, told by its first bytes; two streams one behind the other are one text.
		twice := append(append([]byte{}, b...), b...)
		got, err = texts(Documents([]string{Stdin}, Options{Stdin: bytes.NewReader(twice)}))
		if err != nil || strings.Join(got, "|") != "one|two|two|three" && len(got) != 4 && len(got) != 5 {
			t.Errorf("%s twice from a pipe: %q, %v", name, got, err)
		}
	}
	got, err := texts(Documents([]string{"testdata/twice.jsonl.bz2"}, Options{}))
	if err != nil || strings.Join(got, "|") != "one|two" {
		t.Errorf("two bzip2 streams: %q, %v", got, err)
	}
}

// Every prefix of a file, and every file with one bit flipped, gives an error or the text as it was: the formats above all have
// checksums of the content, and an end.
func TestDamagedCompressionIsSeen(t *testing.T) {
	dir := t.TempDir()
	for name, whole := range forms(t) {
		path := filepath.Join(dir, name)
		check := func(what string, at int, b []byte, same bool) {
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := texts(Documents([]string{path}, Options{}))
			if err == nil && !(same && strings.Join(got, "|") == "one|two|three") {
				t.Errorf("%s, %s %d: read as %q", name, what, at, got)
			}
			if err != nil && !errors.Is(err, ErrStream) && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrNoFile) {
				t.Errorf("%s, %s %d: %v", name, what, at, err)
			}
		}
		for n := range whole {
			check("cut at", n, whole[:n], false)
		}
		for bit := 0; bit < 8*len(whole); bit += bitStep {
			b := bytes.Clone(whole)
			b[bit/8] ^= 1 << (bit % 8)
			check("bit", bit, b, true)
		}
	}
}

func TestBombsAreRefused(t *testing.T) {
	dir := t.TempDir()
	bomb := strings.Repeat("\n", 64<<20)
	files := map[string][]byte{}
	for suffix, b := range packed(t, bomb) {
		files["bomb.jsonl"+suffix] = b
	}
	b, err := os.ReadFile("testdata/bomb.jsonl.bz2")
	if err != nil {
		t.Fatal(err)
	}
	files["bomb.jsonl.bz2"] = b
	for name, b := range files {
		p := write(t, dir, name, string(b))
		if len(bomb)/len(b) < MaxRatio { // lz4 alone stays within the ratio
			t.Logf("%s: ratio %d", name, len(bomb)/len(b))
			if _, err := texts(Documents([]string{p}, Options{})); !errors.Is(err, ErrEmpty) && !errors.Is(err, ErrLimit) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if _, err := texts(Documents([]string{p}, Options{})); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An xz stream that wants a dictionary above the limit.
	var big bytes.Buffer
	w, err := xz.WriterConfig{DictCap: 256 << 20}.NewWriter(&big)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, packedLines)
	w.Close()
	p := write(t, dir, "window.jsonl.xz", big.String())
	if _, err := texts(Documents([]string{p}, Options{})); !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), "window above 128 MiB") {
		t.Errorf("a window of 256 MiB: %v", err)
	}
}

func TestStreamsWithoutChecksumAreCounted(t *testing.T) {
	dir := t.TempDir()
	var x, l bytes.Buffer
	w, err := xz.WriterConfig{NoCheckSum: true}.NewWriter(&x)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, packedLines)
	w.Close()
	z := lz4.NewWriter(&l)
	if err := z.Apply(lz4.ChecksumOption(false)); err != nil {
		t.Fatal(err)
	}
	io.WriteString(z, packedLines)
	z.Close()
	write(t, dir, "a.jsonl.xz", x.String())
	write(t, dir, "b.jsonl.lz4", l.String())
	var rep Report
	if got, err := texts(Documents([]string{dir}, Options{Report: &rep})); err != nil || len(got) != 6 || rep.Unchecked != 2 {
		t.Errorf("%q, %v, %+v", got, err, rep)
	}
}

// No byte at all is no packed text, not even an empty one.
func TestEmptyPackedFiles(t *testing.T) {
	for _, c := range codecs {
		p := write(t, t.TempDir(), "a.jsonl"+c.suffix, "")
		if _, err := OpenFile(p, nil); !errors.Is(err, ErrStream) || !strings.Contains(err.Error(), "the file is empty") {
			t.Errorf("%s: %v", c.suffix, err)
		}
		both := []string{p, write(t, t.TempDir(), "b.jsonl", packedLines)}
		if got, err := texts(Documents(both, Options{})); !errors.Is(err, ErrStream) || !strings.Contains(err.Error(), p) {
			t.Errorf("%s beside another: %q, %v", c.suffix, got, err)
		}
	}
}

// What we write of no records can be read: there are none.
func TestNoRecordsPacked(t *testing.T) {
	for _, suffix := range []string{".gz", ".zst"} {
		p := filepath.Join(t.TempDir(), "a.jsonl"+suffix)
		if _, err := WriteFile(durable.OS, p, All[*Document](nil)); err != nil {
			t.Fatal(err)
		}
		if got, err := texts(Documents([]string{p}, Options{})); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: %q, %v", suffix, got, err)
		}
	}
}

func TestZipArchives(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{"z.txt": "last", "d/b.jsonl": "{\"text\":\"second\"}\n", "a.jsonl.gz": pack(t, ".gz", []byte("{\"text\":\"first\"}\n"), true),
		"__MACOSX/c.txt": "no", ".h.txt": "no", "picture.png": "no", "inner.zip": "no", "../up.txt": "no"} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content)
	}
	z.Close()
	p := write(t, dir, "x.zip", b.String())
	for _, in := range []string{p, dir, filepath.Join(dir, "*.zip")} {
		got, err := texts(Documents([]string{in}, Options{}))
		if err != nil || strings.Join(got, "|") != "first|second|last" {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	files, err := Files([]string{p}, Options{Kind: Text})
	if err != nil || len(files) != 1 || files[0] != p+"/z.txt" {
		t.Errorf("text alone: %q, %v", files, err)
	}
	var none bytes.Buffer
	zip.NewWriter(&none).Close()
	if _, err := Files([]string{write(t, dir, "none.zip", none.String())}, Options{}); !errors.Is(err, ErrNoFile) {
		t.Errorf("an archive of nothing: %v", err)
	}
	var locked bytes.Buffer
	z = zip.NewWriter(&locked)
	if _, err := z.CreateRaw(&zip.FileHeader{Name: "a.txt", Flags: 1}); err != nil {
		t.Fatal(err)
	}
	z.Close()
	if _, err := texts(Documents([]string{write(t, dir, "locked.zip", locked.String())}, Options{})); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "a.txt: ") {
		t.Errorf("an encrypted member: %v", err)
	}
	if _, err := NewWriter(io.Discard, "a.jsonl.xz"); !errors.Is(err, ErrFormat) {
		t.Errorf("writing xz: %v", err)
	}
}
