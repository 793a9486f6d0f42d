package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// RemoveDir removes a folder so that a crash leaves it whole or without its name: it is renamed away, durably, before the first
// file goes. A folder that is not there is fine.
func RemoveDir(fsys FS, dir string) error {
	there, err := exists(fsys, dir)
	if err != nil || !there {
		return err
	}
	aside, err := renameAside(fsys, dir)
	if err == nil {
		err = removeTree(fsys, aside)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}

// renameAside gives a folder a .del name and makes that durable.
func renameAside(fsys FS, dir string) (string, error) {
	aside, err := newName(dir, delMark, func(name string) error {
		if err := mustNotExist(fsys, name); err != nil {
			return err
		}
		return fsys.Rename(dir, name)
	})
	if err != nil {
		return "", err
	}
	return aside, fsys.SyncDir(filepath.Dir(filepath.Clean(dir)))
}

// RenameDir gives a folder another name in the same directory, durably. A folder in the way is an error (fs.ErrExist).
func RenameDir(fsys FS, from, to string) error {
	err := mustNotExist(fsys, to)
	if err == nil {
		err = fsys.Rename(from, to)
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(filepath.Clean(to)))
	}
	if err != nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, err)
	}
	return nil
}

// RemoveTemporaries removes what writers and removers that died left in a directory. Only its owner may call it, under a lock:
// a living writer's temporary file looks the same.
func RemoveTemporaries(fsys FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isTemporary(e.Name()) {
			if err := removeTree(fsys, filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// RemoveTemporariesOf removes what writers and removers of one file or folder that died left beside it. Only who alone may write
// it may call this.
func RemoveTemporariesOf(fsys FS, path string) error {
	dir, base := filepath.Split(filepath.Clean(path))
	entries, err := fsys.ReadDir(filepath.Clean(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), "."+base)
		if ours && isTemporary(e.Name()) && (strings.LastIndex(rest, tempMark) == 0 || strings.LastIndex(rest, delMark) == 0) {
			if err := removeTree(fsys, filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// isTemporary recognises the names that newName gives.
func isTemporary(name string) bool {
	if !strings.HasPrefix(name, ".") {
		return false
	}
	for _, mark := range []string{tempMark, delMark} {
		if i := strings.LastIndex(name, mark); i > 0 {
			if _, err := strconv.ParseUint(name[i+len(mark):], 10, 31); err == nil {
				return true
			}
		}
	}
	return false
}

// removeTree removes a file or a directory with all in it, following no link. It need not be durable: what comes back after a
// crash has a name that nobody takes for data.
func removeTree(fsys FS, path string) error {
	err := fsys.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) { // which "directory not empty" is
		return err
	}
	entries, err := fsys.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err := removeTree(fsys, filepath.Join(path, e.Name()))
		if err != nil {
			return err
		}
	}
	return fsys.Remove(path)
}

// Remove takes a file away, durably; one that is not there is fine.
func Remove(fsys FS, path string) error {
	err := fsys.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}
