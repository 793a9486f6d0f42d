package templates

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
)

//go:embed files/*.toml files/small/*.toml
var embedded embed.FS

// The embedded sets.
const (
	fullFiles  = "files/*.toml"
	smallFiles = "files/small/*.toml"
)

// maxFile bounds a template file, in bytes.
const maxFile = 4 << 20

// family is the entries of one name with their running sums of weights: of all, and
// with those that need a text counting nothing.
type family struct {
	entries  []entry
	sums     []float64
	textless []float64
}

// Set is a checked collection of all families. It is immutable.
type Set struct {
	families    map[string]*family
	none        map[string]bool // the none-phrases, folded
	fingerprint string
	apart       bool // inline answers stand apart from a list of options; the small set was measured without
}

// Default is the full embedded set, parsed once.
func Default() *Set { return defaultSet() }

// Small is the embedded set of a dozen entries a family, for models and corpora so
// small that they would not see a pattern of the full set twice: the quickstart's.
// Its figures were measured with it, so it does not change.
func Small() *Set { return smallSet() }

var (
	defaultSet = sync.OnceValue(func() *Set { return must(Load()) })
	smallSet   = sync.OnceValue(func() *Set { return must(LoadSmall()) })
)

func must(s *Set, err error) *Set {
	if err != nil {
		panic("templates: the embedded files are bad: " + err.Error())
	}
	return s
}

// Load gives the full embedded set with the entries of the files added. Errors wrap
// ErrTemplate and name file and line, family and field.
func Load(paths ...string) (*Set, error) { return load(fullFiles, paths) }

// LoadSmall does the same with the small set.
func LoadSmall(paths ...string) (*Set, error) { return load(smallFiles, paths) }

func load(pattern string, paths []string) (*Set, error) {
	s := newSet()
	if s.apart = pattern == fullFiles; s.apart {
		s.mark([]byte("inline answers stand apart")) // other texts from equal files
	}
	names, err := fs.Glob(embedded, pattern)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b, err := embedded.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := s.add("templates/"+name, b); err != nil {
			return nil, err
		}
	}
	for _, path := range paths {
		b, err := readFile(path)
		if err != nil {
			return nil, err
		}
		if err := s.add(path, b); err != nil {
			return nil, err
		}
	}
	return s, s.finish()
}

func newSet() *Set { return &Set{families: map[string]*family{}, none: map[string]bool{}} }

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrTemplate, path, err)
	case len(b) > maxFile:
		return nil, fmt.Errorf("%w: %s: more than %d MiB", ErrTemplate, path, maxFile>>20)
	}
	return b, nil
}

// mark takes a file's bytes into the fingerprint.
func (s *Set) mark(b []byte) {
	sum := sha256.Sum256(append([]byte(s.fingerprint), b...))
	s.fingerprint = hex.EncodeToString(sum[:])
}

// Fingerprint tells sets apart: a hash, in hexadecimal digits, over the bytes of all
// files in the order they were read.
func (s *Set) Fingerprint() string { return s.fingerprint }

// finish checks that every family has an entry and sums the weights.
func (s *Set) finish() error {
	for name := range rules {
		f := s.families[name]
		if f == nil || len(f.entries) == 0 {
			return fmt.Errorf("%w: family %q has no entry", ErrTemplate, name)
		}
		sum, textless := 0.0, 0.0
		for _, e := range f.entries {
			sum += e.weight
			if !e.needsText {
				textless += e.weight
			}
			f.sums, f.textless = append(f.sums, sum), append(f.textless, textless)
		}
	}
	for _, e := range s.families["options.none"].entries {
		s.none[fold(e.text)] = true
	}
	return nil
}

// fold is how answers are compared with options and none-phrases: trimmed, without
// a last full stop, lower case.
func fold(s string) string {
	return strings.ToLower(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), ".")))
}

// Count is how many entries a family has.
func (s *Set) Count(name string) int {
	if f := s.families[name]; f != nil {
		return len(f.entries)
	}
	return 0
}
