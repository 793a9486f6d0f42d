package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/primer-lm/primer/data"
)

// Beside is a report of another step: of synthesis, curation, decontamination.
type Beside struct {
	File   string  `json:"file"`
	Tables []Table `json:"tables"`
	Cut    bool    `json:"cut,omitempty"` // it has more than is shown
}

// Table is one object of counts in such a report, whatever it is called: stages and reasons need not be known here.
type Table struct {
	Path   string  `json:"path"` // where it stands: stages / length / dropped
	Counts []Count `json:"counts"`
}

// Count is a name and a number.
type Count struct {
	Name string  `json:"name"`
	N    float64 `json:"n"`
}

const (
	maxBeside = 4 << 20 // bytes of a report; decoded it takes fifty times as many
	maxTables = 100
	maxCounts = 200
)

// ReportName is the file that steps leave beside what they made.
const ReportName = "report.json"

// FindBeside gives the reports that lie beside the inputs: in a folder, or in that of a file.
func FindBeside(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		if p == data.Stdin {
			continue
		}
		info, err := os.Stat(p)
		if err != nil { // a glob, or what reading has named
			continue
		}
		if !info.IsDir() {
			p = filepath.Dir(p)
		}
		file := filepath.Join(p, ReportName)
		if _, err := os.Stat(file); err == nil && !slices.Contains(out, file) {
			out = append(out, file)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return out, nil
}

// ReadBeside reads the counts of another step's report. One of this package has none to add: ok is false.
func ReadBeside(path string) (b Beside, ok bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return b, false, fmt.Errorf("%w: %w", data.ErrNoFile, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBeside+1))
	if err != nil {
		return b, false, fmt.Errorf("%s: %w", path, err)
	}
	if len(raw) > maxBeside {
		return b, false, fmt.Errorf("%w: %s is above %d MiB", data.ErrLimit, path, maxBeside>>20)
	}
	var top map[string]any
	if err := json.Unmarshal(raw, &top); err != nil {
		return b, false, fmt.Errorf("%w: %s is no report: %v", data.ErrFormat, path, err)
	}
	if top["made_by"] == MadeBy {
		return b, false, nil
	}
	b.File = path
	b.walk(nil, top)
	return b, true, nil
}

// passedOver are parts of reports that are no counts of what happened.
var passedOver = []string{"samples", "settings", "bins", "version", "hits", "examples"}

// walk makes a table of each object that holds numbers, and goes into the others. Histograms are passed over.
func (b *Beside) walk(path []string, object map[string]any) {
	if _, histogram := object["bins"]; histogram || len(path) > 12 {
		return
	}
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	t := Table{Path: strings.Join(path, " / ")}
	for _, name := range names {
		if n, number := object[name].(float64); number && !slices.Contains(passedOver, name) {
			if len(t.Counts) == maxCounts {
				b.Cut = true
				break
			}
			t.Counts = append(t.Counts, Count{short(name, maxName), n})
		}
	}
	if len(t.Counts) > 0 {
		if len(b.Tables) == maxTables {
			b.Cut = true
			return
		}
		b.Tables = append(b.Tables, t)
	}
	for _, name := range names {
		if !slices.Contains(passedOver, name) {
			b.value(append(slices.Clone(path), short(name, maxName)), object[name])
		}
	}
}

// value goes into an object, or into each of a list, by its name where it has one.
func (b *Beside) value(path []string, v any) {
	switch v := v.(type) {
	case map[string]any:
		b.walk(path, v)
	case []any:
		for i, e := range v {
			object, ok := e.(map[string]any)
			if !ok {
				return
			}
			label := fmt.Sprint(i + 1)
			for _, key := range []string{"name", "stage", "set", "file"} {
				if s, ok := object[key].(string); ok {
					label = short(s, maxName)
					break
				}
			}
			b.walk(append(slices.Clone(path), label), object)
		}
	}
}

// AddBeside puts the counts of other steps' reports into this one.
func (r *Report) AddBeside(paths ...string) error {
	for _, p := range paths {
		b, ok, err := ReadBeside(p)
		if err != nil {
			return err
		}
		if ok && !slices.ContainsFunc(r.Beside, func(o Beside) bool { return o.File == b.File }) {
			r.Beside = append(r.Beside, b)
		}
	}
	return nil
}
