package data

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/primer-lm/primer/internal/durable"
)

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func pack(t *testing.T, name string, content []byte, crc bool) string {
	t.Helper()
	var b bytes.Buffer
	if strings.HasSuffix(name, ".gz") {
		z := gzip.NewWriter(&b)
		z.Write(content)
		z.Close()
	} else {
		z, err := zstd.NewWriter(&b, zstd.WithEncoderCRC(crc))
		if err != nil {
			t.Fatal(err)
		}
		z.Write(content)
		z.Close()
	}
	return b.String()
}

func texts(seq iter.Seq2[Document, error]) (out []string, err error) {
	for d, e := range seq {
		if e != nil {
			return out, e
		}
		out = append(out, d.Text)
	}
	return out, nil
}

func TestReadsEveryLayout(t *testing.T) {
	dir := t.TempDir()
	lines := "\xef\xbb\xbf{\"text\":\"one\"}\r\n\r\n{\"text\":\"two\",\"id\":\"x\"}\n{\"text\":\"three\"}"
	write(t, dir, "a.jsonl", lines)
	write(t, dir, "b.jsonl.gz", pack(t, "b.gz", []byte(lines), true))
	write(t, dir, "c.jsonl.zst", pack(t, "c.zst", []byte(lines), false))
	write(t, dir, "d/e.txt", "\xef\xbb\xbffirst\r\nline\n\nsecond\n\n")
	write(t, dir, ".hidden.jsonl", "{")
	write(t, dir, "notes.bin", "zz")
	var rep Report
	got, err := texts(Documents([]string{dir}, Options{Report: &rep}))
	want := "one|two|three|one|two|three|one|two|three|first\nline\n\nsecond"
	if err != nil || strings.Join(got, "|") != want {
		t.Fatalf("got %q, %v", got, err)
	}
	if rep.Files != 4 || rep.Records != 10 || rep.Blank != 3 || rep.Unchecked != 1 || rep.Lines != 17 {
		t.Errorf("report %+v", rep)
	}
	got, err = texts(Documents([]string{filepath.Join(dir, "d", "*.txt")}, Options{BlankSplit: true}))
	if err != nil || strings.Join(got, "|") != "first\nline|second" {
		t.Errorf("blank split: %q, %v", got, err)
	}
	for d, err := range Documents([]string{filepath.Join(dir, "a.jsonl")}, Options{}) {
		if err != nil || (d.Text == "three" && d.ID != "a.jsonl:4") || (d.Text == "two" && d.ID != "x") {
			t.Errorf("%q has id %q, %v", d.Text, d.ID, err)
		}
	}
}

