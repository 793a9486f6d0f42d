package records_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// damageVariable in the environment makes the test's program read damaged copies of a file and tell what comes of each: a library
// that ends its process ends that one, and the test sees it.
const damageVariable = "PRIMER_DAMAGED_FILE"

// memoryLimit is what no refusal may exceed, in bytes resident.
const memoryLimit = underRace * 256 << 20

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(damageVariable) != "":
		os.Exit(readDamaged(os.Getenv(damageVariable)))
	case os.Getenv(bombVariable) != "":
		os.Exit(readBomb(os.Getenv(bombVariable)))
	}
	os.Exit(m.Run())
}

// What comes of a damaged copy.
const (
	same    = "same"    // the records of the whole file, nothing counted
	told    = "told"    // an error, or something counted: broken records, repaired text
	differs = "differs" // other records, and nothing told
	vague   = "vague"   // an error that is none of data's
)

// damage gives copy n of a file: every bit flipped, then every length.
func damage(whole []byte, n int) (string, []byte) {
	if n < 8*len(whole) {
		b := bytes.Clone(whole)
		b[n/8] ^= 1 << (n % 8)
		return fmt.Sprintf("bit %d of byte %d", n%8, n/8), b
	}
	n -= 8 * len(whole)
	return fmt.Sprintf("cut at %d", n), whole[:n]
}

