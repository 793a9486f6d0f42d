package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"sync"
)

// CommitDir writes a folder: fill puts files into a temporary folder beside final, which gets a manifest of their sizes and
// sha256 sums and then, everything in it durable, its name. Whoever sees the name sees the whole folder. The parents it needs
// are made. A folder that is there already is an error (fs.ErrExist) before fill runs: RemoveDir it first.
func CommitDir(fsys FS, final string, fill func(tmp *Dir) error) error {
	if err := commitDir(fsys, final, fill); err != nil {
		return fmt.Errorf("write folder %s: %w", final, err)
	}
	return nil
}

func commitDir(fsys FS, final string, fill func(tmp *Dir) error) (err error) {
	parent := filepath.Dir(filepath.Clean(final))
	if err := MkdirAll(fsys, parent); err != nil {
		return err
	}
	if err := mustNotExist(fsys, final); err != nil {
		return err
	}
	temp, err := newName(final, tempMark, fsys.Mkdir)
	if err != nil {
		return err
	}
	renamed := false
	defer func() { // also when fill panics
		if !renamed {
			err = errors.Join(err, removeTree(fsys, temp))
		}
	}()
	d := &Dir{fsys: fsys, path: temp, files: map[string]Sum{}, dirs: map[string]bool{".": true}}
	if err := fill(d); err != nil {
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	if err := fsys.Rename(temp, final); err != nil {
		return err
	}
	renamed = true
	if err := fsys.SyncDir(parent); err != nil {
		return fmt.Errorf("written, but a crash may undo it: %w", err)
	}
	return nil
}

// Dir is a folder that is being written. Its methods may be called from several goroutines.
type Dir struct {
	fsys FS
	path string

	mu    sync.Mutex
	files map[string]Sum  // by name; the zero Sum while one is open
	dirs  map[string]bool // "." and the sub-folders made so far
	open  int
	done  bool
	err   error // the first file that failed: the folder is then never committed, even if fill drops the error
}

// WriteFile writes one file of the folder. Names are relative, with slashes; sub-folders are made. What write gets is buffered.
func (d *Dir) WriteFile(name string, write func(io.Writer) error) error {
	w, err := d.Create(name)
	if err != nil {
		return err
	}
	if err := write(w); err != nil {
		w.Close()
		err = fmt.Errorf("write %s: %w", name, err)
		d.fail(err)
		return err
	}
	return w.Close()
}

// fail remembers the first file that failed.
func (d *Dir) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
	}
}

// Create starts one file of the folder; its Close makes the data durable, and its error must be looked at.
func (d *Dir) Create(name string) (io.WriteCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fail := func(err error) (io.WriteCloser, error) { return nil, fmt.Errorf("file %q: %w", name, err) }
	if d.done {
		return fail(ErrClosed)
	}
	if !validName(name) || name == ManifestName {
		return fail(errName)
	}
	if _, twice := d.files[name]; twice {
		return fail(errTwice)
	}
	if err := d.mkdir(path.Dir(name)); err != nil {
		return fail(err)
	}
	f, err := d.fsys.Create(d.local(name))
	if err != nil {
		return fail(err)
	}
	d.files[name] = Sum{}
	d.open++
	return &dirFile{summingFile: newSummingFile(f), dir: d, name: name}, nil
}

// mkdir makes a sub-folder; finish makes the names durable.
func (d *Dir) mkdir(name string) error {
	if d.dirs[name] {
		return nil
	}
	if err := d.mkdir(path.Dir(name)); err != nil {
		return err
	}
	if err := d.fsys.Mkdir(d.local(name)); err != nil {
		return err
	}
	d.dirs[name] = true
	return nil
}

func (d *Dir) local(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

// finish writes the manifest and makes every name in the folder durable.
func (d *Dir) finish() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = true
	if d.err != nil {
		return d.err
	}
	if d.open > 0 {
		return errStillOpen
	}
	f, err := d.fsys.Create(d.local(ManifestName))
	if err != nil {
		return err
	}
	out := newSummingFile(f)
	out.Write(Manifest{Files: d.files}.encode()) // a failure sticks
	if _, err := out.finish(); err != nil {
		return err
	}
	names := make([]string, 0, len(d.dirs))
	for name := range d.dirs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := d.fsys.SyncDir(d.local(name)); err != nil {
			return err
		}
	}
	return nil
}

// dirFile is one open file of a Dir.
type dirFile struct {
	*summingFile
	dir    *Dir
	name   string
	closed bool
}

func (f *dirFile) Close() error {
	if f.closed {
		return ErrClosed
	}
	f.closed = true
	sum, err := f.finish()
	if err != nil {
		err = fmt.Errorf("write %s: %w", f.name, err)
		f.dir.fail(err)
	}
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	f.dir.open--
	f.dir.files[f.name] = sum
	return err
}

// validName: relative, slashes, clean, nothing above the folder.
func validName(name string) bool {
	return fs.ValidPath(name) && name != "." && !strings.ContainsAny(name, "\\\x00")
}

// Open opens a file of the folder that is finished, and tells its size in bytes.
func (d *Dir) Open(name string) (File, int64, error) {
	sum, ok := d.Sum(name)
	if !ok {
		return nil, 0, fmt.Errorf("file %q: %w", name, fs.ErrNotExist)
	}
	f, err := d.fsys.Open(d.local(name))
	return f, sum.Bytes, err
}

// Sum is the size and sha256 of a file of the folder that is finished.
func (d *Dir) Sum(name string) (Sum, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum, ok := d.files[name]
	return sum, ok && sum != Sum{}
}

// Rename gives a file of the folder that is finished another name in the same sub-folder, such as one that tells how many there
// are.
func (d *Dir) Rename(from, to string) error {
	sum, ok := d.Sum(from)
	d.mu.Lock()
	defer d.mu.Unlock()
	_, taken := d.files[to]
	switch {
	case !ok:
		return fmt.Errorf("file %q: %w", from, fs.ErrNotExist)
	case taken:
		return fmt.Errorf("file %q: %w", to, errTwice)
	case d.done, !validName(to), to == ManifestName, path.Dir(from) != path.Dir(to):
		return fmt.Errorf("file %q: %w", to, errName)
	}
	if err := d.fsys.Rename(d.local(from), d.local(to)); err != nil {
		return err
	}
	delete(d.files, from)
	d.files[to] = sum
	return nil
}
