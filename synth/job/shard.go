package job

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/synth"
)

// The folders of a job.
const (
	chainsName  = "chains"
	recordsName = "shards"
	workName    = ".work"
)

// Record says that a shard is done, and what is in it.
type Record struct {
	Version   int         `json:"version"`
	Shard     int64       `json:"shard"`
	First     int64       `json:"first_document"`
	Documents int64       `json:"documents"`
	Input     string      `json:"documents_sha256"` // ids and texts, in order
	File      string      `json:"file"`             // relative to the job's folder
	Sum       durable.Sum `json:"sum"`
	Stats     Stats       `json:"stats"`
	Check     string      `json:"check"` // sha256 of the record with this field empty: statistics damage unseen otherwise
}

// seal gives what Check has to be.
func (r *Record) seal() string {
	plain := *r
	plain.Check = ""
	h := sha256.New()
	if err := encode(h, plain); err != nil {
		return "" // matches no seal
	}
	return hex.EncodeToString(h.Sum(nil))
}

func recordPath(dir string, shard int64) string {
	return filepath.Join(dir, recordsName, fmt.Sprintf("%05d.json", shard))
}

func chainsFile(shard int64) string { return fmt.Sprintf("%s/%05d.jsonl.zst", chainsName, shard) }

// readRecord gives the record of a shard whose file has the right size, and with hashed the right bytes. What is missing is
// fs.ErrNotExist, what differs durable.ErrDamaged.
func readRecord(fsys durable.FS, dir string, shard int64, hashed bool) (*Record, error) {
	r := &Record{}
	if err := readJSON(fsys, recordPath(dir, shard), r); err != nil {
		return nil, err
	}
	if r.Check != r.seal() || r.Check == "" {
		return nil, fmt.Errorf("%s: %w: it is not as it was written", recordPath(dir, shard), durable.ErrDamaged)
	}
	if r.Version != version || r.Shard != shard || r.File != chainsFile(shard) {
		return nil, fmt.Errorf("%s: %w: it is of version %d, shard %d, file %q", recordPath(dir, shard), durable.ErrDamaged, r.Version, r.Shard, r.File)
	}
	path := filepath.Join(dir, filepath.FromSlash(r.File))
	verify := durable.VerifySize
	if hashed {
		verify = durable.VerifyFile
	}
	if err := verify(fsys, path, r.Sum); err != nil {
		return nil, err
	}
	return r, nil
}

// shard is one shard under way, or one that is done and only compared with its documents.
type shard struct {
	job    *job
	number int64
	first  int64     // number of its first document
	done   *Record   // nil: under way
	docs   hash.Hash // over the documents, as they pass
	seen   int64     // documents so far

	lock    io.Closer
	journal *durable.Log
	old     []string        // hashes of the chains that the journal had when it was opened
	cut     int64           // chains cut so far
	open    []data.Document // of the chain that is being cut
	pieces  uint64          // texts cut so far
	ended   bool            // all its documents have passed
}

func (s *shard) path(ending string) string {
	return filepath.Join(s.job.opt.Dir, workName, fmt.Sprintf("%05d.%s", s.number, ending))
}

// openShard looks at what there is of a shard. Busy shards give durable.ErrLocked.
func (j *job) openShard(number, first int64) (_ *shard, err error) {
	s := &shard{job: j, number: number, first: first, docs: sha256.New()}
	// What is not whole is judged under the lock only: another worker may just be mending it.
	switch s.done, err = readRecord(j.fsys, j.opt.Dir, number, true); {
	case err == nil:
		return s, nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, durable.ErrDamaged):
		return nil, err
	}
	if s.lock, err = j.fsys.Lock(s.path("lock")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if s.done, err = j.finished(number); s.done != nil || err != nil { // another was faster
		return s, errors.Join(err, s.unlock())
	}
	for _, file := range []string{chainsFile(number), recordsName + "/" + filepath.Base(recordPath("", number))} {
		if err := durable.RemoveTemporariesOf(j.fsys, filepath.Join(j.opt.Dir, filepath.FromSlash(file))); err != nil {
			return s, err
		}
	}
	if err := s.replay(); err != nil {
		return s, err
	}
	if s.journal, err = durable.OpenLog(j.fsys, s.path("log")); err != nil { // cuts a torn end
		return s, err
	}
	s.journal.SyncEvery(syncEvery)
	return s, nil
}

// replay takes over what an earlier start wrote. A damaged journal is worth nothing behind the damage, and little before.
func (s *shard) replay() error {
	var found []synth.Augmented
	err := visitJournal(s.job.fsys, s.path("log"), func(e *entry, a synth.Augmented) error {
		s.old, found = append(s.old, e.Docs), append(found, a)
		return nil
	})
	if errors.Is(err, durable.ErrDamaged) {
		s.job.note("made again: %v", err)
		s.old = nil
		return s.job.remove(s.path("log"))
	}
	for i := range found {
		s.job.count(&found[i], true)
	}
	return err
}

