package shard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"

	"github.com/primer-lm/primer/internal/durable"
)

// part is a corpus under way: DIR.part, which becomes DIR, and beside it DIR.part.log with one line for each whole shard, so that
// a folder has nothing in it that its manifest does not list. A line is written when its shard is durable; a shard without a line
// is made again.
type part struct {
	fsys  durable.FS
	final string
	path  string
	lock  io.Closer
	log   *durable.Log
	done  []record
	moved bool // the folder has its name
}

// settings is the first line of the log.
type settings struct {
	Version     int    `json:"version"`
	Tokenizer   string `json:"tokenizer_sha256"`
	Vocab       int    `json:"vocab_size"`
	ShardTokens int64  `json:"shard_tokens"`
	Mask        bool   `json:"mask"`
}

// record is the line of one shard.
type record struct {
	Count Count       `json:"shard"`
	Loss  int64       `json:"loss_tokens"`
	Texts string      `json:"units_sha256"` // over the hashes of its units
	Sum   durable.Sum `json:"sum"`
}

// openPart takes the lock of a folder and what an earlier start left of it.
func openPart(fsys durable.FS, dir string, set settings) (_ *part, err error) {
	dir = filepath.Clean(dir)
	p := &part{fsys: fsys, final: dir, path: dir + ".part"}
	if err := durable.MkdirAll(fsys, filepath.Dir(dir)); err != nil {
		return nil, err
	}
	if p.lock, err = fsys.Lock(p.lockPath()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	exists, err := there(fsys, dir)
	if err == nil && exists {
		p.moved = true
		err = fmt.Errorf("%w: remove it first, or name another folder", fs.ErrExist)
	}
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(fsys, p.path); err != nil {
		return nil, err
	}
	if err := durable.RemoveTemporaries(fsys, p.path); err != nil {
		return nil, err
	}
	if err := p.replay(set); err != nil {
		return nil, err
	}
	return p, p.removeOthers()
}

// removeOthers removes shards that no line of the log vouches for: the new ones may be fewer.
func (p *part) removeOthers() error {
	entries, err := p.fsys.ReadDir(p.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		known := slices.ContainsFunc(p.done, func(r record) bool { return r.Count.File == e.Name() })
		if filepath.Ext(e.Name()) == ".shard" && !known {
			if err := p.fsys.Remove(filepath.Join(p.path, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *part) logPath() string { return p.path + ".log" }

func (p *part) lockPath() string {
	return filepath.Join(filepath.Dir(p.final), "."+filepath.Base(p.final)+".lock")
}

// replay reads the log and keeps the shards that are as it says, up to the first that is not.
func (p *part) replay(set settings) (err error) {
	exists, err := there(p.fsys, p.logPath())
	if err != nil {
		return err
	}
	lines := 0
	if exists {
		whole := true
		err := durable.ReadLog(p.fsys, p.logPath(), func(line []byte) error {
			if lines++; lines == 1 {
				return p.same(line, set)
			}
			var r record
			if whole = whole && json.Unmarshal(line, &r) == nil && p.sound(r); whole {
				p.done = append(p.done, r)
			}
			return nil
		})
		if errors.Is(err, durable.ErrDamaged) { // what stands before the damage was compared with its files
			err = p.fsys.Remove(p.logPath())
			lines = 0
		}
		if err != nil {
			return err
		}
	}
	if p.log, err = durable.OpenLog(p.fsys, p.logPath()); err != nil {
		return err
	}
	p.log.SyncEvery(1)
	if lines == 1+len(p.done) {
		return nil
	}
	return p.rewrite(set)
}

// rewrite makes a log of what is whole.
func (p *part) rewrite(set settings) error {
	if err := p.log.Rewind(func([]byte) bool { return false }); err != nil {
		return err
	}
	if err := p.log.Append(set); err != nil {
		return err
	}
	for _, r := range p.done {
		if err := p.log.Append(r); err != nil {
			return err
		}
	}
	return nil
}

// same refuses to go on with what other options made.
func (p *part) same(line []byte, set settings) error {
	var was settings
	if err := json.Unmarshal(line, &was); err != nil {
		return fmt.Errorf("%w: its first line: %v", durable.ErrDamaged, err)
	}
	if was != set {
		return fmt.Errorf("%w: %s was begun with %+v, now it is %+v: give the same options, or remove it and its log", ErrOther, p.path, was, set)
	}
	return nil
}

// sound tells whether a shard is the next one and has the bytes that were recorded.
func (p *part) sound(r record) bool {
	if r.Count.File != fmt.Sprintf("%05d.shard", len(p.done)) || r.Count.Units < 1 {
		return false
	}
	sum, err := durable.SumFile(p.fsys, filepath.Join(p.path, r.Count.File))
	return err == nil && sum == r.Sum
}

// remaining passes over the units that whole shards have, comparing them with those, and gives the others.
func (p *part) remaining(units iter.Seq2[Unit, error]) iter.Seq2[Unit, error] {
	done := p.done // as it is now: records are added while the units are read
	return func(yield func(Unit, error) bool) {
		shard, n := 0, int64(0)
		one, all := sha256.New(), sha256.New()
		for u, err := range units {
			if err != nil || shard == len(done) {
				if !yield(u, err) || err != nil {
					return
				}
				continue
			}
			hashUnit(one, &u)
			all.Write(one.Sum(nil))
			if n++; n < done[shard].Count.Units {
				continue
			}
			if hex.EncodeToString(all.Sum(nil)) != done[shard].Texts {
				yield(Unit{}, p.other(done[shard].Count.File))
				return
			}
			shard, n = shard+1, 0
			all.Reset()
		}
		if shard < len(done) {
			yield(Unit{}, p.other(done[shard].Count.File))
		}
	}
}

func (p *part) other(file string) error {
	return fmt.Errorf("%w: the texts are not those that %s was begun with (they differ in %s): give the same, or remove it and its log", ErrOther, p.path, file)
}

// record notes a shard that is durable.
func (p *part) record(r record) error {
	p.done = append(p.done, r)
	return p.log.Append(r)
}

// commit writes the manifest and gives the folder its name.
func (p *part) commit(m durable.Manifest) error {
	if err := durable.WriteManifest(p.fsys, p.path, m); err != nil {
		return err
	}
	if err := durable.RenameDir(p.fsys, p.path, p.final); err != nil {
		return err
	}
	p.moved = true
	return nil
}

// abandon says what a failed build leaves: the whole shards, to go on from, or nothing.
func (p *part) abandon(cause error) error {
	if errors.Is(cause, ErrOther) {
		return cause
	}
	if len(p.done) > 0 {
		return fmt.Errorf("%w (%d whole shards stay in %s: the same command goes on from them)", cause, len(p.done), p.path)
	}
	return errors.Join(cause, durable.RemoveDir(p.fsys, p.path), p.log.Close(), p.fsys.Remove(p.logPath()))
}

// close releases what the part holds. The log goes when the folder has its name; the lock's file goes last, and who waits for it
// then takes a new one.
func (p *part) close() error {
	var errs []error
	if p.log != nil {
		if err := p.log.Close(); !errors.Is(err, durable.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if p.moved {
		errs = append(errs, remove(p.fsys, p.logPath()))
	}
	return errors.Join(append(errs, remove(p.fsys, p.lockPath()), p.lock.Close())...)
}

// remove removes a file; one that is not there is fine.
func remove(fsys durable.FS, path string) error {
	if err := fsys.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
