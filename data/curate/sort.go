package curate

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/primer-lm/primer/internal/durable"
)

// entry is what is sorted: a 128-bit key and the number of a document that has it.
type entry struct {
	hi, lo uint64
	n      int64
}

const entryBytes = 24

func compareEntries(a, b entry) int {
	if a.hi != b.hi {
		return cmp.Compare(a.hi, b.hi)
	}
	if a.lo != b.lo {
		return cmp.Compare(a.lo, b.lo)
	}
	return cmp.Compare(a.n, b.n)
}

// spill says where and from when on to write to disk.
type spill struct {
	fsys   durable.FS
	dir    string
	memory int64 // bytes
}

func (r *run) spill(dir string) spill { return spill{r.fsys, dir, r.set.MemoryMiB << 20} }

// create makes a file that lives as long as a stage runs. It is not made durable: a start that finds it removes it.
func (s *spill) create(name string) (durable.File, error) {
	if err := durable.MkdirAll(s.fsys, s.dir); err != nil {
		return nil, err
	}
	return s.fsys.Create(s.path(name))
}

func (s *spill) path(name string) string { return filepath.Join(s.dir, name) }

// sorter sorts any number of entries in bounded memory: what fills the memory is sorted and written as a run, and the runs are merged
// while they are read. A merge takes at most fanIn runs; where there are more, it first makes fewer, longer ones.
type sorter struct {
	spill
	name string
	buf  []entry
	size int // entries that fit the memory
	runs []string
	made int
}

const fanIn = 64

func newSorter(s spill, name string) *sorter {
	return &sorter{spill: s, name: name, size: int(max(s.memory/entryBytes, 1024))}
}

func (s *sorter) add(e entry) error {
	if len(s.buf) == s.size {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if len(s.buf) == cap(s.buf) { // doubled, but never beyond the limit
		s.buf = slices.Grow(s.buf, min(max(1024, len(s.buf)), s.size-len(s.buf)))
		s.buf = s.buf[:len(s.buf):min(cap(s.buf), s.size)]
	}
	s.buf = append(s.buf, e)
	return nil
}

// flush writes the memory as a run.
func (s *sorter) flush() error {
	slices.SortFunc(s.buf, compareEntries)
	rest := s.buf
	s.buf = s.buf[:0]
	return s.writeRun(func() (entry, bool, error) {
		if len(rest) == 0 {
			return entry{}, false, nil
		}
		e := rest[0]
		rest = rest[1:]
		return e, true, nil
	})
}

func (s *sorter) writeRun(next func() (entry, bool, error)) (err error) {
	name := fmt.Sprintf("%s-%04d", s.name, s.made)
	s.made++
	f, err := s.create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 256<<10)
	var raw [entryBytes]byte
	for {
		e, ok, err := next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		binary.LittleEndian.PutUint64(raw[:], e.hi)
		binary.LittleEndian.PutUint64(raw[8:], e.lo)
		binary.LittleEndian.PutUint64(raw[16:], uint64(e.n))
		if _, err := w.Write(raw[:]); err != nil {
			return err
		}
	}
	s.runs = append(s.runs, name)
	return w.Flush()
}

// each calls f with all entries in order. Nothing may be added after it.
func (s *sorter) each(f func(e entry) error) error {
	if len(s.runs) == 0 {
		slices.SortFunc(s.buf, compareEntries)
		for _, e := range s.buf {
			if err := f(e); err != nil {
				return err
			}
		}
		s.buf = nil
		return nil
	}
	if len(s.buf) > 0 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.buf = nil
	for len(s.runs) > fanIn {
		some := s.runs[:fanIn]
		s.runs = s.runs[fanIn:]
		if err := s.merge(some, func(next func() (entry, bool, error)) error { return s.writeRun(next) }); err != nil {
			return err
		}
	}
	return s.merge(s.runs, func(next func() (entry, bool, error)) error {
		for {
			e, ok, err := next()
			if err != nil || !ok {
				return err
			}
			if err := f(e); err != nil {
				return err
			}
		}
	})
}

// merge gives the entries of some runs in order, then removes the runs.
func (s *sorter) merge(names []string, use func(next func() (entry, bool, error)) error) (err error) {
	h := &runHeap{}
	defer func() {
		for _, r := range h.all {
			err = errors.Join(err, r.file.Close(), s.fsys.Remove(r.path))
		}
	}()
	for _, name := range names {
		path := filepath.Join(s.dir, name)
		f, err := s.fsys.Open(path)
		if err != nil {
			return err
		}
		r := &runReader{path: path, file: f, in: bufio.NewReaderSize(f, runBuffer)}
		h.all = append(h.all, r)
		ok, err := r.advance()
		if err != nil {
			return err
		}
		if ok {
			h.push(r)
		}
	}
	return use(h.next)
}

// runBuffer is what a run is read through, in bytes: 64 of them are 4 MiB.
const runBuffer = 64 << 10

// runReader is one run on its way back.
type runReader struct {
	path string
	file durable.File
	in   *bufio.Reader
	head entry
}

// advance reads the next entry into head; false at the end.
func (r *runReader) advance() (bool, error) {
	var raw [entryBytes]byte
	_, err := io.ReadFull(r.in, raw[:])
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", r.path, err)
	}
	r.head = entry{binary.LittleEndian.Uint64(raw[:]), binary.LittleEndian.Uint64(raw[8:]), int64(binary.LittleEndian.Uint64(raw[16:]))}
	return true, nil
}

// runHeap has the run with the least head on top.
type runHeap struct {
	all  []*runReader
	heap []*runReader
}

func (h *runHeap) push(r *runReader) {
	h.heap = append(h.heap, r)
	for i := len(h.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if compareEntries(h.heap[up].head, h.heap[i].head) <= 0 {
			return
		}
		h.heap[up], h.heap[i] = h.heap[i], h.heap[up]
		i = up
	}
}

// next takes the least entry; false at the end.
func (h *runHeap) next() (entry, bool, error) {
	if len(h.heap) == 0 {
		return entry{}, false, nil
	}
	top := h.heap[0]
	e := top.head
	ok, err := top.advance()
	if err != nil {
		return e, false, err
	}
	if !ok {
		last := len(h.heap) - 1
		h.heap[0] = h.heap[last]
		h.heap = h.heap[:last]
	}
	h.sink()
	return e, true, nil
}

// sink puts the top where it belongs.
func (h *runHeap) sink() {
	for i := 0; ; {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(h.heap) && compareEntries(h.heap[child].head, h.heap[least].head) < 0 {
				least = child
			}
		}
		if least == i {
			return
		}
		h.heap[i], h.heap[least] = h.heap[least], h.heap[i]
		i = least
	}
}