// finished gives the record of a shard that is done, nil when it is not. A damaged one is told about and taken away.
func (j *job) finished(number int64) (*Record, error) {
	r, err := readRecord(j.fsys, j.opt.Dir, number, true)
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case !errors.Is(err, durable.ErrDamaged):
		return nil, err
	}
	j.note("made again: %v", err)
	j.result.Repaired++
	if err := j.remove(filepath.Join(j.opt.Dir, ManifestName)); err != nil { // the job is whole no more
		return nil, err
	}
	return nil, j.remove(recordPath(j.opt.Dir, number))
}

// remove removes a file, durably; one that is not there is fine.
func (j *job) remove(path string) error {
	err := j.fsys.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, j.fsys.SyncDir(filepath.Dir(path)))
}

// add takes the next document; give gets the chains that are to be computed.
func (s *shard) add(doc data.Document, give func(synth.Work) bool) (bool, error) {
	s.seen++
	fmt.Fprintf(s.docs, "%d %s%d %s", len(doc.ID), doc.ID, len(doc.Text), doc.Text)
	if s.done != nil || blank(doc.Text) {
		return true, nil
	}
	pieces, err := s.job.synth.Pieces(doc)
	if err != nil {
		return false, err
	}
	for _, piece := range pieces {
		if s.open = append(s.open, piece); len(s.open) == s.job.set.Rounds {
			if more, err := s.give(give); !more || err != nil {
				return more, err
			}
		}
	}
	return true, nil
}

// give hands out the open chain, unless the journal has it: then it must be the same.
func (s *shard) give(give func(synth.Work) bool) (bool, error) {
	docs, n := s.open, s.cut
	s.open, s.cut = nil, s.cut+1
	number := uint64(s.number)<<32 + s.pieces
	s.pieces += uint64(len(docs))
	if n < int64(len(s.old)) {
		if s.old[n] != hashDocs(docs) {
			return false, fmt.Errorf("%s: %w: the documents from %q on are not those it began with", s.job.opt.Dir, ErrOther, docs[0].ID)
		}
		return true, nil
	}
	return give(synth.Work{ID: docs[0].ID, Number: number, Documents: docs, Tag: tag{s, n}}), nil
}

// tag says whose result a result is.
type tag struct {
	shard *shard
	n     int64
}

// end takes the last chain, which may be short, and compares a shard that is done with its documents.
func (s *shard) end(give func(synth.Work) bool) (bool, error) {
	if s.done != nil {
		if hex.EncodeToString(s.docs.Sum(nil)) != s.done.Input || s.seen != s.done.Documents {
			return false, fmt.Errorf("%s: %w: the documents of shard %d, %d from number %d on, are not those it was made of", s.job.opt.Dir,
				ErrOther, s.number, s.seen, s.first+1)
		}
		return true, nil
	}
	if len(s.open) > 0 {
		if more, err := s.give(give); !more || err != nil {
			return more, err
		}
	}
	if s.cut < int64(len(s.old)) {
		return false, fmt.Errorf("%s: %w: shard %d has %d chains, its journal %d", s.job.opt.Dir, ErrOther, s.number, s.cut, len(s.old))
	}
	return true, nil
}

// append writes a result to the journal.
func (s *shard) append(n int64, a *synth.Augmented) error {
	if err := tooLong(a); err != nil {
		return err
	}
	return s.journal.Append(entryOf(n, a))
}

// finish makes the shard's file and record of its journal.
func (s *shard) finish() error {
	err := s.journal.Close()
	s.journal = nil
	if err != nil {
		return err
	}
	record := Record{Version: version, Shard: s.number, First: s.first, Documents: s.seen, Input: hex.EncodeToString(s.docs.Sum(nil)),
		File: chainsFile(s.number)}
	fsys, dir := s.job.fsys, s.job.opt.Dir
	chains := int64(0)
	record.Sum, err = durable.WriteFileSum(fsys, filepath.Join(dir, filepath.FromSlash(record.File)), func(w io.Writer) error {
		out, err := data.NewWriter(w, record.File)
		if err != nil {
			return err
		}
		err = visitJournal(fsys, s.path("log"), func(e *entry, a synth.Augmented) error {
			chains++
			record.Stats.Add(a)
			for _, c := range e.Chains {
				if err := out.Write(c); err != nil {
					return err
				}
			}
			return nil
		})
		return errors.Join(err, out.Close())
	})
	if err == nil && chains != s.cut {
		err = fmt.Errorf("%s: %w: %d chains, not %d", s.path("log"), durable.ErrDamaged, chains, s.cut)
	}
	if err == nil {
		record.Check = record.seal()
		err = writeJSON(fsys, recordPath(dir, s.number), record)
	}
	if err == nil {
		err = fsys.Remove(s.path("log"))
	}
	return errors.Join(err, s.unlock())
}

// unlock removes the lock and lets go of it, in this order: whoever opened it before finds out that it is gone.
func (s *shard) unlock() error {
	if s.lock == nil {
		return nil
	}
	err := errors.Join(s.job.fsys.Remove(s.path("lock")), s.lock.Close())
	s.lock = nil
	return err
}

// release leaves a shard as it is, for a later start.
func (s *shard) release() error {
	var err error
	if s.journal != nil {
		err = s.journal.Close()
		s.journal = nil
	}
	return errors.Join(err, s.unlock())
}
