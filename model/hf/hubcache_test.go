package hf_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/model/hf"
)

// hubCache lays a golden out as Hugging Face's cache does: blobs named by digest, and a snapshot of links to them.
func hubCache(t *testing.T, golden string) (snapshot string) {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "models--a--b")
	snapshot = filepath.Join(repo, "snapshots", strings.Repeat("a1", 20))
	must(t, os.MkdirAll(snapshot, 0o755))
	must(t, os.MkdirAll(filepath.Join(repo, "blobs"), 0o755))
	dir := copyFolder(t, golden)
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		sum := sha256.Sum256(b)
		digest := hex.EncodeToString(sum[:])
		must(t, os.WriteFile(filepath.Join(repo, "blobs", digest), b, 0o644))
		must(t, os.Symlink("../../blobs/"+digest, filepath.Join(snapshot, e.Name())))
	}
	return snapshot
}

func TestASnapshotOfTheHubCacheIsRead(t *testing.T) {
	f, err := hf.OpenFolder(hubCache(t, "llama2-mha"))
	must(t, err)
	must(t, f.Check())
	must(t, f.Close())
}

func TestLinksThatOnlyLookLikeTheHubCacheAreRefused(t *testing.T) {
	for name, damage := range map[string]func(config string){
		"elsewhere":      func(c string) { relink(t, c, "../../../blobs/"+strings.Repeat("0", 64)) },
		"no digest":      func(c string) { relink(t, c, "../../blobs/config.json") },
		"absolute":       func(c string) { relink(t, c, "/etc/passwd") },
		"blob is a link": func(c string) { blob, _ := filepath.EvalSymlinks(c); relink(t, blob, "/etc/passwd") },
		"blob is a pipe": func(c string) { blob, _ := filepath.EvalSymlinks(c); relink(t, blob, "/dev/zero") },
		"no snapshot": func(c string) {
			dir := filepath.Dir(c)
			must(t, os.Rename(filepath.Dir(dir), filepath.Join(filepath.Dir(filepath.Dir(dir)), "others")))
		},
	} {
		snapshot := hubCache(t, "llama2-mha")
		damage(filepath.Join(snapshot, hf.ConfigName))
		if name == "no snapshot" {
			snapshot = filepath.Join(filepath.Dir(filepath.Dir(snapshot)), "others", filepath.Base(snapshot))
		}
		f, err := hf.OpenFolder(snapshot)
		if !errors.Is(err, hf.ErrFile) || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%s: %v, expected an ErrFile that speaks of the symbolic link", name, err)
		}
		if err == nil {
			f.Close()
		}
	}
}

func relink(t *testing.T, name, target string) {
	t.Helper()
	must(t, os.Remove(name))
	must(t, os.Symlink(target, name))
}
