package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"strings"
	"sync"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/synth"
)

// Options says where a job is and which part of it this worker does.
type Options struct {
	FS       durable.FS // nil: durable.OS
	Dir      string     // the job's folder: new, or of the same job
	Settings Settings
	Part     int // this worker's number, from 0
	Parts    int // workers; 0: one

	// Each is told every chain, those that an earlier start left in a journal included, one at a time; may be nil.
	Each func(a *synth.Augmented, old bool)
	// Found is told the texts of shards that are done already; may be nil.
	Found func(r *Record)
	// Note is told what is out of the ordinary, perhaps while Each is at work; may be nil.
	Note func(text string)
}

// Result is what a start did.
type Result struct {
	Stats     Stats // of this part's shards, earlier starts included
	Documents int64 // of the whole input
	Shards    int64 // of the whole job
	Mine      int64 // shards of this part
	Found     int64 // of them, done before
	Repaired  int64 // of them, whose file was missing or damaged
	Whole     bool  // all shards of the job are done: manifest and report are written
}

type job struct {
	synth *synth.Synthesizer
	fsys  durable.FS
	opt   Options
	set   Settings

	mu     sync.Mutex
	under  []*shard // opened and not finished, in order
	busy   []busy   // shards that others hold
	result Result
}

// busy is a shard that another process holds.
type busy struct {
	number int64
	err    error // who
}

// Run does one worker's part of a job: shards that are done are checked and skipped, what a killed start left is gone on with.
// It may be started again at any time, and by any number of workers at once. When ctx ends, what is done is kept.
func Run(ctx context.Context, s *synth.Synthesizer, docs iter.Seq2[data.Document, error], opt Options) (*Result, error) {
	if opt.FS == nil {
		opt.FS = durable.OS
	}
	opt.Parts = max(opt.Parts, 1)
	if opt.Part < 0 || opt.Part >= opt.Parts {
		return nil, fmt.Errorf("%w: part %d of %d: from 0 to %d", synth.ErrOptions, opt.Part, opt.Parts, opt.Parts-1)
	}
	if opt.Settings.ShardTexts < 1 {
		return nil, fmt.Errorf("%w: %d texts a shard, need at least 1", synth.ErrOptions, opt.Settings.ShardTexts)
	}
	set, err := settle(opt.FS, opt.Dir, opt.Settings.With(s.Options()))
	if err != nil {
		return nil, err
	}
	j := &job{synth: s, fsys: opt.FS, opt: opt, set: set}
	for _, name := range []string{chainsName, recordsName} {
		if err := durable.MkdirAll(j.fsys, filepath.Join(opt.Dir, name)); err != nil {
			return nil, err
		}
	}
	if err := j.run(ctx, docs); err != nil {
		return &j.result, errors.Join(err, j.release())
	}
	if err := j.look(); err != nil {
		return &j.result, err
	}
	return &j.result, j.complete()
}

// look looks again at shards that others were working on.
func (j *job) look() error {
	left := j.busy[:0]
	for _, b := range j.busy {
		r, err := readRecord(j.fsys, j.opt.Dir, b.number, true)
		if err != nil {
			left = append(left, b)
			continue
		}
		j.result.Found++
		j.result.Stats.Merge(&r.Stats)
	}
	if len(left) > 0 {
		return fmt.Errorf("%d %w: the same command finishes what they leave; the first: %w", len(left), ErrBusy, left[0].err)
	}
	return nil
}

