package curate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
)

// version of the files of a curation, and of what its stages compute: another version's stages run anew.
const version = 1

// Record says that a stage is done, from what, and what came out.
type Record struct {
	Version int             `json:"version"`
	Stage   string          `json:"stage"`
	Options json.RawMessage `json:"options"`           // that decide the output
	Input   string          `json:"input_sha256"`      // of the file of the stage before, or the key of the source
	Output  durable.Sum     `json:"output"`            // stages/NAME.jsonl.zst
	Dropped *durable.Sum    `json:"dropped,omitempty"` // dropped/NAME.jsonl.zst, where it was asked for
	Hits    *durable.Sum    `json:"hits,omitempty"`    // hits/NAME.jsonl.zst, of stage decontaminate
	Counts  Counts          `json:"counts"`
	Check   string          `json:"check"` // sha256 of the record with this field empty
}

// Counts is what a stage did.
type Counts struct {
	In      Size             `json:"in"`
	Out     Size             `json:"out"`
	Changed int64            `json:"changed"`           // documents that went on with another text
	Dropped map[string]int64 `json:"dropped,omitempty"` // documents by reason
	Read    *Reading         `json:"read,omitempty"`    // of the first stage: how the source was read
	Cleaned *Cleaned         `json:"cleaned,omitempty"` // of stage decontaminate
}

// Size is documents and the bytes of their texts.
type Size struct {
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`
}

// Reading is what the reader of the source counted.
type Reading struct {
	Files     int64 `json:"files"`
	Lines     int64 `json:"lines"`
	Blank     int64 `json:"blank"`
	Broken    int64 `json:"broken"`
	Repaired  int64 `json:"repaired"`
	Unchecked int64 `json:"unchecked"`
}

// Names in the folder of a curation.
const (
	settingsName = "curate.toml"
	resultName   = "curated.jsonl.zst"
	reportName   = "report.json"
	workName     = ".work"
	lockName     = ".lock"
)

func recordPath(dir, stage string) string  { return filepath.Join(dir, "records", stage+".json") }
func outputPath(dir, stage string) string  { return filepath.Join(dir, "stages", stage+".jsonl.zst") }
func droppedPath(dir, stage string) string { return filepath.Join(dir, "dropped", stage+".jsonl.zst") }
func hitsPath(dir, stage string) string    { return filepath.Join(dir, "hits", stage+".jsonl.zst") }

// readRecord reads a stage's record: fs.ErrNotExist where the stage was not done, durable.ErrDamaged where the record is not as it
// was written.
func readRecord(fsys durable.FS, dir, stage string) (*Record, error) {
	r := &Record{}
	if err := durable.ReadSealed(fsys, recordPath(dir, stage), r, &r.Check); err != nil {
		return nil, err
	}
	if r.Stage != stage {
		return nil, fmt.Errorf("%s: %w: it is not as it was written", recordPath(dir, stage), durable.ErrDamaged)
	}
	return r, nil
}

// verify compares the files of a stage with its record.
func (r *Record) verify(fsys durable.FS, dir string) error {
	for path, sum := range map[string]*durable.Sum{
		outputPath(dir, r.Stage): &r.Output, droppedPath(dir, r.Stage): r.Dropped, hitsPath(dir, r.Stage): r.Hits,
	} {
		if sum == nil {
			continue
		}
		if err := durable.VerifyFile(fsys, path, *sum); err != nil {
			return err
		}
	}
	return nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

func writeBytes(fsys durable.FS, path string, b []byte) error {
	return durable.WriteFile(fsys, path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// maxJSON bounds what is read of a record or report, in bytes.
const maxJSON = 16 << 20

// readAll reads a small file.
func readAll(fsys durable.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(b) > maxJSON {
		return nil, fmt.Errorf("%s: %w: more than %d MiB", path, durable.ErrDamaged, maxJSON>>20)
	}
	return b, nil
}

// readJSON reads a file of ours: what is not in the one form that encode gives is durable.ErrDamaged.
func readJSON[T any](fsys durable.FS, path string, to *T) error {
	raw, err := readAll(fsys, path)
	if err != nil {
		return err
	}
	err = json.Unmarshal(raw, to)
	if err == nil {
		var again []byte
		if again, err = encode(to); err == nil && !bytes.Equal(again, raw) {
			err = errors.New("not in the form it was written in")
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %v", path, durable.ErrDamaged, err)
	}
	return nil
}