// readAll reads a file as the corpus commands do.
func readAll(path string) (text string, report data.Report, err error) {
	var b strings.Builder
	if strings.HasPrefix(filepath.Base(path), "array") {
		for r, err := range records.Read(path, records.Options{}, &report) {
			if errors.Is(err, data.ErrBroken) {
				report.Broken++
				continue
			}
			if err != nil {
				return b.String(), report, err
			}
			fmt.Fprintf(&b, "%s\n", r.JSON)
		}
		return b.String(), report, nil
	}
	for doc, err := range data.Documents([]string{path}, data.Options{Tables: records.Tables(), Report: &report}) {
		if err != nil {
			return b.String(), report, err
		}
		line, err := doc.AppendJSON(nil)
		if err != nil {
			return b.String(), report, err
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	return b.String(), report, nil
}

func outcome(path, want string, wantReport *data.Report) string {
	got, report, err := readAll(path)
	switch {
	case err == nil && (report.Broken != wantReport.Broken || report.Repaired != wantReport.Repaired || report.Blank != wantReport.Blank || report.Unchecked > 0):
		return told
	case err == nil && got == want:
		return same
	case err == nil:
		return differs
	}
	for _, known := range []error{data.ErrStream, data.ErrFormat, data.ErrLimit, data.ErrEmpty, data.ErrBroken} {
		if errors.Is(err, known) {
			return told
		}
	}
	if strings.Contains(err.Error(), "UTF-16") {
		return told
	}
	return vague + " " + err.Error()
}

// readDamaged is the child: a line "number outcome" for each copy, then the peak of its memory.
func readDamaged(path string) int {
	whole, err := os.ReadFile(path)
	if err != nil {
		return 1
	}
	from, _ := strconv.Atoi(os.Getenv("PRIMER_DAMAGE_FROM"))
	step, _ := strconv.Atoi(os.Getenv("PRIMER_DAMAGE_STEP"))
	want, wantReport, err := readAll(path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	copyPath := filepath.Join(os.Getenv("PRIMER_DAMAGE_DIR"), filepath.Base(path))
	for n := from; n < 9*len(whole); n += step {
		_, b := damage(whole, n)
		if err := os.WriteFile(copyPath, b, 0o644); err != nil {
			return 1
		}
		fmt.Println(n, outcome(copyPath, want, &wantReport))
	}
	fmt.Println("peak", peak())
	return 0
}

// peak is the greatest memory that was resident in this process, in bytes.
func peak() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// damagedForms are a small file of each form that is read.
func damagedForms(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	lines := "{\"id\":\"a\",\"text\":\"One text.\"}\n{\"id\":\"b\",\"text\":\"Zwei \u00e4.\"}\n\n{\"id\":\"c\",\"text\":\"3\"}\n"
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write([]byte(lines))
	g.Close()
	z, _ := zstd.NewWriter(&zst)
	z.Write([]byte(lines))
	z.Close()
	out := map[string]string{}
	for name, text := range map[string]string{"a.jsonl": lines, "a.jsonl.gz": gz.String(), "a.jsonl.zst": zst.String(),
		"a.csv": "id,text\na,\"One, text.\"\nb,Zwei\n", "a.tsv": "id\ttext\na\tOne text.\nb\tZwei\n",
		"array.json": "[{\"id\":\"a\",\"text\":\"One text.\"},\n{\"id\":\"b\"}]\n", "a.txt": "One text.\n\nTwo texts.\n"} {
		out[name] = filepath.Join(dir, name)
		if err := os.WriteFile(out[name], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, codec := range []string{"none", "snappy", "gzip", "zstd", "brotli", "v2"} {
		name := "flat-" + codec + ".parquet"
		out[name] = filepath.Join("testdata", name)
	}
	return out
}

// mayDiffer says which damages a form cannot tell: text carries no checksum, and a cut at the end of a line is the end of a shorter
// file. Parquet's checksums cover its pages, but not its footer, where the names of columns stand.
func mayDiffer(name string, whole []byte, n int) bool {
	switch filepath.Ext(name) {
	case ".gz", ".zst":
		return false
	case ".parquet":
		footer := len(whole) - 8 - int(binary.LittleEndian.Uint32(whole[len(whole)-8:]))
		return n < 8*len(whole) && n/8 >= footer
	}
	return true
}

// damageAll flips and cuts a file, every step-th case, and counts what comes.
func damageAll(t *testing.T, name, path string, step int) map[string]int {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	count, last, dir := map[string]int{}, -step, t.TempDir()
	for from := 0; from < 9*len(whole); from = last + step {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), damageVariable+"="+path, "PRIMER_DAMAGE_DIR="+dir, "PRIMER_DAMAGE_FROM="+strconv.Itoa(from),
			"PRIMER_DAMAGE_STEP="+strconv.Itoa(step), "GOMEMLIMIT=200MiB")
		out, err := cmd.CombinedOutput()
		done := false
		for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
			first, rest, _ := strings.Cut(s.Text(), " ")
			if first == "peak" {
				done = true
				if bytes, _ := strconv.ParseInt(rest, 10, 64); bytes > memoryLimit {
					t.Errorf("%s: %d MiB resident", name, bytes>>20)
				}
			}
			n, err := strconv.Atoi(first)
			if err != nil {
				continue
			}
			what, detail, _ := strings.Cut(rest, " ")
			count[what]++
			last = n
			where, b := damage(whole, n)
			switch {
			case what == vague:
				t.Errorf("%s, %s: %s", name, where, detail)
			case what == differs && !mayDiffer(name, whole, n):
				t.Errorf("%s, %s: other records, and nothing was told", name, where)
			case what == same && len(b) < len(whole) && filepath.Ext(name) == ".parquet":
				t.Errorf("%s, %s: read as if it were whole", name, where)
			}
		}
		if !done {
			last += step
			where, _ := damage(whole, last)
			count["died"]++
			t.Errorf("%s, %s: the process ended: %v\n%.2000s", name, where, err, out[max(0, len(out)-2000):])
			if count["died"] > 5 {
				break
			}
		}
	}
	return count
}

// No damaged file ends the process, fills its memory, comes out as a panic or an unknown error, or, where its form has checksums,
// as other records. The slow test takes every bit and every length; this one some.
func TestDamage(t *testing.T) {
	for name, path := range damagedForms(t) {
		t.Run(name, func(t *testing.T) { t.Logf("%v", damageAll(t, name, path, damageStep(name))) })
	}
}

func damageStep(name string) int {
	if everyBit || filepath.Ext(name) != ".parquet" {
		return 1
	}
	return 23
}
