package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// synthesizedManifest is what is read here of the manifest of a synthesis (package synth/job).
type synthesizedManifest struct {
	Shards []struct {
		File string `json:"file"`
		Sum  struct {
			Bytes int64 `json:"bytes"`
		} `json:"sum"`
	} `json:"shards"`
}

// synthesized gives the chains of a folder that synthesize wrote. One that is not whole is refused: a part would be taken
// for the corpus.
func synthesized(root string) (inputs []*File, ours bool, err error) {
	for _, name := range []string{"job.json", "chains"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			return nil, false, nil
		}
	}
	path := filepath.Join(root, "manifest.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, fmt.Errorf("%w: %s is a synthesis that is not finished: start it again, or read %s for what is done",
			ErrNoFile, root, filepath.Join(root, "chains"))
	}
	if err != nil {
		return nil, true, err
	}
	var m synthesizedManifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, true, &LineError{File: path, Err: fmt.Errorf("%w: %v", ErrStream, err)}
	}
	for _, s := range m.Shards {
		file := filepath.Join(root, filepath.FromSlash(s.File))
		if !filepath.IsLocal(filepath.FromSlash(s.File)) {
			return nil, true, &LineError{File: path, Err: fmt.Errorf("%w: it names %q", ErrStream, s.File)}
		}
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() != s.Sum.Bytes {
			return nil, true, &LineError{File: file, Err: fmt.Errorf("%w: the manifest has %d bytes: start the synthesis again to repair it", ErrStream, s.Sum.Bytes)}
		}
		k, comp := classify(file)
		inputs = append(inputs, &File{file, k, comp, disk(file)})
	}
	return inputs, true, nil
}
