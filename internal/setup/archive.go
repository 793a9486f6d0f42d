package setup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

const (
	archiveName = "libtokenizers.a"
	stampName   = "stamp.json"
)

// archive names a build of the library by everything that decides its content. A stamp beside each
// copy records it with the copy's checksum.
type archive struct {
	Module   string `json:"module"`
	Source   string `json:"source"` // go.sum hash of the module
	Recipe   int    `json:"recipe"` // how we build: see patchSource
	Platform string `json:"platform"`
	Rustc    string `json:"rustc"`
	SHA256   string `json:"sha256,omitempty"` // of libtokenizers.a; set in stamps only
}

func wantedArchive(ctx context.Context) (archive, error) {
	rustc, err := exec.CommandContext(ctx, "rustc", "--version").Output()
	if err != nil {
		return archive{}, fmt.Errorf("rustc --version: %w (it comes with cargo)", err)
	}
	return archive{
		Module:   sourceModule + "@" + sourceVersion,
		Source:   sourceSum,
		Recipe:   recipe,
		Platform: runtime.GOOS + "-" + runtime.GOARCH,
		Rustc:    firstLine(rustc),
	}, nil
}

// key is the name of the archive's folder in the cache.
func (a archive) key() string {
	a.SHA256 = ""
	b, err := json.Marshal(a)
	if err != nil {
		panic("setup: a struct of strings does not marshal")
	}
	sum := sha256.Sum256(b)
	return a.Platform + "-" + hex.EncodeToString(sum[:8])
}

// validIn reports whether dir holds this archive, whole: what its stamp says is what we want and
// what its bytes are.
func (a archive) validIn(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, stampName))
	if err != nil {
		return false
	}
	var have archive
	if json.Unmarshal(b, &have) != nil {
		return false
	}
	sum, err := fileSum(filepath.Join(dir, archiveName))
	if err != nil || sum != have.SHA256 {
		return false
	}
	have.SHA256 = ""
	return have == a
}

// install copies the archive at src into dir with its stamp. The archive appears whole or not at
// all, and before its stamp, so that a killed setup is seen as one that has not run.
func (a archive) install(src, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	if err := replaceFile(filepath.Join(dir, archiveName), io.TeeReader(in, sum)); err != nil {
		return err
	}
	a.SHA256 = hex.EncodeToString(sum.Sum(nil))
	stamp, pw := io.Pipe()
	go func() {
		enc := json.NewEncoder(pw)
		enc.SetIndent("", "  ")
		pw.CloseWithError(enc.Encode(a))
	}()
	return replaceFile(filepath.Join(dir, stampName), stamp)
}

// replaceFile writes r to a temporary file beside path, syncs it and renames it over path.
func replaceFile(path string, r io.Reader) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = io.Copy(tmp, r)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
