// Package crashfs is an in-memory file system that knows what a power cut may leave behind, for tests of durable protocols.
//
// It is strict: data written since the last Sync of a file may be there, missing, torn at any place or replaced by zeros, each
// block for itself; a name made, renamed or removed since the last SyncDir of its directory may be there or not, each change for
// itself and in any order. A rename is atomic, nothing else is. Clone gives one such state; Explorer goes through many.
//
// Wrap stands between a protocol and any file system: it lets a test fail, skip or watch single operations.
package crashfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/primer-lm/primer/internal/durable"
)

// FS is the file system. Its root is both "." and "/".
type FS struct {
	mu    sync.Mutex
	root  *node
	last  uint64         // node ids given out
	locks map[*node]bool // held, by file
}

// node is a file or a directory. The byte slices are never changed in place, so clones share them.
type node struct {
	id     uint64
	isDir  bool
	data   []byte // what a reader sees
	synced []byte // what is on the disk for certain
	dirty  bool   // data was changed after synced

	names   map[string]*node // what a reader sees
	durable map[string]*node // what is on the disk for certain
	pending []change         // from durable to names, in order
}

// change is one atomic change of a directory: from loses its name, to gets node; either may be empty.
type change struct {
	from, to string
	node     *node
}

// New gives an empty file system.
func New() *FS {
	f := &FS{locks: map[*node]bool{}}
	f.root = f.newDir()
	return f
}

func (f *FS) newDir() *node {
	f.last++
	return &node{id: f.last, isDir: true, names: map[string]*node{}, durable: map[string]*node{}}
}

// apply makes a change visible in names.
func (c change) apply(names map[string]*node) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to == "" {
		return
	}
	for name, n := range names { // a file has one name, also when a change before was lost
		if n == c.node {
			delete(names, name)
		}
	}
	names[c.to] = c.node
}

func (n *node) change(c change) {
	c.apply(n.names)
	n.pending = append(n.pending, c)
}

// find walks to a path; nil when there is none.
func (f *FS) find(path string) *node {
	n := f.root
	rest := strings.Trim(filepath.ToSlash(filepath.Clean(path)), "/")
	for rest != "" && rest != "." {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if n = n.names[name]; n == nil {
			return nil
		}
	}
	return n
}

func (f *FS) get(op, path string) (*node, error) {
	if n := f.find(path); n != nil {
		return n, nil
	}
	return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
}

// parent finds the directory of a path and its last name.
func (f *FS) parent(op, path string) (*node, string, error) {
	dir, name := filepath.Split(filepath.Clean(path))
	n, err := f.get(op, dir)
	if err == nil && !n.isDir {
		err = &fs.PathError{Op: op, Path: path, Err: syscall.ENOTDIR}
	}
	return n, name, err
}

// add makes a new node at path.
func (f *FS) add(op, path string, n *node) error {
	dir, name, err := f.parent(op, path)
	if err != nil {
		return err
	}
	if dir.names[name] != nil {
		return &fs.PathError{Op: op, Path: path, Err: fs.ErrExist}
	}
	dir.change(change{to: name, node: n})
	return nil
}

// Create is that of durable.FS.
func (f *FS) Create(path string) (durable.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	n := &node{id: f.last}
	if err := f.add("create", path, n); err != nil {
		return nil, err
	}
	return &file{fs: f, node: n, path: path, writable: true}, nil
}

// OpenAppend is that of durable.FS.
func (f *FS) OpenAppend(path string) (durable.File, error) { return f.open("append", path, true) }

// Open is that of durable.FS.
func (f *FS) Open(path string) (durable.File, error) { return f.open("open", path, false) }

func (f *FS) open(op, path string, writable bool) (durable.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.get(op, path)
	if err != nil {
		return nil, err
	}
	if n.isDir {
		return nil, &fs.PathError{Op: op, Path: path, Err: syscall.EISDIR}
	}
	return &file{fs: f, node: n, path: path, writable: writable}, nil
}

// Mkdir is that of durable.FS.
func (f *FS) Mkdir(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add("mkdir", path, f.newDir())
}

// Rename is that of durable.FS: within one directory only.
func (f *FS) Rename(oldpath, newpath string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fail := func(err error) error { return &fs.PathError{Op: "rename", Path: oldpath, Err: err} }
	n, err := f.get("rename", oldpath)
	if err != nil {
		return err
	}
	dir, from, _ := f.parent("rename", oldpath)
	toDir, to, err := f.parent("rename", newpath)
	if err != nil {
		return err
	}
	if dir != toDir {
		return fail(errors.New("crashfs renames only within a directory"))
	}
	if old := dir.names[to]; old != nil {
		switch {
		case old.isDir != n.isDir:
			return fail(syscall.ENOTDIR)
		case len(old.names) > 0:
			return fail(syscall.ENOTEMPTY)
		}
	}
	dir.change(change{from: from, to: to, node: n})
	return nil
}

// Remove is that of durable.FS.
func (f *FS) Remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.get("remove", path)
	if err != nil {
		return err
	}
	if len(n.names) > 0 {
		return &fs.PathError{Op: "remove", Path: path, Err: syscall.ENOTEMPTY}
	}
	dir, name, _ := f.parent("remove", path)
	dir.change(change{from: name})
	return nil
}

// SyncDir is that of durable.FS.
func (f *FS) SyncDir(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.get("syncdir", path)
	if err != nil {
		return err
	}
	for _, c := range n.pending {
		c.apply(n.durable)
	}
	n.pending = nil
	return nil
}

// Lock is that of durable.FS. A Clone holds no locks, as after a crash.
func (f *FS) Lock(path string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.find(path)
	if n == nil {
		f.last++
		n = &node{id: f.last}
		if err := f.add("lock", path, n); err != nil {
			return nil, err
		}
	}
	if f.locks[n] {
		return nil, fmt.Errorf("%s: %w: this test works here", path, durable.ErrLocked)
	}
	f.locks[n] = true
	return unlocker{f, n}, nil
}

type unlocker struct {
	fs   *FS
	node *node
}

func (u unlocker) Close() error {
	u.fs.mu.Lock()
	defer u.fs.mu.Unlock()
	delete(u.fs.locks, u.node)
	return nil
}

// Stat is that of durable.FS.
func (f *FS) Stat(path string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.get("stat", path)
	if err != nil {
		return nil, err
	}
	return n.info(filepath.Base(path)), nil
}

// ReadDir is that of durable.FS.
func (f *FS) ReadDir(path string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.get("readdir", path)
	if err == nil && !n.isDir {
		err = &fs.PathError{Op: "readdir", Path: path, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, 0, len(n.names))
	for name, sub := range n.names {
		list = append(list, fs.FileInfoToDirEntry(sub.info(name)))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return list, nil
}

func (n *node) info(name string) info {
	return info{name: name, size: int64(len(n.data)), dir: n.isDir}
}

type info struct {
	name string
	size int64
	dir  bool
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) IsDir() bool        { return i.dir }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
