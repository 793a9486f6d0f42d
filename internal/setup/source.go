package setup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// The library's source is that of its Go module, at one version, whose bytes are known. Later
// versions need a dependency from git and are not used.
const (
	sourceModule  = "github.com/daulet/tokenizers"
	sourceVersion = "v1.22.1"
	sourceSum     = "h1:3wzAFIxfgRuqGKka8xdkeTbctDmmqOOs12GofqdorpM="
)

// recipe is the version of patchSource: an archive built by another one is not reused.
const recipe = 1

// sourceDir returns the module's folder in the module cache, downloading it when it is not there.
func (e env) sourceDir(ctx context.Context) (string, error) {
	out, err := e.goCommand(ctx, "mod", "download", "-json", sourceModule+"@"+sourceVersion)
	if err != nil {
		return "", fmt.Errorf("find the source of the tokenizer's library: %w", err)
	}
	var m struct{ Dir, Error string }
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		return "", fmt.Errorf("go mod download -json %s: %w", sourceModule, err)
	}
	if m.Error != "" || m.Dir == "" {
		return "", fmt.Errorf("go mod download %s@%s: %s", sourceModule, sourceVersion, m.Error)
	}
	return m.Dir, nil
}

// copySource copies the module out of the read-only cache and checks that it is the source we know:
// a file edited in the cache would otherwise end up in every later build.
func copySource(from, to string) error {
	var lines []string
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%x  %s@%s/%s\n", sha256.Sum256(b), sourceModule, sourceVersion, filepath.ToSlash(rel)))
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		return err
	}
	if sum := moduleSum(lines); sum != sourceSum {
		return fmt.Errorf("its hash is %s, not %s: the module cache was changed; `go clean -modcache` cleans it", sum, sourceSum)
	}
	return nil
}

// moduleSum is the h1 hash of go.sum over lines "sha256-of-file  module@version/path\n", which it
// sorts by path.
func moduleSum(lines []string) string {
	sort.Slice(lines, func(i, j int) bool {
		return strings.SplitN(lines[i], "  ", 2)[1] < strings.SplitN(lines[j], "  ", 2)[1]
	})
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return "h1:" + base64.StdEncoding.EncodeToString(sum[:])
}

// patchSource turns off the library's one C++ dependency, a suffix array that only its training of
// Unigram vocabularies uses. Without it a C compiler is enough. Cargo.lock changes along, since
// --locked holds cargo to it: every version and checksum stays.
func patchSource(dir string) error {
	return errors.Join(
		replaceOnce(filepath.Join(dir, "Cargo.toml"),
			`tokenizers = {version = "0.20.2" }`,
			`tokenizers = {version = "0.20.2", default-features = false, features = ["onig", "progressbar"] }`),
		replaceOnce(filepath.Join(dir, "Cargo.lock"),
			"checksum = \"d817e038c30374a4bcb22f94d0a8a0e216958d4c3dcde369b1439fec4bdda6e6\"\ndependencies = [\n \"cc\",\n]\n",
			"checksum = \"d817e038c30374a4bcb22f94d0a8a0e216958d4c3dcde369b1439fec4bdda6e6\"\n"),
	)
}

// replaceOnce replaces the one occurrence of old in the file by new.
func replaceOnce(path, old, new string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := bytes.Count(b, []byte(old)); n != 1 {
		return fmt.Errorf("%s: %d places read %q, not one", path, n, old)
	}
	return os.WriteFile(path, bytes.Replace(b, []byte(old), []byte(new), 1), 0o644)
}
