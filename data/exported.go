package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
)

// exported gives the files of a folder that data/export wrote, and not its manifest and card. A file that is not as long as the
// manifest says is refused: a compressed file that is cut between two frames looks whole.
func exported(root string, opt *Options) (inputs []*File, ours bool, err error) {
	name := filepath.Join(root, "export.json")
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	m, err := durable.ReadManifest(durable.OS, root)
	if errors.Is(err, durable.ErrNoManifest) {
		return nil, false, nil
	}
	var info struct {
		Files []struct {
			File string `json:"file"`
		} `json:"files"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &info)
	}
	if err != nil {
		return nil, true, &LineError{File: name, Err: fmt.Errorf("%w: %v", ErrStream, err)}
	}
	for _, f := range info.Files {
		sum, listed := m.Files[f.File]
		path := filepath.Join(root, filepath.FromSlash(f.File))
		stat, err := os.Lstat(path)
		if !listed || err != nil || !stat.Mode().IsRegular() || stat.Size() != sum.Bytes {
			return nil, true, &LineError{File: path, Err: fmt.Errorf("%w: the manifest has %d bytes: export again", ErrStream, sum.Bytes)}
		}
		found, err := named(path, disk(path), opt)
		if err != nil {
			return nil, true, err
		}
		inputs = append(inputs, found...)
	}
	return inputs, true, nil
}
