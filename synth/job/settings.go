package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/synth"
)

// What goes wrong with a job, to be told apart with errors.Is.
var (
	// ErrOther: the folder holds another job, or the documents are not those it began with.
	ErrOther = errors.New("another job")
	// ErrNotJob: the folder is in use for something else.
	ErrNotJob = errors.New("no folder of a synthesis job")
	// ErrBusy: other processes work on shards of this part; the same command finishes what they leave.
	ErrBusy = errors.New("shards are being written by other processes")
)

// Settings is what decides the output of a job: two runs with equal settings over equal documents give equal shards.
type Settings struct {
	Model        string  `json:"model"`              // fingerprint, see Fingerprint
	ShardTexts   int64   `json:"texts_per_shard"`    // documents of a shard
	Rounds       int     `json:"rounds"`             // texts of a chain
	Window       int     `json:"window"`             // tokens
	MaxNewTokens int     `json:"max_new_tokens"`     //
	Temperature  float32 `json:"temperature"`        //
	TopP         float32 `json:"top_p"`              //
	Seed         uint64  `json:"seed"`               //
	Verify       string  `json:"verify"`             // the scores that are recorded
	Cache        string  `json:"cache,omitempty"`    // dtype of the KV cache; "": what the model computes in
	Reading      string  `json:"reading,omitempty"`  // how inputs become documents
	Inputs       []Input `json:"inputs"`             //
	Documents    int64   `json:"documents,omitzero"` // in all inputs; 0: not counted
}

// Input is one file of documents. Where it lies does not matter.
type Input struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// With fills in what the synthesizer does.
func (s Settings) With(o synth.RoundOptions) Settings {
	s.Rounds, s.Window, s.MaxNewTokens = o.Rounds, o.Window, o.MaxNewTokens
	s.Temperature, s.TopP, s.Seed = o.Temperature, o.TopP, o.Seed
	return s
}

const version = 1

// settingsFile is job.json.
type settingsFile struct {
	Version int `json:"version"`
	Settings
}

const settingsName = "job.json"

// ReadSettings reads what a job was begun with; fs.ErrNotExist where there is none.
func ReadSettings(fsys durable.FS, dir string) (Settings, error) {
	var file settingsFile
	if err := readJSON(fsys, filepath.Join(dir, settingsName), &file); err != nil {
		return Settings{}, err
	}
	if file.Version != version {
		return Settings{}, fmt.Errorf("%s: %w: version %d, this program knows %d", filepath.Join(dir, settingsName), ErrOther, file.Version, version)
	}
	return file.Settings, nil
}

// settle writes the settings of a new job, or compares them with those of the one that is there. Workers that start together
// take turns.
func settle(fsys durable.FS, dir string, want Settings) (Settings, error) {
	if err := durable.MkdirAll(fsys, filepath.Join(dir, workName)); err != nil {
		return want, err
	}
	lock, err := wait(fsys, filepath.Join(dir, workName, "job.lock"))
	if err != nil {
		return want, err
	}
	defer lock.Close()
	if err := durable.RemoveTemporaries(fsys, dir); err != nil { // only holders of this lock write here
		return want, err
	}
	have, err := ReadSettings(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := mustBeNew(fsys, dir); err != nil {
			return want, err
		}
		return want, writeJSON(fsys, filepath.Join(dir, settingsName), settingsFile{version, want})
	}
	if err != nil {
		return want, err
	}
	if want.Documents == 0 || have.Documents == 0 {
		want.Documents = max(want.Documents, have.Documents)
		have.Documents = want.Documents
	}
	if diff := difference(have, want); diff != "" {
		return want, fmt.Errorf("%s: %w: %s: start it as it was begun, or give another folder", dir, ErrOther, diff)
	}
	return want, nil
}

// wait takes a lock that is held for moments only.
func wait(fsys durable.FS, path string) (io.Closer, error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		lock, err := fsys.Lock(path)
		if err == nil || !errors.Is(err, durable.ErrLocked) || time.Now().After(end) {
			return lock, err
		}
	}
}

// mustBeNew refuses a folder that has something in it.
func mustBeNew(fsys durable.FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != workName {
			return fmt.Errorf("%s: %w: it holds %s: give a new one", dir, ErrNotJob, e.Name())
		}
	}
	return nil
}

// difference names the first setting that differs, as job.json does.
func difference(have, want Settings) string {
	if len(have.Inputs) != len(want.Inputs) {
		return fmt.Sprintf("inputs were %d files, are %d", len(have.Inputs), len(want.Inputs))
	}
	for i, was := range have.Inputs {
		if is := want.Inputs[i]; was != is {
			return fmt.Sprintf("input %d was %s of %d bytes, is %s of %d", i+1, was.Name, was.Bytes, is.Name, is.Bytes)
		}
	}
	a, b := reflect.ValueOf(have), reflect.ValueOf(want)
	for i := range a.NumField() {
		if was, is := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(was, is) && a.Field(i).Kind() != reflect.Slice {
			name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
			return fmt.Sprintf("%s was %v, is %v", name, was, is)
		}
	}
	return ""
}

func writeJSON(fsys durable.FS, path string, v any) error {
	return durable.WriteFile(fsys, path, func(w io.Writer) error { return encode(w, v) })
}

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(v)
}

// maxJSON bounds what is read of a file of ours, in bytes.
const maxJSON = 256 << 20

// readJSON reads a file of ours: what is not as it was written is durable.ErrDamaged.
func readJSON(fsys durable.FS, path string, to any) error {
	f, err := fsys.Open(path)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	err = dec.Decode(to)
	if _, more := dec.Token(); err == nil && (more != io.EOF || len(raw) > maxJSON || !bytes.HasSuffix(raw, []byte("\n"))) {
		err = errors.New("it does not end as it was written")
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %v", path, durable.ErrDamaged, err)
	}
	return nil
}
