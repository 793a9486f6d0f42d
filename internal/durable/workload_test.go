package durable_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// world runs every protocol and knows, at every moment, what a reader after a crash may find.
type world struct {
	fsys  durable.FS
	files map[string]*fileState
	dirs  map[string]*dirState
	logs  map[string]*logState
	// ack is called after each protocol has answered.
	ack func(step string)
}

// fileState: content is acked, or next while a write is under way; "" means no file.
type fileState struct{ acked, next string }

// dirState: the folder must be there whole, must not be there, or, while something is under way, either.
type dirState struct {
	acked, next bool
	content     string
}

// logState: whole lines of one of these sequences, at least its first synced ones.
type logState struct {
	lines  []string // appended so far
	synced int
	cut    []string // what a rewind under way leaves; nil: none
}

func newWorld(fsys durable.FS) *world {
	return &world{fsys: fsys, files: map[string]*fileState{}, dirs: map[string]*dirState{}, logs: map[string]*logState{},
		ack: func(string) {}}
}

func (w *world) writeFile(path, content string) error {
	s := w.files[path]
	if s == nil {
		s = &fileState{}
		w.files[path] = s
	}
	s.next = content
	err := durable.WriteFile(w.fsys, path, func(out io.Writer) error {
		_, err := io.WriteString(out, content)
		return err
	})
	if err == nil {
		s.acked = content
		w.ack("write " + path)
	}
	return err
}

// dirFiles are the files of a folder of the world.
func dirFiles(content string) map[string]string {
	return map[string]string{
		"config.json":         "{" + content + "}",
		"empty":               "",
		"state/moments.bin":   strings.Repeat(content, 9),
		"state/data/position": content,
	}
}

func (w *world) commitDir(path, content string) error {
	s := &dirState{next: true, content: content}
	w.dirs[path] = s
	err := durable.CommitDir(w.fsys, path, func(tmp *durable.Dir) error {
		for _, name := range []string{"config.json", "empty", "state/moments.bin", "state/data/position"} {
			err := tmp.WriteFile(name, func(out io.Writer) error {
				_, err := io.WriteString(out, dirFiles(content)[name])
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.acked = true
		w.ack("commit " + path)
	}
	return err
}

func (w *world) removeDir(path string) error {
	w.dirs[path].next = false
	err := durable.RemoveDir(w.fsys, path)
	if err == nil {
		w.dirs[path].acked = false
		w.ack("remove " + path)
	}
	return err
}

// log appends lines, syncs, appends more without, and rewinds.
func (w *world) log(path string, n int) error {
	s := w.logs[path]
	if s == nil {
		s = &logState{}
		w.logs[path] = s
	}
	l, err := durable.OpenLog(w.fsys, path)
	if err != nil {
		return err
	}
	for i := range n {
		line := fmt.Sprintf(`{"step":%d,"loss":%d.5}`, len(s.lines), i)
		s.lines = append(s.lines, line)
		if err := l.Append(json.RawMessage(line)); err != nil {
			return errors.Join(err, l.Close())
		}
		if i == n/2 {
			if err := l.Sync(); err != nil {
				return errors.Join(err, l.Close())
			}
			s.synced = len(s.lines)
			w.ack("sync " + path)
		}
	}
	s.cut = s.lines[:len(s.lines)-n/3]
	left := -1
	err = l.Rewind(func([]byte) bool { left++; return left < len(s.cut) })
	if err == nil {
		s.lines, s.synced, s.cut = s.cut, len(s.cut), nil
		w.ack("rewind " + path)
	}
	return errors.Join(err, l.Close())
}

// check looks at a disk after a crash.
func (w *world) check(disk *crashfs.FS) error {
	for path, s := range w.files {
		got, err := read(disk, path)
		if err != nil {
			return err
		}
		if got != s.acked && got != s.next {
			return fmt.Errorf("%s: %w: holds %.40q, acknowledged was %.40q, under way %.40q", path, errTorn, got, s.acked, s.next)
		}
	}
	for path, s := range w.dirs {
		if err := s.check(disk, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for path, s := range w.logs {
		if err := s.check(disk, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

var (
	errTorn = errors.New("torn")
	errLost = errors.New("lost")
)

func (s *dirState) check(disk *crashfs.FS, path string) error {
	_, err := disk.Stat(path)
	there := err == nil
	if there != s.acked && there != s.next {
		return fmt.Errorf("%w: there is %v, acknowledged was %v", errLost, there, s.acked)
	}
	if !there {
		return nil
	}
	if err := durable.VerifyDir(disk, path); err != nil {
		return fmt.Errorf("%w: %w", errTorn, err)
	}
	for name, want := range dirFiles(s.content) {
		if got, err := read(disk, path+"/"+name); err != nil || got != want {
			return fmt.Errorf("%w: %s holds %.40q, not %.40q (%v)", errTorn, name, got, want, err)
		}
	}
	return nil
}

func (s *logState) check(disk *crashfs.FS, path string) error {
	if _, err := disk.Stat(path); errors.Is(err, fs.ErrNotExist) && s.synced == 0 {
		return nil
	}
	var got []string
	err := durable.ReadLog(disk, path, func(line []byte) error {
		got = append(got, string(line))
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errTorn, err)
	}
	for i, line := range got {
		if i >= len(s.lines) || line != s.lines[i] {
			return fmt.Errorf("%w: line %d is %s", errTorn, i, line)
		}
	}
	if len(got) < s.synced && !(s.cut != nil && len(got) == len(s.cut)) {
		return fmt.Errorf("%w: %d lines, %d were acknowledged", errLost, len(got), s.synced)
	}
	return nil
}

// read gives a file's content; "" also when there is none.
func read(fsys durable.FS, path string) (string, error) {
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(f)
	return b.String(), errors.Join(err, f.Close())
}

// run is the workload, in rounds.
func (w *world) run(rounds int) error {
	for r := range rounds {
		steps := []func() error{
			func() error {
				return w.writeFile("runs/a/status.json", fmt.Sprintf("status %d %s", r, strings.Repeat("x", 40*r)))
			},
			func() error { return w.log("runs/a/metrics.jsonl", 6) },
			func() error {
				return w.commitDir(fmt.Sprintf("runs/a/checkpoints/step-%d", r), fmt.Sprintf("content %d", r))
			},
			func() error {
				if r < 2 {
					return nil
				}
				return w.removeDir(fmt.Sprintf("runs/a/checkpoints/step-%d", r-2))
			},
			func() error { return w.writeFile(fmt.Sprintf("out/%d/deep/text", r%3), fmt.Sprintf("text %d", r)) },
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
	}
	return nil
}
