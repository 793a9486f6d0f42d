package durable

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
)

// Sum is the size and the sha256 of a file's content.
type Sum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // 64 lower-case hexadecimal digits
}

// WriteFile writes one file: whole or not at all. The parents it needs are made. What write gets is buffered.
func WriteFile(fsys FS, path string, write func(io.Writer) error) error {
	_, err := WriteFileSum(fsys, path, write)
	return err
}

// WriteFileSum is WriteFile that also tells what was written, hashed on the way.
func WriteFileSum(fsys FS, path string, write func(io.Writer) error) (Sum, error) {
	w, err := Create(fsys, path)
	if err != nil {
		return Sum{}, err
	}
	defer w.Abort() // when write panics
	if err := write(w); err != nil {
		return Sum{}, errors.Join(fmt.Errorf("write %s: %w", path, err), w.Abort())
	}
	return w.Commit()
}

// Writer is a file that is being written under a temporary name beside its own. Commit makes it appear; Abort, or a Commit that
// fails, leaves what was there before.
type Writer struct {
	fsys FS
	path string // the name it will have
	temp string
	out  *summingFile
	done bool
}

// Create starts to write a file; the parents it needs are made.
func Create(fsys FS, path string) (*Writer, error) {
	if err := MkdirAll(fsys, filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	var f File
	temp, err := newName(path, tempMark, func(name string) (err error) {
		f, err = fsys.Create(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &Writer{fsys: fsys, path: path, temp: temp, out: newSummingFile(f)}, nil
}

// Write adds to the file.
func (w *Writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, fmt.Errorf("write %s: %w", w.path, ErrClosed)
	}
	return w.out.Write(p)
}

// Commit makes the file durable under its name and tells what is in it.
func (w *Writer) Commit() (Sum, error) {
	if w.done {
		return Sum{}, fmt.Errorf("write %s: %w", w.path, ErrClosed)
	}
	w.done = true
	sum, err := w.out.finish()
	if err == nil {
		err = w.fsys.Rename(w.temp, w.path)
	}
	if err != nil {
		return Sum{}, errors.Join(fmt.Errorf("write %s (what was there stands): %w", w.path, err), w.fsys.Remove(w.temp))
	}
	if err := w.fsys.SyncDir(filepath.Dir(w.path)); err != nil {
		return Sum{}, fmt.Errorf("write %s (written, but a crash may undo it): %w", w.path, err)
	}
	return sum, nil
}

// Abort gives up and removes the temporary file. After Commit or Abort it does nothing.
func (w *Writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	return errors.Join(w.out.file.Close(), w.fsys.Remove(w.temp))
}

// summingFile buffers, counts and hashes what goes into a file. The first failure sticks: after it nothing is ever called safe.
type summingFile struct {
	file   File
	buf    *bufio.Writer
	sha256 hash.Hash
	bytes  int64
	err    error
}

// writeBuffer is large enough that a model's tensors go out in few system calls.
const writeBuffer = 64 << 10

func newSummingFile(f File) *summingFile {
	s := &summingFile{file: f, sha256: sha256.New()}
	s.buf = bufio.NewWriterSize(f, writeBuffer)
	return s
}

func (s *summingFile) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.buf.Write(p)
	s.sha256.Write(p[:n])
	s.bytes += int64(n)
	s.err = err
	return n, err
}

// finish flushes, fsyncs and closes.
func (s *summingFile) finish() (Sum, error) {
	err := s.err
	if err == nil {
		err = s.buf.Flush()
	}
	if err == nil {
		err = s.file.Sync()
	}
	if err := errors.Join(err, s.file.Close()); err != nil {
		return Sum{}, err
	}
	return Sum{Bytes: s.bytes, SHA256: hex.EncodeToString(s.sha256.Sum(nil))}, nil
}

// Marks of names that no reader takes for a finished file: .NAME.tmp0 is being written, .NAME.del0 is being removed.
const (
	tempMark = ".tmp"
	delMark  = ".del"
)

// newName tries .BASE.tmp0, .BASE.tmp1, … beside path until use succeeds in taking one that did not exist. Exclusive creation,
// not a random number, keeps two writers apart: it holds between machines that share a disk, and names repeat from run to run.
func newName(path, mark string, use func(name string) error) (string, error) {
	dir, base := filepath.Split(filepath.Clean(path))
	for i := 0; ; i++ {
		name := filepath.Join(dir, "."+base+mark+strconv.Itoa(i))
		err := use(name)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}