func TestStdinTellsItsLayout(t *testing.T) {
	lines := "{\"text\":\"one\"}\n"
	for name, in := range map[string]string{"plain": lines, "gz": pack(t, ".gz", []byte(lines), true),
		"zst": pack(t, ".zst", []byte(lines), true), "text": "one\n"} {
		got, err := texts(Documents([]string{Stdin}, Options{Stdin: strings.NewReader(in)}))
		if err != nil || len(got) != 1 || got[0] != "one" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestBrokenLines(t *testing.T) {
	p := write(t, t.TempDir(), "a.jsonl", "{\"text\":\"ok\"}\n{oops\n{\"text\":\"b\xffad\"}\n{\"txt\":1}\n")
	var rep Report
	got, err := texts(Documents([]string{p}, Options{Report: &rep}))
	if err != nil || strings.Join(got, "|") != "ok|b\uFFFDad" || rep.Broken != 2 || rep.Repaired != 1 {
		t.Errorf("got %q, %v, %+v", got, err, rep)
	}
	if s := rep.String(); !strings.Contains(s, "a.jsonl:2: no valid JSON") || !strings.Contains(s, "2 broken lines") {
		t.Errorf("report: %s", s)
	}
	_, err = texts(Documents([]string{p}, Options{Strict: true}))
	var le *LineError
	if !errors.As(err, &le) || le.Line != 2 || !strings.HasSuffix(le.File, "a.jsonl") || !errors.Is(err, ErrBroken) {
		t.Errorf("strict: %v", err)
	}
}

func TestRefusedInput(t *testing.T) {
	dir := t.TempDir()
	gz := pack(t, ".gz", []byte(strings.Repeat("{\"text\":\"some words here\"}\n", 3000)), true)
	zs := pack(t, ".zst", []byte(strings.Repeat("{\"text\":\"some words here\"}\n", 3000)), true)
	bomb := bytes.Repeat([]byte("\n"), 64<<20)
	member := pack(t, ".gz", nil, true)
	for _, c := range []struct {
		name, content string
		want          error
		say           string
	}{
		{"empty.jsonl", "", ErrEmpty, "0 broken"},
		{"blank.txt", " \n\n", ErrEmpty, ""},
		{"allbad.jsonl", "{x\n", ErrEmpty, "allbad.jsonl:1"},
		{"x.bin", "a", ErrFormat, ".jsonl"},
		{"long.jsonl", `{"text":"` + strings.Repeat("a", MaxLine) + "\"}\n", ErrLimit, "long.jsonl:1"},
		{"long.txt", strings.Repeat("a", MaxLine+1), ErrLimit, "16 MiB"},
		{"cut.jsonl.gz", gz[:len(gz)-4], ErrStream, "cut.jsonl.gz"},
		{"cut.jsonl.zst", zs[:len(zs)-4], ErrStream, "cut.jsonl.zst"},
		{"not.jsonl.gz", "hello hello", ErrStream, "not.jsonl.gz"},
		{"bomb.jsonl.gz", pack(t, ".gz", bomb, true), ErrLimit, "200 bytes out"},
		{"bomb.jsonl.zst", pack(t, ".zst", bomb, true), ErrLimit, "200 bytes out"},
		{"members.txt.gz", strings.Repeat(member, 100_000), ErrEmpty, ""},
		{"nested.jsonl.gz.gz", gz, ErrFormat, ".jsonl"},
		{"wide.txt", "\xff\xfea\x00", nil, "UTF-16"},
	} {
		p := write(t, dir, c.name, c.content)
		_, err := texts(Documents([]string{p}, Options{}))
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want %v (%s)", c.name, err, c.want, c.say)
		}
	}
	for _, p := range []string{filepath.Join(dir, "absent.jsonl"), filepath.Join(dir, "*.absent"), t.TempDir()} {
		if _, err := texts(Documents([]string{p}, Options{})); !errors.Is(err, ErrNoFile) {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// One flipped bit anywhere in a packed file must give an error or the same text.
func TestFlippedBitsAreSeen(t *testing.T) {
	var lines strings.Builder
	for i := range 40 {
		fmt.Fprintf(&lines, "{\"text\":\"line %d of some varied words %d\"}\n", i, i*i*7919)
	}
	dir := t.TempDir()
	want, _ := texts(Documents([]string{write(t, dir, "w.jsonl", lines.String())}, Options{Strict: true}))
	for _, name := range []string{"a.jsonl.gz", "a.jsonl.zst"} {
		packed := []byte(pack(t, name, []byte(lines.String()), true))
		p := filepath.Join(dir, name)
		for i := 0; i < len(packed)*8; i += 3 {
			packed[i/8] ^= 1 << (i % 8)
			write(t, dir, name, string(packed))
			var rep Report
			got, err := texts(Documents([]string{p}, Options{Strict: true, Report: &rep}))
			if err == nil && strings.Join(got, "\n") != strings.Join(want, "\n") && rep.Unchecked == 0 {
				t.Fatalf("%s: bit %d flipped in silence", name, i)
			}
			packed[i/8] ^= 1 << (i % 8)
		}
	}
}

func TestWriteFileReadsBack(t *testing.T) {
	dir := t.TempDir()
	chains := []Chain{
		{ID: "a", Examples: []Example{{Document: Document{ID: "a0", Text: "x"}, Pairs: []Pair{{Instruction: "i", Response: "r"}}}}},
		{ID: "b", Examples: []Example{{Document: Document{ID: "b0", Text: "y\nz"}}}},
	}
	for _, name := range []string{"c.jsonl", "c.jsonl.gz", "c.jsonl.zst"} {
		p := filepath.Join(dir, name)
		n, err := WriteFile(durable.OS, p, All(chains))
		if err != nil || n != 2 {
			t.Fatal(n, err)
		}
		first, _ := os.ReadFile(p)
		if _, err := WriteFile(durable.OS, p, All(chains)); err != nil {
			t.Fatal(err)
		}
		if again, _ := os.ReadFile(p); !bytes.Equal(first, again) {
			t.Errorf("%s: equal records, other bytes", name)
		}
		i := 0
		for c, err := range Chains([]string{p}, Options{Strict: true}) {
			if err != nil {
				t.Fatal(err)
			}
			got, _ := c.AppendJSON(nil)
			if want, _ := chains[i].AppendJSON(nil); !bytes.Equal(got, want) {
				t.Errorf("%s: got %s want %s", name, got, want)
			}
			i++
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"text\":\"a\"}\r\n\n{\"text\":\"b\"}"))
	f.Add([]byte("\xef\xbb\xbfplain text\n\nmore"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, split := range []bool{false, true} {
			for range Documents([]string{Stdin}, Options{Stdin: bytes.NewReader(b), BlankSplit: split}) {
			}
		}
	})
}
