package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
)

// VerifyDir compares a committed folder with its manifest: every file there, of its size and sha256, and nothing else. A
// difference is ErrDamaged and names the file. Links, devices and pipes are refused, not opened.
func VerifyDir(fsys FS, dir string) error {
	m, err := ReadManifest(fsys, dir)
	if err != nil {
		return err
	}
	found := 0
	err = walk(fsys, dir, ".", func(name string, entry fs.DirEntry) error {
		if name == ManifestName {
			return nil
		}
		want, listed := m.Files[name]
		if !listed {
			return damaged(dir, name, "is not in %s: move it away", ManifestName)
		}
		found++
		info, err := entry.Info()
		if err == nil && info.Size() != want.Bytes {
			err = damaged(dir, name, "has %d bytes, not %d", info.Size(), want.Bytes)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := verifyFiles(fsys, dir, m); err != nil { // after the sizes, which cost nothing
		return err
	}
	if found != len(m.Files) {
		return fmt.Errorf("%s: %w: the folder changed while it was read", dir, ErrDamaged)
	}
	return nil
}

// verifyParallel is the size of a folder, in bytes, from which its files are hashed side by side.
const verifyParallel = 32 << 20

// verifyFiles hashes all files and tells the first, in order of names, that differs.
func verifyFiles(fsys FS, dir string, m Manifest) error {
	names := make([]string, 0, len(m.Files))
	total := int64(0)
	for name, sum := range m.Files {
		names = append(names, name)
		total += sum.Bytes
	}
	sort.Strings(names)
	workers := 1
	if total >= verifyParallel {
		workers = min(runtime.GOMAXPROCS(0), len(names))
	}
	if workers == 1 {
		for _, name := range names {
			if err := verifyFile(fsys, dir, name, m.Files[name]); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, len(names))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
				errs[i] = verifyFile(fsys, dir, names[i], m.Files[names[i]])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// VerifySize compares a file's size with what it has to be: ErrDamaged when it is another, or the file is missing.
func VerifySize(fsys FS, path string, want Sum) error {
	info, err := fsys.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w: it is missing", path, ErrDamaged)
	case err != nil:
		return err
	case info.Size() != want.Bytes:
		return fmt.Errorf("%s: %w: it has %d bytes, not %d", path, ErrDamaged, info.Size(), want.Bytes)
	}
	return nil
}

// VerifyFile compares a file's size and content with what they have to be: ErrDamaged when they are others, or it is missing.
func VerifyFile(fsys FS, path string, want Sum) error {
	if err := VerifySize(fsys, path, want); err != nil {
		return err
	}
	have, err := SumFile(fsys, path)
	if err == nil && have != want {
		err = fmt.Errorf("%s: %w: sha256 %s, not %s", path, ErrDamaged, have.SHA256, want.SHA256)
	}
	return err
}

func verifyFile(fsys FS, dir, name string, want Sum) error {
	sum, err := SumFile(fsys, filepath.Join(dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return damaged(dir, name, "is missing")
	}
	if err != nil {
		return err
	}
	if sum != want {
		return damaged(dir, name, "has sha256 %s over %d bytes, not %s over %d", sum.SHA256, sum.Bytes, want.SHA256, want.Bytes)
	}
	return nil
}

func damaged(dir, name, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", filepath.Join(dir, filepath.FromSlash(name)), ErrDamaged, fmt.Sprintf(format, args...))
}

// walk visits the plain files under dir/name; what is neither file nor directory is an error.
func walk(fsys FS, dir, name string, visit func(name string, entry fs.DirEntry) error) error {
	entries, err := fsys.ReadDir(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	for _, e := range entries {
		sub := path.Join(name, e.Name())
		switch {
		case e.IsDir():
			err = walk(fsys, dir, sub, visit)
		case e.Type().IsRegular():
			err = visit(sub, e)
		default:
			err = damaged(dir, sub, "is neither a file nor a directory")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readBuffers serve SumFile.
var readBuffers = sync.Pool{New: func() any { return new([writeBuffer]byte) }}

// SumFile reads a file through and tells its size and sha256.
func SumFile(fsys FS, path string) (Sum, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return Sum{}, err
	}
	buf := readBuffers.Get().(*[writeBuffer]byte)
	defer readBuffers.Put(buf)
	h := sha256.New()
	n, err := io.CopyBuffer(h, onlyReader{f}, buf[:])
	if err := errors.Join(err, f.Close()); err != nil {
		return Sum{}, fmt.Errorf("read %s: %w", path, err)
	}
	return Sum{Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// onlyReader hides os.File.WriteTo, which would take a buffer of its own.
type onlyReader struct{ io.Reader }
