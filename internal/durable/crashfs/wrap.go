package crashfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/primer-lm/primer/internal/durable"
)

// Op is one operation of a file system or an open file: create, append, open, mkdir, rename, remove, stat, readdir, syncdir, lock,
// read, write, truncate, sync, close.
type Op struct {
	Kind string
	Path string // of a rename: the old one
}

func (o Op) String() string { return o.Kind + " " + o.Path }

// Changes tells whether the operation changes anything on the disk or in what is known to be durable.
func (o Op) Changes() bool {
	switch o.Kind {
	case "open", "append", "stat", "readdir", "read", "close":
		return false
	}
	return true
}

var (
	// ErrSkip, from Hooks.Before, leaves the operation out and reports success: a removed fsync.
	ErrSkip = errors.New("skip this operation")
	// errHalf marks a write that writes half of its bytes before it fails.
	errHalf = errors.New("half of the bytes were written")
)

// Half makes of err the error of a write that has written half of its bytes.
func Half(err error) error { return fmt.Errorf("%w: %w", err, errHalf) }

// Hooks are called around every operation; either may be nil. An error from Before is what the operation returns, undone. The
// hooks of one wrapped file system are never called twice at once.
type Hooks struct {
	Before func(Op) error
	After  func(Op)
}

// Wrap puts hooks around a file system.
func Wrap(fsys durable.FS, hooks Hooks) durable.FS { return &wrapped{fsys: fsys, hooks: hooks} }

type wrapped struct {
	fsys  durable.FS
	hooks Hooks
	mu    sync.Mutex
}

// do runs one operation between its hooks.
func (w *wrapped) do(kind, path string, run func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	op := Op{kind, path}
	if w.hooks.Before != nil {
		if err := w.hooks.Before(op); errors.Is(err, ErrSkip) {
			return nil
		} else if err != nil {
			return &fs.PathError{Op: kind, Path: path, Err: err}
		}
	}
	err := run()
	if w.hooks.After != nil {
		w.hooks.After(op)
	}
	return err
}

func (w *wrapped) file(kind, path string, open func(string) (durable.File, error)) (durable.File, error) {
	var f durable.File
	err := w.do(kind, path, func() (err error) {
		f, err = open(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &wrappedFile{File: f, fs: w, path: path}, nil
}

func (w *wrapped) Create(path string) (durable.File, error) {
	return w.file("create", path, w.fsys.Create)
}

func (w *wrapped) OpenAppend(path string) (durable.File, error) {
	return w.file("append", path, w.fsys.OpenAppend)
}

func (w *wrapped) Open(path string) (durable.File, error) {
	return w.file("open", path, w.fsys.Open)
}

func (w *wrapped) Mkdir(path string) error {
	return w.do("mkdir", path, func() error { return w.fsys.Mkdir(path) })
}

func (w *wrapped) Rename(oldpath, newpath string) error {
	return w.do("rename", oldpath, func() error { return w.fsys.Rename(oldpath, newpath) })
}

func (w *wrapped) Remove(path string) error {
	return w.do("remove", path, func() error { return w.fsys.Remove(path) })
}

func (w *wrapped) SyncDir(path string) error {
	return w.do("syncdir", path, func() error { return w.fsys.SyncDir(path) })
}

func (w *wrapped) Stat(path string) (info fs.FileInfo, err error) {
	err = w.do("stat", path, func() (err error) {
		info, err = w.fsys.Stat(path)
		return err
	})
	return info, err
}

func (w *wrapped) ReadDir(path string) (list []fs.DirEntry, err error) {
	err = w.do("readdir", path, func() (err error) {
		list, err = w.fsys.ReadDir(path)
		return err
	})
	return list, err
}

func (w *wrapped) Lock(path string) (lock io.Closer, err error) {
	err = w.do("lock", path, func() (err error) {
		lock, err = w.fsys.Lock(path)
		return err
	})
	return lock, err
}

// wrappedFile is an open file between hooks. ReadAt has none.
type wrappedFile struct {
	durable.File
	fs   *wrapped
	path string
}

func (f *wrappedFile) Read(p []byte) (n int, err error) {
	err = f.fs.do("read", f.path, func() (err error) {
		n, err = f.File.Read(p)
		return err
	})
	return n, err
}

func (f *wrappedFile) Write(p []byte) (n int, err error) {
	err = f.fs.do("write", f.path, func() (err error) {
		n, err = f.File.Write(p)
		return err
	})
	if errors.Is(err, errHalf) {
		n, _ = f.File.Write(p[:len(p)/2])
	}
	return n, err
}

func (f *wrappedFile) Sync() error { return f.fs.do("sync", f.path, f.File.Sync) }

// Close really closes even when a hook fails it, as close(2) does.
func (f *wrappedFile) Close() error {
	err := f.fs.do("close", f.path, func() error { return nil })
	return errors.Join(err, f.File.Close())
}

func (f *wrappedFile) Truncate(size int64) error {
	return f.fs.do("truncate", f.path, func() error { return f.File.Truncate(size) })
}
