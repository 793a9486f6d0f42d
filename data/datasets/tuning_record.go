package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// recordVersion is to be raised when equal files give other examples than before, so that
// what an older program converted is converted again.
const recordVersion = 1

// settings are the options that decide a dataset's examples.
type settings struct {
	Split     Split `json:"split"`
	Limit     int   `json:"limit"`
	MaxWords  int   `json:"max_words"`
	NoThought bool  `json:"no_thought,omitempty"`
	NoOptions bool  `json:"no_options,omitempty"`
}

// tuningRecord says that a dataset of a tuning set is done, from which files, and how.
type tuningRecord struct {
	Version  int           `json:"version"`
	Settings settings      `json:"settings"`
	Inputs   string        `json:"inputs_sha256"` // of names, sizes and times of change, see hashInputs
	Entry    ManifestEntry `json:"entry"`
	Check    string        `json:"check"` // sha256 of the record with this field empty
}

// hashInputs names the files of a dataset: name, size and time of change of each file in its
// folder. A dataset that is one file may read others that lie beside it, so then it is the
// folder around it. Contents are not hashed: TriviaQA alone has some 100 GB of them.
// The folder that is written may lie among them, and is none of them; nor is what is hidden.
func hashInputs(where, out string) (string, error) {
	info, err := os.Stat(where)
	if err != nil {
		return "", err
	}
	root := where
	if !info.IsDir() {
		root = filepath.Dir(where)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return "", err
	}
	own, _ := os.Stat(out) // nil before the first start
	h := sha256.New()
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && own != nil {
			if info, err := e.Info(); err == nil && os.SameFile(info, own) {
				return fs.SkipDir
			}
		}
		if err == nil && p != root && strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := os.Stat(p) // a link counts as what it points to
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		fmt.Fprintf(h, "%q %d %d\n", filepath.ToSlash(rel), info.Size(), info.ModTime().UnixNano())
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
