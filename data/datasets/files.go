package datasets

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
)

// Split is a part of a dataset.
type Split string

// The parts. Tuning uses Train only.
const (
	Train Split = "train"
	Dev   Split = "dev"
	Test  Split = "test"
)

// Splits lists them.
func Splits() []Split { return []Split{Train, Dev, Test} }

// layout says which files of a published folder hold a split: alternatives, best first,
// each a list of globs separated by blanks that are held against the end of a file's path,
// without case and without .gz or .zst. The first alternative that names a file counts.
type layout map[Split][]string

// exported are the names that Hugging Face gives to a split: the files of a repository,
// its branch of automatic conversions, and what datasets.to_json and to_csv are called.
var exported = layout{
	Train: {"train-*.parquet train.parquet", "train/*.parquet", "train.jsonl", "train.json", "train.csv"},
	Dev: {"validation-*.parquet validation.parquet dev-*.parquet dev.parquet", "validation/*.parquet dev/*.parquet",
		"validation.jsonl dev.jsonl valid.jsonl val.jsonl", "validation.json dev.json valid.json val.json", "validation.csv dev.csv valid.csv val.csv"},
	Test: {"test-*.parquet test.parquet", "test/*.parquet", "test.jsonl", "test.json", "test.csv"},
}

// pick gives the files that a path stands for: a file or glob as it is, of a folder those
// of the split.
func (d *Dataset) pick(where string, split Split) ([]string, error) {
	info, err := os.Stat(where)
	if err == nil && info.IsDir() {
		return d.pickFolder(where, split)
	}
	if err == nil {
		return []string{where}, nil
	}
	if !strings.ContainsAny(where, "*?[") {
		return nil, fmt.Errorf("%w: %w", data.ErrNoFile, err)
	}
	matches, err := filepath.Glob(where)
	if err != nil {
		return nil, fmt.Errorf("%w: glob %q: %w", data.ErrNoFile, where, err)
	}
	matches = slices.DeleteFunc(matches, func(m string) bool {
		info, err := os.Stat(m)
		return err != nil || !info.Mode().IsRegular()
	})
	if len(matches) == 0 {
		return nil, fmt.Errorf("%w: glob %q matches no file", data.ErrNoFile, where)
	}
	return matches, nil // sorted by Glob
}

func (d *Dataset) pickFolder(root string, split Split) ([]string, error) {
	all, err := walk(root)
	if err != nil {
		return nil, err
	}
	for _, globs := range append(slices.Clone(d.files[split]), exported[split]...) {
		var found []string
		for _, p := range all {
			if matchesAny(strings.Fields(globs), p) {
				found = append(found, filepath.Join(root, filepath.FromSlash(p)))
			}
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, fmt.Errorf("%w: folder %s holds none of %s's %s files (%s)", data.ErrNoFile, root, d.Name, split, d.Expected(split))
}

// walk lists the regular files below a folder, sorted, with slashes; hidden names and
// folders that are links are passed over. The folder itself may be a link, and so may files:
// Hugging Face's cache is made of them.
func walk(root string) (files []string, err error) {
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != root && strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if info, bad := os.Stat(p); bad != nil || !info.Mode().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", data.ErrNoFile, err)
	}
	return files, nil
}

// matchesAny holds globs against the end of a path. Parquet and JSON lines stand for each
// other: both are exports of the same rows.
func matchesAny(globs []string, p string) bool {
	p = strings.ToLower(p)
	parts := strings.Split(rowsName(strings.TrimSuffix(strings.TrimSuffix(p, ".gz"), ".zst")), "/")
	for _, glob := range globs {
		n := strings.Count(glob, "/") + 1
		if n > len(parts) {
			continue
		}
		if ok, err := path.Match(rowsName(strings.ToLower(glob)), strings.Join(parts[len(parts)-n:], "/")); ok && err == nil {
			return true
		}
	}
	return false
}

func rowsName(p string) string {
	for _, ending := range []string{".parquet", ".jsonl"} {
		if rest, ok := strings.CutSuffix(p, ending); ok {
			return rest + ".rows"
		}
	}
	return p
}

// beside gives the first of the names that is there in the folder of file, also
// compressed, or "".
func beside(file string, names ...string) string {
	for _, name := range names {
		for _, ending := range []string{"", ".gz", ".zst"} {
			p := filepath.Join(filepath.Dir(file), name+ending)
			if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
				return p
			}
		}
	}
	return ""
}

// rootOf is where files that belong to others are looked for.
func rootOf(where string, files []string) string {
	if info, err := os.Stat(where); err == nil && info.IsDir() {
		return where
	}
	return filepath.Dir(files[0])
}

// support gives the files below the root that match the globs.
func (c *conversion) support(globs ...string) (found []string, err error) {
	files, err := walk(c.root)
	for _, p := range files {
		if matchesAny(globs, p) {
			found = append(found, filepath.Join(c.root, filepath.FromSlash(p)))
		}
	}
	return found, err
}

// baseOf is a file's name without folder and compression.
func baseOf(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(strings.TrimSuffix(base, ".gz"), ".zst")
}
