package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// OS is the file system of the machine.
var OS FS = osFS{}

type osFS struct{}

func (osFS) Create(path string) (File, error) {
	return wrapFile(os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666))
}

func (osFS) OpenAppend(path string) (File, error) {
	return wrapFile(os.OpenFile(path, os.O_APPEND|os.O_RDWR, 0o666))
}

func (osFS) Open(path string) (File, error) { return wrapFile(os.Open(path)) }

// wrapFile keeps a nil *os.File from becoming a File that is not nil.
func wrapFile(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osFS) Mkdir(path string) error                    { return os.Mkdir(path, 0o777) }
func (osFS) Rename(oldpath, newpath string) error       { return os.Rename(oldpath, newpath) }
func (osFS) Remove(path string) error                   { return os.Remove(path) }
func (osFS) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (osFS) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

func (osFS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = fmt.Errorf("%w: this file system cannot make a directory durable; use another one", err)
	}
	return errors.Join(err, d.Close())
}

// Lock uses flock(2), which the kernel releases when the process ends, however it ends.
func (osFS) Lock(path string) (io.Closer, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil {
			defer f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, fmt.Errorf("%s: %w: %s works here", path, ErrLocked, lockHolder(f))
			}
			if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOLCK) {
				err = fmt.Errorf("%w: this file system has no locks; mount it with them (Lustre: -o flock), or use another folder", err)
			}
			return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
		}
		if !stillAt(f, path) { // its directory was moved aside between open and lock
			f.Close()
			continue
		}
		if err := writeHolder(f); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
}

func stillAt(f *os.File, path string) bool {
	mine, err1 := f.Stat()
	there, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

// writeHolder tells people, and the text of ErrLocked, who holds the lock.
func writeHolder(f *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(fmt.Sprintf("process %d on %s\n", os.Getpid(), host)), 0)
	return err
}

func lockHolder(f *os.File) string {
	b := make([]byte, 256)
	n, err := f.ReadAt(b, 0)
	holder := strings.TrimSpace(string(b[:n]))
	if holder == "" || (err != nil && !errors.Is(err, io.EOF)) {
		return "another process"
	}
	return holder
}
