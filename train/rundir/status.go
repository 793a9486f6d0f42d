package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/primer-lm/primer/internal/durable"
)

// State is what became of a run.
type State string

// The states. A run that was killed still says Running; nobody holds its lock.
const (
	Running     State = "running"
	Finished    State = "finished"
	Interrupted State = "interrupted" // it stopped on request and can go on
	Failed      State = "failed"
)

// Status is the content of status.json.
type Status struct {
	State    State     `json:"state"`
	Reason   string    `json:"reason,omitempty"` // of an end before the last step
	Step     int64     `json:"step"`             // the last that is done
	ExitCode int       `json:"exit_code"`        // of the process; 0 while it runs
	Updated  time.Time `json:"updated"`
}

// SetStatus writes status.json; Updated is filled in.
func (r *Run) SetStatus(s Status) error {
	s.Updated = time.Now().UTC().Truncate(time.Second)
	return durable.WriteFile(r.fsys, r.path(statusName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	})
}

// Taken is the content of mixture.json: what a run took of its data up to the checkpoint of a step.
type Taken struct {
	Step   int64 `json:"step"`
	Tokens int64 `json:"tokens"`
	Data   any   `json:"data"` // of a mixture: its manifest, with texts, tokens, share and passes of every source
}

// SetTaken writes mixture.json.
func (r *Run) SetTaken(t Taken) error {
	return durable.WriteFile(r.fsys, r.path(takenName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(t)
	})
}

// ReadStatus reads the status.json of a run directory, also of one that a process works in; fs.ErrNotExist when the run was never
// begun.
func ReadStatus(fsys durable.FS, dir string) (Status, error) {
	path := filepath.Join(dir, statusName)
	f, err := fsys.Open(path)
	if err != nil {
		return Status{}, err
	}
	var s Status
	err = json.NewDecoder(io.LimitReader(f, maxConfig)).Decode(&s)
	if err := errors.Join(err, f.Close()); err != nil {
		return Status{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