// run computes the chains of this part and keeps them.
func (j *job) run(ctx context.Context, docs iter.Seq2[data.Document, error]) error {
	for a, err := range j.synth.RunWork(ctx, j.works(ctx, docs)) {
		if err != nil {
			return err
		}
		t := a.Tag.(tag)
		if err := j.finishBefore(t.shard); err != nil {
			return err
		}
		if err := t.shard.append(t.n, &a); err != nil {
			return err
		}
		j.count(&a, false)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return j.finishBefore(nil)
}

// works cuts the documents into shards and these into chains, and gives those that are still to be computed.
func (j *job) works(ctx context.Context, docs iter.Seq2[data.Document, error]) iter.Seq2[synth.Work, error] {
	return func(yield func(synth.Work, error) bool) {
		var now *shard
		give := func(w synth.Work) bool { return yield(w, nil) }
		fail := func(more bool, err error) bool {
			if err != nil && more {
				panic("job: an error and more")
			}
			if err != nil {
				yield(synth.Work{}, err)
			}
			return !more
		}
		number := int64(0) // of the next document
		for doc, err := range docs {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(synth.Work{}, err)
				return
			}
			if number%j.set.ShardTexts == 0 {
				if now != nil && fail(j.end(now, give)) {
					return
				}
				if now, err = j.begin(number); err != nil {
					yield(synth.Work{}, err)
					return
				}
			}
			number++
			if now != nil && fail(now.add(doc, give)) {
				return
			}
		}
		if now != nil && fail(j.end(now, give)) {
			return
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		j.result.Documents, j.result.Shards = number, (number+j.set.ShardTexts-1)/j.set.ShardTexts
	}
}

// begin opens the shard that a document begins, nil when it is not for this worker.
func (j *job) begin(document int64) (*shard, error) {
	number := document / j.set.ShardTexts
	if number%int64(j.opt.Parts) != int64(j.opt.Part) {
		return nil, nil
	}
	s, err := j.openShard(number, document)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result.Mine++
	switch {
	case errors.Is(err, durable.ErrLocked):
		j.busy = append(j.busy, busy{number, err})
		return nil, nil
	case err != nil:
		return nil, err
	case s.done != nil:
		j.result.Found++
		j.result.Stats.Merge(&s.done.Stats)
		if j.opt.Found != nil {
			j.opt.Found(s.done)
		}
	default:
		j.under = append(j.under, s)
	}
	return s, nil
}

// end closes a shard for documents; its results may still be on their way.
func (j *job) end(s *shard, give func(synth.Work) bool) (bool, error) {
	more, err := s.end(give)
	j.mu.Lock()
	defer j.mu.Unlock()
	s.ended = more
	return more, err
}

// finishBefore finishes the shards in front of one, whose results have all come since they come in order; nil: all shards.
func (j *job) finishBefore(until *shard) error {
	for {
		j.mu.Lock()
		if len(j.under) == 0 || j.under[0] == until {
			j.mu.Unlock()
			return nil
		}
		s := j.under[0]
		j.under = j.under[1:]
		j.mu.Unlock()
		if !s.ended {
			panic("job: results of a later shard came before a shard's last document")
		}
		if err := s.finish(); err != nil {
			return errors.Join(fmt.Errorf("shard %d: %w", s.number, err), s.release())
		}
	}
}

// release leaves what is under way for a later start.
func (j *job) release() error {
	var err error
	for _, s := range j.under {
		err = errors.Join(err, s.release())
	}
	j.under = nil
	return err
}

// count takes a chain into the statistics.
func (j *job) count(a *synth.Augmented, old bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result.Stats.Add(*a)
	if j.opt.Each != nil {
		j.opt.Each(a, old)
	}
}

func (j *job) note(format string, args ...any) {
	if j.opt.Note != nil {
		j.opt.Note(fmt.Sprintf(format, args...))
	}
}

// complete writes manifest and report when all shards of all workers are done. Whoever is last sees them all.
func (j *job) complete() (err error) {
	lock, err := wait(j.fsys, filepath.Join(j.opt.Dir, workName, "job.lock"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	manifest := Manifest{Version: version, Settings: j.set, Documents: j.result.Documents}
	manifest.Settings.Documents = j.result.Documents
	var whole Stats
	for number := range j.result.Shards {
		r, err := readRecord(j.fsys, j.opt.Dir, number, false)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		whole.Merge(&r.Stats)
		manifest.Shards = append(manifest.Shards, Part{r.File, r.Documents, int64(r.Stats.Pairs), r.Sum})
	}
	manifest.Texts, manifest.Pairs = int64(whole.Texts), int64(whole.Pairs)
	if err := WriteReport(j.fsys, j.opt.Dir, &Report{Settings: manifest.Settings, Documents: manifest.Documents, Stats: whole}); err != nil {
		return err
	}
	if err := writeJSON(j.fsys, filepath.Join(j.opt.Dir, ManifestName), manifest); err != nil {
		return err
	}
	j.result.Whole = true
	return nil
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
