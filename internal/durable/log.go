package durable

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// maxLine bounds a line of a log, in bytes.
const maxLine = 16 << 20

// Log is a file of JSON lines that grows at its end. Lines are durable after Sync; before, a crash may take any of them away, or
// tear them, and the next OpenLog cuts what is torn. A Log is for one goroutine at a time.
type Log struct {
	fsys FS
	path string
	file File
	size int64 // bytes of whole lines
	// dropped counts the bytes of torn lines that OpenLog cut.
	dropped   int64
	syncEvery int
	unsynced  int   // lines since the last Sync
	synced    bool  // nothing is in the file that was not synced
	err       error // sticks: after a failed fsync nobody knows what is on the disk
}

// OpenLog opens a log for appending, made when it is missing. A torn end (a last line without newline, or the zeros that a file
// system leaves where data was not written yet, and what follows them) is cut, and Dropped says how much. Any other line that is
// no JSON is ErrDamaged.
func OpenLog(fsys FS, path string) (*Log, error) {
	l := &Log{fsys: fsys, path: path}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("log %s: %w", path, err)
	}
	return l, nil
}

func (l *Log) open() error {
	there, err := exists(l.fsys, l.path)
	if err != nil {
		return err
	}
	if !there {
		if err := MkdirAll(l.fsys, filepath.Dir(l.path)); err != nil {
			return err
		}
		empty, err := l.fsys.Create(l.path)
		if err == nil {
			err = empty.Close()
		}
		if err != nil {
			return err
		}
	}
	// Now, or earlier: whoever made the file may have died before its name was durable, or the lines in it.
	if err := l.fsys.SyncDir(filepath.Dir(filepath.Clean(l.path))); err != nil {
		return err
	}
	total := int64(0)
	l.size, total, err = scan(l.fsys, l.path, nil)
	if err != nil {
		return err
	}
	if l.file, err = l.fsys.OpenAppend(l.path); err != nil {
		return err
	}
	if total == l.size {
		return nil
	}
	l.dropped = total - l.size
	err = l.file.Truncate(l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		err = errors.Join(err, l.file.Close())
	}
	return err
}

// Dropped is the number of bytes of torn lines that OpenLog cut.
func (l *Log) Dropped() int64 { return l.dropped }

// SyncEvery makes every n-th Append durable before it returns; 0, the start, leaves it to Sync.
func (l *Log) SyncEvery(n int) { l.syncEvery = n }

// Append writes one record as a line of JSON.
func (l *Log) Append(record any) error {
	if l.err != nil {
		return l.err
	}
	line, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("log %s: %w", l.path, err)
	}
	line = append(line, '\n')
	if n, err := l.file.Write(line); err != nil {
		err = fmt.Errorf("log %s: %w", l.path, err)
		if n > 0 { // take the torn line back
			if cut := l.file.Truncate(l.size); cut != nil {
				l.err = errors.Join(err, cut)
			}
		}
		return err
	}
	l.size += int64(len(line))
	l.unsynced++
	l.synced = false
	if l.syncEvery > 0 && l.unsynced >= l.syncEvery {
		return l.Sync()
	}
	return nil
}

// Sync makes all lines durable.
func (l *Log) Sync() error {
	if l.err != nil || l.synced {
		return l.err
	}
	if err := l.file.Sync(); err != nil {
		l.err = fmt.Errorf("log %s: %w", l.path, err)
		return l.err
	}
	l.unsynced, l.synced = 0, true
	return nil
}

// Rewind leaves only the lines that keep wants (given without their newline), durably and in one step. After an error the log is
// to be opened anew.
func (l *Log) Rewind(keep func(line []byte) bool) error {
	if l.err != nil {
		return l.err
	}
	kept, cut, err := l.choose(keep)
	if err == nil && !cut {
		return l.Sync()
	}
	if err == nil {
		err = WriteFile(l.fsys, l.path, func(w io.Writer) error {
			n := 0
			_, _, err := scan(l.fsys, l.path, func(line []byte) (err error) {
				if kept[n] {
					_, err = w.Write(append(line, '\n'))
				}
				n++
				return err
			})
			return err
		})
	}
	if err == nil {
		err = l.reopen()
	}
	if err != nil { // the open file may be the one that was replaced: what went into it would be lost
		l.err = fmt.Errorf("rewind log %s: %w", l.path, err)
	}
	return l.err
}

// choose asks keep about every line, once, and tells the answers and whether there was a no.
func (l *Log) choose(keep func(line []byte) bool) (kept []bool, cut bool, err error) {
	_, _, err = scan(l.fsys, l.path, func(line []byte) error {
		yes := keep(line)
		kept, cut = append(kept, yes), cut || !yes
		return nil
	})
	return kept, cut, err
}

// reopen goes on in the file that is now at the log's path.
func (l *Log) reopen() error {
	file, err := l.fsys.OpenAppend(l.path)
	if err != nil {
		return err
	}
	old := l.file
	l.file, l.unsynced, l.synced = file, 0, true
	l.size, _, err = scan(l.fsys, l.path, nil)
	return errors.Join(err, old.Close())
}

// Close syncs and closes. The log is not to be used after it.
func (l *Log) Close() error {
	if errors.Is(l.err, ErrClosed) {
		return l.err
	}
	err := errors.Join(l.Sync(), l.file.Close())
	l.err = fmt.Errorf("log %s: %w", l.path, ErrClosed)
	return err
}

// ReadLog visits the whole lines of a log (given without their newline) that OpenLog would keep; the file is not changed, so it
// may belong to a living process.
func ReadLog(fsys FS, path string, visit func(line []byte) error) error {
	_, _, err := scan(fsys, path, visit)
	if err != nil {
		return fmt.Errorf("log %s: %w", path, err)
	}
	return nil
}

// scan visits whole lines and tells the bytes they take and those of the file.
func scan(fsys FS, path string, visit func(line []byte) error) (whole, total int64, err error) {
	f, err := fsys.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := bufio.NewReaderSize(f, 8<<10)
	for n := 1; ; n++ {
		line, err := readLine(r)
		if err == io.EOF {
			return whole, whole + int64(len(line)), nil
		}
		if err != nil {
			return whole, total, fmt.Errorf("line %d: %w", n, err)
		}
		if bytes.IndexByte(line, 0) >= 0 { // a hole
			rest, err := io.Copy(io.Discard, r)
			return whole, whole + int64(len(line)) + rest, err
		}
		text := line[:len(line)-1]
		if !json.Valid(text) {
			return whole, total, fmt.Errorf("line %d is %w: no JSON", n, ErrDamaged)
		}
		whole += int64(len(line))
		if visit != nil {
			if err := visit(text); err != nil {
				return whole, total, err
			}
		}
	}
}

// readLine reads through the next newline; io.EOF comes with what follows the last one.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxLine {
			return line, fmt.Errorf("longer than %d bytes: %w", maxLine, ErrDamaged)
		}
	}
}
