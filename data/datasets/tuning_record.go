package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/primer-lm/primer/internal/durable"
)

// recordVersion is to be raised when equal files give other examples than before, so that
// what an older program converted is converted again.
const recordVersion = 1

// maxSealed bounds what is read of a file of ours, in bytes; a manifest has some 30 KB.
const maxSealed = 16 << 20

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

func (r *tuningRecord) check() *string { return &r.Check }
func (m *Manifest) check() *string     { return &m.Check }

// sealed is a file of ours that carries its own checksum: JSON with another digit is JSON.
type sealed interface{ check() *string }

func encodeSealed(v sealed) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	*v.check() = ""
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b.Bytes())
	*v.check() = hex.EncodeToString(sum[:])
	b.Reset()
	err := enc.Encode(v)
	return b.Bytes(), err
}

func writeSealed(fsys durable.FS, path string, v sealed) error {
	b, err := encodeSealed(v)
	if err != nil {
		return err
	}
	return durable.WriteFile(fsys, path, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// readSealed reads such a file: fs.ErrNotExist when it is not there, durable.ErrDamaged when
// one byte of it is not as it was written.
func readSealed(fsys durable.FS, path string, v sealed) error {
	f, err := fsys.Open(path)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxSealed+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w: %v", path, durable.ErrDamaged, err)
	}
	if again, err := encodeSealed(v); err != nil || !bytes.Equal(again, raw) {
		return fmt.Errorf("%s: %w: it is not as it was written", path, durable.ErrDamaged)
	}
	return nil
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
