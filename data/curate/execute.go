package curate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// outcome is what became of one document on its way through a stage.
type outcome struct {
	doc  *data.Document // nil for a line that is passed on unread
	in   int            // bytes of its text, where it was read
	keep [][]byte       // JSON of what goes on
	out  int            // bytes of its texts
	verdict
}

// TooLong is the reason for what no reader would take back: a line above data.MaxLine.
const TooLong = "longer than a line may be"

// execute runs one stage: it reads in, and writes the files and at last the record that want begins.
func (r *run) execute(ctx context.Context, want *Record, in *input) (rec *Record, err error) {
	if err := errors.Join(durable.Remove(r.fsys, filepath.Join(r.opt.Dir, reportName)), durable.Remove(r.fsys, filepath.Join(r.opt.Dir, resultName)),
		durable.Remove(r.fsys, recordPath(r.opt.Dir, want.Stage))); err != nil {
		return nil, err
	}
	// Result and report went before the record, and the record before the files that it speaks of change.
	work := filepath.Join(r.opt.Dir, workName)
	st, err := r.newStage(want.Stage, work)
	if err != nil {
		return nil, err
	}
	e := &execution{run: r, rec: want, in: in}
	e.judge, _ = st.(judge)
	e.sum, _ = st.(summarizer)
	if f, ok := st.(finder); ok {
		if e.first, err = f.find(ctx, in); err != nil {
			return nil, errors.Join(err, durable.RemoveDir(r.fsys, work))
		}
		e.found = in.documents
	}
	if err := e.pass(ctx); err != nil {
		return nil, errors.Join(err, durable.RemoveDir(r.fsys, work))
	}
	if err := durable.RemoveDir(r.fsys, work); err != nil {
		return nil, err
	}
	return want, durable.WriteSealed(r.fsys, recordPath(r.opt.Dir, want.Stage), want, &want.Check)
}

// execution is one pass of a stage over its documents.
type execution struct {
	*run
	rec   *Record
	in    *input
	judge judge
	sum   summarizer
	first originals
	found int64 // documents that find saw

	documents, dropped, hits *output
}

// pass reads, judges and writes all documents.
func (e *execution) pass(ctx context.Context) (err error) {
	defer func() {
		for _, o := range []*output{e.documents, e.dropped, e.hits} {
			err = errors.Join(err, o.abort()) // nothing, after a commit
		}
		if e.first != nil {
			err = errors.Join(err, e.first.close())
		}
	}()
	if err := e.create(); err != nil {
		return err
	}
	known := e.rec.Counts.In // from the stage before, whose lines need not be read to be counted
	e.rec.Counts.In = Size{}
	if err := pipeline(ctx, e.in, e.work, e.take); err != nil {
		return err
	}
	if e.first != nil && e.in.documents != e.found {
		return fmt.Errorf("%w: %d documents, then %d", ErrChanged, e.found, e.in.documents)
	}
	c := &e.rec.Counts
	if e.in.source != nil {
		p := &e.in.report
		c.Read = &Reading{p.Files, p.Lines, p.Blank, p.Broken, p.Repaired, p.Unchecked}
	} else {
		if e.in.documents != known.Documents {
			return fmt.Errorf("%s: %w: %d documents, its record has %d", e.in.path, durable.ErrDamaged, e.in.documents, known.Documents)
		}
		c.Out.Bytes += known.Bytes - c.In.Bytes // of lines that were passed on
		c.In = known
	}
	if e.sum != nil {
		c.Cleaned = e.sum.summary()
	}
	return e.commit()
}

// create opens the files of the stage.
func (e *execution) create() (err error) {
	dir, stage := e.opt.Dir, e.rec.Stage
	if e.documents, err = createOutput(e.fsys, outputPath(dir, stage)); err != nil {
		return err
	}
	if e.opt.KeepDropped {
		e.dropped, err = createOutput(e.fsys, droppedPath(dir, stage))
	} else {
		err = durable.Remove(e.fsys, droppedPath(dir, stage)) // what other settings dropped
	}
	if err == nil && stage == CleanStage {
		e.hits, err = createOutput(e.fsys, hitsPath(dir, stage))
	}
	return err
}

func (e *execution) commit() (err error) {
	sum, err := e.documents.commit()
	if err != nil {
		return err
	}
	e.rec.Output = *sum
	if e.rec.Dropped, err = e.dropped.commit(); err == nil {
		e.rec.Hits, err = e.hits.commit()
	}
	return err
}

