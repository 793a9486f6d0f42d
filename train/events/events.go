// Package events writes curves in the files that TensorBoard reads: records with checksums (record.go) of protocol-buffer events
// (event.go), scalars only.
//
// TensorBoard's convention is one new file per start of the program, all in one folder, read in order of their names. A run that
// goes on from a checkpoint says so at the head of its file, and TensorBoard forgets what earlier files have from that step on.
//
// Where to begin: Create and Writer.Scalars write, ReadFolder gives back what TensorBoard would show. Package rundir
// writes the curves of a run with it.
package events

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/primer-lm/primer/internal/durable"
)

// Options of a writer; a zero field takes the usual value.
type Options struct {
	Now  func() time.Time // time.Now
	Host string           // in the file's name: the machine's
}

// Writer appends to one event file. It is for one goroutine at a time.
type Writer struct {
	path string
	file durable.File
	buf  *bufio.Writer
	now  func() time.Time
	err  error // sticks
}

// filePrefix is what TensorBoard knows its files by.
const filePrefix = "events.out.tfevents."

// Create starts a new file in dir, which is made when it is missing. firstStep is the first step that will be written: 0 or 1 for
// a new run; for one that goes on, the step after its checkpoint's.
func Create(fsys durable.FS, dir string, firstStep int64, opt Options) (*Writer, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, err
		}
		opt.Host = host
	}
	if err := durable.MkdirAll(fsys, dir); err != nil {
		return nil, fmt.Errorf("event files: %w", err)
	}
	latest, err := latestStart(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("event files: %w", err)
	}
	// Names must rise from start to start, even when two fall into one second or the clock went back.
	start := max(opt.Now().Unix(), latest+1)
	w := &Writer{path: filepath.Join(dir, fmt.Sprintf("%s%010d.%s", filePrefix, start, opt.Host)), now: opt.Now}
	if w.file, err = fsys.Create(w.path); err != nil {
		return nil, fmt.Errorf("event file: %w", err)
	}
	w.buf = bufio.NewWriter(w.file)
	w.write(Event{FileVersion: fileVersion})
	w.write(Event{Step: firstStep, Start: true})
	err = w.Sync()
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, w.file.Close())
	}
	return w, nil
}

// latestStart finds the highest start time in the names of a folder's event files; -1 when there is none.
func latestStart(fsys durable.FS, dir string) (int64, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	latest := int64(-1)
	for _, e := range entries {
		var start int64
		rest, ok := strings.CutPrefix(e.Name(), filePrefix)
		if !ok {
			continue
		}
		if _, err := fmt.Sscanf(rest, "%d.", &start); err == nil {
			latest = max(latest, start)
		}
	}
	return latest, nil
}

// Path is the file's name.
func (w *Writer) Path() string { return w.path }

// Scalars adds the points of one step. They are in the program's memory until Flush.
func (w *Writer) Scalars(step int64, scalars ...Scalar) error {
	w.write(Event{Step: step, Scalars: scalars})
	return w.err
}

func (w *Writer) write(e Event) {
	if w.err != nil {
		return
	}
	e.WallTime = float64(w.now().UnixMicro()) / 1e6
	if _, err := w.buf.Write(appendRecord(nil, e.encode())); err != nil {
		w.fail(err)
	}
}

func (w *Writer) fail(err error) { w.err = fmt.Errorf("event file %s: %w", w.path, err) }

// Flush lets readers see what was written.
func (w *Writer) Flush() error {
	if w.err == nil {
		if err := w.buf.Flush(); err != nil {
			w.fail(err)
		}
	}
	return w.err
}

// Sync makes what was written durable.
func (w *Writer) Sync() error {
	if err := w.Flush(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		w.fail(err)
	}
	return w.err
}

// Close makes all durable and closes the file.
func (w *Writer) Close() error {
	if errors.Is(w.err, durable.ErrClosed) {
		return w.err
	}
	err := errors.Join(w.Sync(), w.file.Close())
	w.fail(durable.ErrClosed)
	return err
}

// Read gives the events of a file. A last record that is not whole, as a crash or a living writer leaves it, ends the file;
// anything else that is not as it was written is ErrDamaged with the record's number, after the events before it.
func Read(r io.Reader) ([]Event, error) {
	var list []Event
	in := bufio.NewReader(r)
	for {
		data, err := readRecord(in)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return list, nil
		}
		var e Event
		if err == nil {
			e, err = decode(data)
		}
		if err != nil {
			return list, fmt.Errorf("event %d: %w", len(list)+1, err)
		}
		list = append(list, e)
	}
}

// ReadFolder gives the scalars of all event files of a folder as TensorBoard shows them: in order of step, what a later start
// superseded left out.
func ReadFolder(fsys durable.FS, dir string) ([]Event, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []Event
	for _, entry := range entries { // in order of names
		if !strings.HasPrefix(entry.Name(), filePrefix) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		f, err := fsys.Open(path)
		if err != nil {
			return nil, err
		}
		more, err := Read(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, e := range more {
			if e.Start {
				list = before(list, e.Step)
			}
			if len(e.Scalars) > 0 {
				list = append(list, e)
			}
		}
	}
	return list, nil
}

// before leaves the events of the steps before one.
func before(list []Event, step int64) []Event {
	kept := list[:0]
	for _, e := range list {
		if e.Step < step {
			kept = append(kept, e)
		}
	}
	return kept
}
