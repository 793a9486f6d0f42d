package crashfs

import (
	"errors"
	"io"
	"io/fs"
)

// file is an open file. Like an inode, it lives on when its name goes.
type file struct {
	fs       *FS
	node     *node
	path     string
	pos      int64 // of Read
	writable bool
	closed   bool
}

// use checks that the file is open, and for writing if it must be.
func (f *file) use(op string, write bool) error {
	switch {
	case f.closed:
		return &fs.PathError{Op: op, Path: f.path, Err: fs.ErrClosed}
	case write && !f.writable:
		return &fs.PathError{Op: op, Path: f.path, Err: errors.New("opened for reading only")}
	}
	return nil
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use("read", false); err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use("write", true); err != nil {
		return 0, err
	}
	old := f.node.data
	f.node.data = append(old[:len(old):len(old)], p...) // a new array: clones share the old one
	f.node.dirty = true
	return len(p), nil
}

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use("truncate", true); err != nil {
		return err
	}
	if size > int64(len(f.node.data)) {
		return &fs.PathError{Op: "truncate", Path: f.path, Err: errors.New("crashfs only makes files shorter")}
	}
	f.node.data = f.node.data[:size:size]
	f.node.dirty = true
	return nil
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use("sync", false); err != nil {
		return err
	}
	f.node.synced, f.node.dirty = f.node.data, false
	return nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
