package events

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

var update = flag.Bool("update", false, "write the golden files anew; then read them with TensorBoard, as testdata/README.md says")

// fixed is a clock that stands still: both starts fall into one second.
var fixed = Options{Now: func() time.Time { return time.Unix(1_800_000_000, 250_000_000) }, Host: "golden"}

// writeGolden is a run of four steps that goes on from its checkpoint of step 2.
func writeGolden(fsys durable.FS, dir string) error {
	a, err := Create(fsys, dir, 1, fixed)
	if err != nil {
		return err
	}
	for step := int64(1); step <= 4; step++ {
		a.Scalars(step, Scalar{"train/loss", 5 - float32(step)}, Scalar{"train/rate", 3e-4})
	}
	if err := a.Close(); err != nil {
		return err
	}
	b, err := Create(fsys, dir, 3, fixed)
	if err != nil {
		return err
	}
	b.Scalars(3, Scalar{"train/loss", 1.5}, Scalar{"train/rate", 2e-4})
	b.Scalars(1<<40, Scalar{"train/loss", float32(math.Inf(1))})
	return b.Close()
}

// The bytes are those that TensorBoard read (testdata/README.md).
func TestGolden(t *testing.T) {
	if *update {
		if err := os.RemoveAll("testdata/tb"); err != nil {
			t.Fatal(err)
		}
		if err := writeGolden(durable.OS, "testdata/tb"); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := writeGolden(durable.OS, dir); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadDir("testdata/tb")
	if err != nil || len(want) != 2 {
		t.Fatalf("%v, %v", want, err)
	}
	for _, e := range want {
		a, err1 := os.ReadFile("testdata/tb/" + e.Name())
		b, err2 := os.ReadFile(dir + "/" + e.Name())
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs (%v, %v)", e.Name(), err1, err2)
		}
	}
}

func TestReadFolder(t *testing.T) {
	disk := crashfs.New()
	if err := writeGolden(disk, "run/tb"); err != nil {
		t.Fatal(err)
	}
	list, err := ReadFolder(disk, "run/tb")
	if err != nil {
		t.Fatal(err)
	}
	at := float64(1_800_000_000.25)
	want := []Event{
		{WallTime: at, Step: 1, Scalars: []Scalar{{"train/loss", 4}, {"train/rate", 3e-4}}},
		{WallTime: at, Step: 2, Scalars: []Scalar{{"train/loss", 3}, {"train/rate", 3e-4}}},
		{WallTime: at, Step: 3, Scalars: []Scalar{{"train/loss", 1.5}, {"train/rate", 2e-4}}},
		{WallTime: at, Step: 1 << 40, Scalars: []Scalar{{"train/loss", float32(math.Inf(1))}}},
	}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("got %v", list)
	}
}

// Check values of crc32c (RFC 3720, B.4: 32 zero bytes) with the mask of the record format on top.
func TestMaskedCRC(t *testing.T) {
	crc := uint32(0x8a9136aa)
	if got, want := maskedCRC(make([]byte, 32)), (crc>>15|crc<<17)+0xa282ead8; got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
}

// Every flipped bit is noticed; every cut leaves the whole records before it.
func TestDamage(t *testing.T) {
	var file []byte
	ends := map[int]int{0: 0} // file size → records
	for step := int64(1); step <= 3; step++ {
		file = appendRecord(file, Event{Step: step, Scalars: []Scalar{{"loss", 1}}}.encode())
		ends[len(file)] = int(step)
	}
	for bit := range len(file) * 8 {
		b := bytes.Clone(file)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := Read(bytes.NewReader(b)); !errors.Is(err, ErrDamaged) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	whole := 0
	for size := range len(file) + 1 {
		if n, ok := ends[size]; ok {
			whole = n
		}
		list, err := Read(bytes.NewReader(file[:size]))
		if err != nil || len(list) != whole {
			t.Fatalf("cut at %d: %d events, %v", size, len(list), err)
		}
	}
	if _, err := readRecord(bytes.NewReader(appendHead(1 << 60))); !errors.Is(err, ErrDamaged) {
		t.Errorf("a huge record: %v", err)
	}
}

// appendHead is the head of a record that claims a length.
func appendHead(length uint64) []byte {
	b := appendRecord(nil, nil)[:8]
	for i := range b {
		b[i] = byte(length >> (8 * i))
	}
	crc := maskedCRC(b)
	return append(b, byte(crc), byte(crc>>8), byte(crc>>16), byte(crc>>24))
}

func TestDecodeRefusesGarbage(t *testing.T) {
	for _, b := range [][]byte{{0xff}, {0x09, 1}, {0x2a, 2, 0x0a}, {0x2a, 2, 0x0a, 9}, {0x07}, {0x3a, 1, 0x08}} {
		if _, err := decode(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("% x: %v", b, err)
		}
	}
}

func TestWriterFails(t *testing.T) {
	var fault error
	disk := crashfs.New()
	fsys := crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
		if op.Kind == "sync" {
			return fault
		}
		return nil
	}})
	w, err := Create(fsys, "tb", 1, fixed)
	if err != nil {
		t.Fatal(err)
	}
	fault = syscall.EIO
	for _, err := range []error{w.Sync(), w.Scalars(1), w.Flush(), w.Close()} {
		if !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
	}
	if err := w.Close(); !errors.Is(err, durable.ErrClosed) {
		t.Error(err)
	}
	if _, err := Create(fsys, "tb", 1, fixed); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if _, err := ReadFolder(disk, "none"); err == nil {
		t.Error("no folder, no error")
	}
}

// What was synced is there after every crash.
func TestCrash(t *testing.T) {
	synced := 0
	e := &crashfs.Explorer{Disk: crashfs.New(), Seeds: 20, Check: func(disk *crashfs.FS) error {
		if synced == 0 {
			return nil
		}
		f, err := disk.Open("run/tb/events.out.tfevents.1800000000.golden")
		if err != nil {
			return err
		}
		list, err := Read(f)
		if err != nil && !errors.Is(err, ErrDamaged) { // records that were not synced may come back as zeros
			return err
		}
		if len(list) < 2+synced {
			return io.ErrUnexpectedEOF
		}
		return nil
	}}
	w, err := Create(e.FS(nil), "run/tb", 1, fixed)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 6; step++ {
		w.Scalars(int64(step), Scalar{"loss", 1})
		if step%3 == 0 {
			if err := w.Sync(); err != nil {
				t.Fatal(err)
			}
			synced = step
			e.Look("sync")
		} else if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if e.Err != nil {
		t.Fatal(e.Err)
	}
}
