// Package durable is the one way Primer writes a file that must outlive a crash.
//
// Four protocols cover every file of the project:
//
//	WriteFile / Create   one file appears whole or not at all
//	CommitDir            a folder appears whole, with a manifest of what is in it
//	OpenLog              JSON lines are appended; a torn last line is repaired
//	FS.Lock              one process at a time in a directory
//
// The file system promises little after a power cut: data that was not fsynced may be there, gone, torn or zero; a name that was
// made, renamed or removed may be there or not until its directory is fsynced; only a rename is atomic. Each protocol therefore
// fsyncs the data, then the names inside, then renames, then fsyncs the parent, and answers only after that. When a protocol
// returns nil the new content survives a crash; when it returns an error the old content or the whole new content stands.
//
// Everything goes through the small interface FS. OS is the machine's file system; package crashfs has an in-memory one that
// enumerates what a crash may leave behind, and wrappers that inject faults.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
)

// FS is what the protocols need of a file system. Paths are those of package filepath.
type FS interface {
	// Create makes a new file for writing; a name that exists is an error (fs.ErrExist).
	Create(path string) (File, error)
	// OpenAppend opens an existing file; every Write goes to its end.
	OpenAppend(path string) (File, error)
	// Open opens an existing file for reading.
	Open(path string) (File, error)
	// Mkdir makes one directory; a name that exists is an error (fs.ErrExist).
	Mkdir(path string) error
	// Rename gives a file or directory another name in the same directory, atomically. A file in the way is replaced,
	// a directory only when it is empty.
	Rename(oldpath, newpath string) error
	// Remove removes a file or an empty directory.
	Remove(path string) error
	// Stat follows symbolic links.
	Stat(path string) (fs.FileInfo, error)
	// ReadDir lists a directory in order of names and follows no link.
	ReadDir(path string) ([]fs.DirEntry, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(path string) error
	// Lock takes the lock of a file, which is made when it is missing, without waiting: ErrLocked when another holds it. Close,
	// or the end of the process, releases it; the file stays.
	Lock(path string) (io.Closer, error)
}

// File is an open file. Sync makes its data durable, not its name.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Sync() error
	// Truncate cuts the file to size bytes.
	Truncate(size int64) error
}

// MkdirAll makes a directory and its missing parents, each one durable before the next is made. Directories that are there
// already are taken to be durable.
func MkdirAll(fsys FS, dir string) error {
	dir = filepath.Clean(dir)
	info, err := fsys.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errNotDir}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return err
	}
	if err := MkdirAll(fsys, parent); err != nil {
		return err
	}
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Another process may have made it a moment ago; its name must be durable for us too.
	if err := fsys.SyncDir(parent); err != nil {
		fsys.Remove(dir) // so that a second try does not take it to be durable; in use, it stays
		return err
	}
	return nil
}

// exists tells whether there is something at path.
func exists(fsys FS, path string) (bool, error) {
	_, err := fsys.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// mustNotExist is fs.ErrExist when there is something at path.
func mustNotExist(fsys FS, path string) error {
	there, err := exists(fsys, path)
	if err == nil && there {
		err = fs.ErrExist
	}
	return err
}
