package data

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// endOf is the end of an archive whose directory stands at its beginning, in the form for large ones.
func endOf(at, members, size uint64) []byte {
	b := append([]byte(endMagic64), make([]byte, endLen64-4)...)
	binary.LittleEndian.PutUint64(b[4:], endLen64-12)
	for i, v := range []uint64{members, members, size} {
		binary.LittleEndian.PutUint64(b[24+8*i:], v)
	}
	locator := append([]byte(locatorMagic64), make([]byte, locatorLen64-4)...)
	binary.LittleEndian.PutUint64(locator[8:], at)
	locator[16] = 1
	end := append([]byte(endMagic), make([]byte, endLen-4)...)
	copy(end[8:], bytes.Repeat([]byte{0xff}, 12))
	return bytes.Join([][]byte{b, locator, end}, nil)
}

// Archives whose end claims more than is read are refused before the library allocates for it.
func TestZipDirectoryLimits(t *testing.T) {
	dir := t.TempDir()
	const at = 1 << 30 // the file is sparse
	for name, c := range map[string]struct {
		members, size uint64
		says          string
	}{
		"members.zip": {1 << 24, 46 << 24, "16777216 members"}, "directory.zip": {1 << 10, 200 << 20, "a directory of 209715200 bytes"},
	} {
		f, err := os.Create(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(endOf(at, c.members, c.size), at); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if _, err := Files([]string{f.Name()}, Options{}); !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A directory that goes on behind its end.
func TestZipDirectoryLongerThanItSays(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 5_000 {
		if _, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("%0100d.txt", i)}); err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	p := write(t, t.TempDir(), "a.zip", b.String())
	if files, err := Files([]string{p}, Options{}); err != nil || len(files) != 5_000 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	end := b.Bytes()[b.Len()-endLen:]
	binary.LittleEndian.PutUint32(end[12:], 1_000)
	p = write(t, t.TempDir(), "a.zip", b.String())
	if files, err := Files([]string{p}, Options{}); !errors.Is(err, ErrStream) || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// A member that claims to be a terabyte may grow as an archive of its size may, not as a terabyte.
func TestZipHeaderLies(t *testing.T) {
	var packed, b bytes.Buffer
	w, err := flate.NewWriter(&packed, 9)
	if err != nil {
		t.Fatal(err)
	}
	bomb := strings.Repeat("\n", 64<<20)
	w.Write([]byte(bomb))
	w.Close()
	z := zip.NewWriter(&b)
	m, err := z.CreateRaw(&zip.FileHeader{Name: "a.jsonl", Method: zip.Deflate, CompressedSize64: 1 << 40, UncompressedSize64: uint64(len(bomb))})
	if err != nil {
		t.Fatal(err)
	}
	m.Write(packed.Bytes())
	z.Close()
	if _, err := texts(Documents([]string{write(t, t.TempDir(), "a.zip", b.String())}, Options{})); !errors.Is(err, ErrLimit) {
		t.Errorf("%v", err)
	}
}
