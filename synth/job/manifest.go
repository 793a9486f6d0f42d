package job

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/internal/durable"
)

// ManifestName is the file that is there when a job is whole.
const ManifestName = "manifest.json"

// Manifest lists what a whole job has made.
type Manifest struct {
	Version   int      `json:"version"`
	Settings  Settings `json:"settings"`
	Documents int64    `json:"documents"`
	Texts     int64    `json:"texts"` // pieces of long documents count each
	Pairs     int64    `json:"pairs"`
	Shards    []Part   `json:"shards"`
}

// Part is one shard in a manifest.
type Part struct {
	File      string      `json:"file"` // relative to the job's folder
	Documents int64       `json:"documents"`
	Pairs     int64       `json:"pairs"`
	Sum       durable.Sum `json:"sum"`
}

// ReadManifest reads the manifest of a whole job; fs.ErrNotExist where the job is not whole.
func ReadManifest(fsys durable.FS, dir string) (*Manifest, error) {
	m := &Manifest{}
	path := filepath.Join(dir, ManifestName)
	if err := readJSON(fsys, path, m); err != nil {
		return nil, err
	}
	if m.Version != version {
		return nil, fmt.Errorf("%s: %w: version %d, this program knows %d", path, ErrOther, m.Version, version)
	}
	return m, nil
}

// Done sums up the shards of a job that are done so far; no job is nothing.
func Done(fsys durable.FS, dir string) (Stats, error) {
	var out Stats
	entries, err := fsys.ReadDir(filepath.Join(dir, recordsName))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return out, err
	}
	for _, e := range entries {
		number, err := strconv.ParseInt(strings.TrimSuffix(e.Name(), ".json"), 10, 64)
		if err != nil {
			continue // a record that is being written
		}
		r, err := readRecord(fsys, dir, number, false)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, durable.ErrDamaged) {
				continue
			}
			return out, err
		}
		out.Merge(&r.Stats)
	}
	return out, nil
}
