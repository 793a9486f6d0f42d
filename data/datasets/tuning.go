package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// PerDataset is how many examples of each dataset the tuning set has at most (the paper's
// Appendix A): those with most pairs.
const PerDataset = 10_000

// TuningManifest is the file in a tuning set's folder that says what is in it. It is there
// when the set is whole.
const TuningManifest = "tuning.json"

// Manifest says what a tuning set is made of. It holds no time and no path outside the
// folder that was converted, so that equal inputs give equal bytes.
type Manifest struct {
	Version  int              `json:"version"`
	Split    Split            `json:"split"`
	Limit    int              `json:"limit"`     // examples of a dataset
	MaxWords int              `json:"max_words"` // of a context
	Examples int64            `json:"examples"`
	Pairs    int64            `json:"pairs"`
	Formats  map[string]int64 `json:"formats"` // pairs of each form
	Datasets []ManifestEntry  `json:"datasets"`
	Missing  []string         `json:"missing,omitempty"` // datasets that were not there
	Check    string           `json:"check"`             // sha256 of the manifest with this field empty
}

// ManifestEntry is one dataset of a tuning set.
type ManifestEntry struct {
	Name     string           `json:"name"`
	Role     Role             `json:"role"`
	Licence  string           `json:"licence"`
	Split    Split            `json:"split"`
	File     string           `json:"file"` // below the folder of the tuning set
	Sum      durable.Sum      `json:"sum"`  // of that file
	From     []string         `json:"from"` // files that were read, below the folder that was converted
	Records  int64            `json:"records"`
	Examples int64            `json:"examples"`
	Pairs    int64            `json:"pairs"`
	Formats  map[string]int64 `json:"formats"`
	Skipped  map[Reason]int64 `json:"skipped,omitempty"`
	Notes    []string         `json:"notes,omitempty"`
}

// Source is where the files of a dataset are.
type Source struct {
	Dataset *Dataset
	Path    string
}

// Locate looks into a folder for datasets of a role: a folder or file for each, called by
// the dataset's name or by any other name that Find knows. What is not there is listed.
func Locate(dir string, role Role) (found []Source, missing []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", data.ErrNoFile, err)
	}
	paths := map[*Dataset]string{}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		d, err := Find(name)
		if err != nil && !e.IsDir() {
			stem, _, _ := strings.Cut(name, ".")
			d, err = Find(stem)
		}
		if err != nil {
			continue // something else that lies there
		}
		if other := paths[d]; other != "" {
			return nil, nil, fmt.Errorf("%s and %s are both %s: remove one", other, name, d.Name)
		}
		paths[d] = name
	}
	for _, d := range all {
		switch {
		case d.Role != role:
		case paths[d] == "":
			missing = append(missing, d.Name)
		default:
			found = append(found, Source{d, filepath.Join(dir, paths[d])})
		}
	}
	return found, missing, nil
}

func (m *Manifest) add(e ManifestEntry) {
	m.Examples += e.Examples
	m.Pairs += e.Pairs
	for f, n := range e.Formats {
		m.Formats[f] += n
	}
	m.Datasets = append(m.Datasets, e)
}