// work judges the documents of a batch.
func (e *execution) work(worker int, b *batch) ([]outcome, error) {
	out := make([]outcome, b.len())
	for i := range out {
		o := &out[i]
		if line := b.line(i); line != nil && e.judge == nil {
			o.keep = [][]byte{line}
			continue
		}
		doc, err := b.document(i)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w: %w", e.in.path, b.first+int64(i)+1, durable.ErrDamaged, err)
		}
		o.doc, o.in = &doc, len(doc.Text)
		if e.judge == nil {
			o.verdict = verdict{keep: []data.Document{doc}}
		} else {
			before := doc // a stage may change its own
			o.doc = &before
			o.verdict = e.judge.judge(worker, &doc)
		}
		if err := o.encode(); err != nil {
			return nil, fmt.Errorf("document %s: %w", doc.ID, err)
		}
		if e.dropped == nil && o.drop != nil {
			o.doc = nil
		}
	}
	return out, nil
}

// encode makes lines of what goes on.
func (o *outcome) encode() error {
	for i := range o.verdict.keep {
		doc := &o.verdict.keep[i]
		line, err := doc.AppendJSON(nil)
		if err != nil {
			return err
		}
		if len(line) >= data.MaxLine {
			o.keep, o.out = nil, 0
			o.drop = &Drop{Reason: TooLong, Value: float64(len(line)), Threshold: data.MaxLine}
			break
		}
		o.keep = append(o.keep, line)
		o.out += len(doc.Text)
	}
	o.verdict.keep = nil
	return nil
}

// take writes what became of a batch.
func (e *execution) take(b *batch, outcomes []outcome) error {
	c := &e.rec.Counts
	for i := range outcomes {
		o, n := &outcomes[i], b.first+int64(i)
		if e.first != nil && o.drop == nil {
			first, err := e.first.of(n)
			if err != nil {
				return err
			}
			if first != n {
				if err := e.duplicate(b, i, o, first); err != nil {
					return err
				}
			}
		}
		c.In.Documents++
		c.In.Bytes += int64(o.in)
		c.Out.Documents += int64(len(o.keep))
		c.Out.Bytes += int64(o.out)
		if o.changed && len(o.keep) > 0 {
			c.Changed++
		}
		if e.sum != nil {
			e.sum.count(&o.verdict)
		}
		if err := e.write(o); err != nil {
			return err
		}
	}
	if e.opt.Progress != nil {
		e.opt.Progress(e.rec.Stage, c.In.Documents)
	}
	return nil
}

// duplicate makes a dropped document of one that was to be passed on.
func (e *execution) duplicate(b *batch, i int, o *outcome, first int64) error {
	doc, err := b.document(i)
	if err != nil {
		return fmt.Errorf("%s:%d: %w: %w", e.in.path, b.first+int64(i)+1, durable.ErrDamaged, err)
	}
	o.doc, o.in, o.keep, o.out = &doc, len(doc.Text), nil, 0
	o.drop = &Drop{Reason: e.rec.Stage + " duplicate", First: first + 1}
	return nil
}

func (e *execution) write(o *outcome) error {
	for _, line := range o.keep {
		if err := e.documents.write(line); err != nil {
			return err
		}
	}
	for i := range o.hits {
		line, err := json.Marshal(&o.hits[i])
		if err == nil {
			err = e.hits.write(line)
		}
		if err != nil {
			return err
		}
	}
	if o.drop == nil {
		return nil
	}
	if len(o.keep) == 0 {
		c := &e.rec.Counts
		if c.Dropped == nil {
			c.Dropped = map[string]int64{}
		}
		c.Dropped[o.drop.Reason]++
	}
	if e.dropped == nil {
		return nil
	}
	line, err := o.withReason(e.rec.Stage)
	if err != nil {
		return err
	}
	return e.dropped.write(line)
}

// DropField is the field that a dropped document gets: a Drop.
const DropField = "dropped"

// withReason gives the JSON of a dropped document: as it came in, with the reason. One that would be too long for a line with it
// loses the end of its text, and says so.
func (o *outcome) withReason(stage string) ([]byte, error) {
	o.drop.Stage = stage
	reason, err := json.Marshal(o.drop)
	if err != nil {
		return nil, err
	}
	doc := *o.doc
	doc.Extra = map[string]json.RawMessage{}
	for k, v := range o.doc.Extra {
		doc.Extra[k] = v
	}
	doc.Extra[DropField] = reason
	line, err := doc.AppendJSON(nil)
	if err == nil && len(line) >= data.MaxLine {
		doc.Text = doc.Text[:min(len(doc.Text), 1<<20)]
		for k := range doc.Extra {
			if k != DropField {
				delete(doc.Extra, k)
			}
		}
		doc.Extra["cut"] = json.RawMessage("true")
		line, err = doc.AppendJSON(nil)
	}
	return line, err
}
