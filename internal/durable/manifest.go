package durable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// ManifestName is the file in a committed folder that lists the others.
const ManifestName = "MANIFEST.json"

// maxManifest bounds what is read as a manifest, in bytes: some 500,000 files.
const maxManifest = 64 << 20

// Manifest lists the files of a folder by relative name, with slashes.
type Manifest struct {
	Files map[string]Sum
}

// manifestJSON is its form on disk.
type manifestJSON struct {
	Version int            `json:"version"`
	Files   map[string]Sum `json:"files"`
}

const manifestVersion = 1

// encode gives the one form a manifest has on disk.
func (m Manifest) encode() []byte {
	b, err := json.MarshalIndent(manifestJSON{manifestVersion, m.Files}, "", "  ")
	if err != nil {
		panic("durable: a manifest does not encode")
	}
	return append(b, '\n')
}

// WriteManifest writes the manifest of a folder whose files were written one by one with WriteFileSum: its last file. With RenameDir
// it makes a folder that appears whole but that is not begun anew after a crash.
func WriteManifest(fsys FS, dir string, m Manifest) error {
	return WriteFile(fsys, filepath.Join(dir, ManifestName), func(w io.Writer) error {
		_, err := w.Write(m.encode())
		return err
	})
}

// ReadManifest reads the manifest of a folder: ErrNoManifest or ErrDamaged when it is not there or not as it was written.
func ReadManifest(fsys FS, dir string) (Manifest, error) {
	name := filepath.Join(dir, ManifestName)
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s: %w", dir, ErrNoManifest)
	}
	if err != nil {
		return Manifest{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", name, err)
	}
	m, err := parseManifest(b)
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w: %v", name, ErrDamaged, err)
	}
	return m, nil
}

// parseManifest accepts exactly what encode gives, so that no flipped bit in it goes unseen.
func parseManifest(b []byte) (Manifest, error) {
	if len(b) > maxManifest {
		return Manifest{}, fmt.Errorf("more than %d bytes", maxManifest)
	}
	var j manifestJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return Manifest{}, err
	}
	if j.Version != manifestVersion {
		return Manifest{}, fmt.Errorf("version %d, this program knows %d", j.Version, manifestVersion)
	}
	for name := range j.Files {
		if !validName(name) {
			return Manifest{}, fmt.Errorf("file name %q %w", name, errName)
		}
	}
	m := Manifest{Files: j.Files}
	if !bytes.Equal(m.encode(), b) {
		return Manifest{}, errors.New("not in the form it was written in")
	}
	return m, nil
}
