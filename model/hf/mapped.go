package hf

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// mappedFile is one safetensors file: its checked header and its data section, mapped read-only.
type mappedFile struct {
	path    string
	file    *os.File
	size    int64
	modTime time.Time
	entries []Entry
	pages   []byte // whole pages, as mapped
	data    []byte // the data section inside them
}

// openMapped checks and maps one file of a folder. Only the tensors are mapped: what is parsed was copied first, so that a
// file that changes under us cannot change its mind about what was checked.
func openMapped(root *os.Root, name string) (_ *mappedFile, err error) {
	file, info, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	m := &mappedFile{path: file.Name(), file: file, size: info.Size(), modTime: info.ModTime()}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	head := make([]byte, 8)
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, m.size), head); err != nil && m.size >= 8 {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, m.path, err)
	}
	n, err := headerLength(head, m.size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.path, err)
	}
	head = make([]byte, 8+n)
	if _, err := file.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, m.path, err)
	}
	entries, start, err := ParseHeader(head, m.size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.path, err)
	}
	m.entries = entries
	if m.size == start {
		return m, nil
	}
	page := start - start%int64(os.Getpagesize())
	m.pages, err = syscall.Mmap(int(file.Fd()), page, int(m.size-page), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: mapping %d bytes: %w", ErrFile, m.path, m.size-page, err)
	}
	m.data = m.pages[start-page:]
	return m, m.check()
}

// check reports whether the file is still the one that was mapped. A file cut under a mapping would end the process with
// SIGBUS at the first touch beyond its end, so this runs before long reads and again after them.
func (m *mappedFile) check() error {
	info, err := m.file.Stat()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrChanged, m.path, err)
	}
	if info.Size() != m.size || !info.ModTime().Equal(m.modTime) {
		return fmt.Errorf("%w: %s had %d bytes of %v, now %d of %v", ErrChanged, m.path, m.size,
			m.modTime.Format(time.RFC3339), info.Size(), info.ModTime().Format(time.RFC3339))
	}
	return nil
}

func (m *mappedFile) close() error {
	var first error
	if m.pages != nil {
		first = syscall.Munmap(m.pages)
		m.pages, m.data = nil, nil
	}
	if err := m.file.Close(); first == nil {
		first = err
	}
	return first
}
