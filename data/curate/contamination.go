package curate

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"text/tabwriter"

	"github.com/primer-lm/primer/data"
)

// ContaminationOptions is what is counted: items of evaluation sets that stand in a raw corpus, in the same corpus augmented with
// pairs, or in both.
type ContaminationOptions struct {
	Sets        []EvaluationSet
	Pieces      int // of an item; 0: 3
	PieceLength int // characters; 0: 50
	Seed        uint64

	Raw           []string // files, globs, folders of documents; may be empty
	RawRead       data.Options
	Augmented     []string // of chains, or the folder of a synthesis; may be empty
	AugmentedRead data.Options

	Progress func(documents int64) // may be nil
}

// ContaminationReport is the paper's table 9. A count is nil where that corpus was not given.
type ContaminationReport struct {
	Pieces      int                `json:"pieces"`
	PieceLength int                `json:"piece_length"`
	Seed        uint64             `json:"seed"`
	Raw         *Size              `json:"raw,omitempty"`
	Augmented   *Size              `json:"augmented,omitempty"` // texts with their pairs
	Skipped     int64              `json:"skipped,omitempty"`   // broken lines of the corpora
	Sets        []ContaminationSet `json:"sets"`
}

// ContaminationSet counts the contaminated items of one evaluation set.
type ContaminationSet struct {
	Name       string `json:"name"`
	Items      int64  `json:"items"`
	Raw        *int64 `json:"raw,omitempty"`
	Augmented  *int64 `json:"augmented,omitempty"`
	Difference *int64 `json:"difference,omitempty"` // augmented - raw
	Added      *int64 `json:"added,omitempty"`      // contaminated in the augmented corpus and not in the raw one
}

// Contamination counts contaminated items as the paper's table 9 does: with blanks and symbols dropped on both sides, random pieces
// of an item's question or context are looked for (all of it where it is shorter); its answers are not. An item is contaminated if
// one of its pieces occurs.
func Contamination(ctx context.Context, opt ContaminationOptions) (*ContaminationReport, error) {
	if opt.Pieces == 0 {
		opt.Pieces = 3
	}
	if opt.PieceLength == 0 {
		opt.PieceLength = 50
	}
	clean := CleanOptions{OnPiece: ReportIt, OnGram: Off, Pieces: opt.Pieces, PieceLength: opt.PieceLength, Sets: opt.Sets,
		NGram: 13, CutMin: 1, CutMax: 1}
	if err := clean.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	if len(opt.Raw)+len(opt.Augmented) == 0 {
		return nil, fmt.Errorf("%w: neither a raw nor an augmented corpus is given", ErrSettings)
	}
	it, err := loadItems(ctx, &clean, opt.Seed)
	if err != nil {
		return nil, err
	}
	r := &ContaminationReport{Pieces: opt.Pieces, PieceLength: opt.PieceLength, Seed: opt.Seed}
	for _, name := range it.names {
		r.Sets = append(r.Sets, ContaminationSet{Name: name})
	}
	for i := range it.list {
		r.Sets[it.list[i].set].Items++
	}
	var raw, augmented []bool
	if len(opt.Raw) > 0 {
		src := Files(opt.Raw, opt.RawRead)
		if raw, r.Raw, err = it.contaminated(ctx, &src, r, opt.Progress); err != nil {
			return nil, err
		}
	}
	if len(opt.Augmented) > 0 {
		src := Source{Documents: func(report *data.Report) iter.Seq2[data.Document, error] {
			read := opt.AugmentedRead
			read.Report = report
			return flat(data.Chains(opt.Augmented, read))
		}}
		if augmented, r.Augmented, err = it.contaminated(ctx, &src, r, opt.Progress); err != nil {
			return nil, err
		}
	}
	r.count(it, raw, augmented)
	return r, nil
}

// contaminated tells which items a corpus holds.
func (it *items) contaminated(ctx context.Context, src *Source, r *ContaminationReport, progress func(int64)) ([]bool, *Size, error) {
	flags, size := make([]bool, len(it.list)), &Size{}
	squeezed := make([][]byte, parallel())
	type found struct {
		bytes  int64
		pieces map[int32]struct{} // a piece may stand a million times in a text, and in thousands of items
	}
	in := &input{source: src}
	err := pipeline(ctx, in, func(worker int, b *batch) (found, error) {
		f := found{pieces: map[int32]struct{}{}}
		for i := range b.docs {
			text := b.docs[i].Text
			f.bytes += int64(len(text))
			squeezed[worker] = squeeze(squeezed[worker][:0], text)
			it.pieces.scan(squeezed[worker], func(_ int, piece int32) { f.pieces[piece] = struct{}{} })
		}
		return f, nil
	}, func(b *batch, f found) error {
		size.Documents += int64(b.len())
		size.Bytes += f.bytes
		for piece := range f.pieces {
			for _, n := range it.pieces.list[piece].items {
				flags[n] = true
			}
		}
		if progress != nil {
			progress(size.Documents)
		}
		return nil
	})
	r.Skipped += in.report.Broken
	return flags, size, err
}

// flat gives each text of a chain, with its pairs as they would follow it, as one document.
func flat(chains iter.Seq2[data.Chain, error]) iter.Seq2[data.Document, error] {
	return func(yield func(data.Document, error) bool) {
		for chain, err := range chains {
			if err != nil {
				yield(data.Document{}, err)
				return
			}
			for i := range chain.Examples {
				ex := &chain.Examples[i]
				if !yield(data.Document{ID: ex.ID, Text: textOf(ex)}, nil) {
					return
				}
			}
		}
	}
}

func textOf(ex *data.Example) string {
	var b strings.Builder
	b.WriteString(ex.Text)
	for i := range ex.Pairs {
		p := &ex.Pairs[i]
		for _, s := range append(append([]string{p.Instruction}, p.Options...), p.Thought, p.Response) {
			if s != "" {
				b.WriteByte('\n')
				b.WriteString(s)
			}
		}
	}
	return b.String()
}

func (r *ContaminationReport) count(it *items, raw, augmented []bool) {
	for i := range r.Sets {
		s := &r.Sets[i]
		for _, c := range []struct {
			is bool
			n  **int64
		}{{raw != nil, &s.Raw}, {augmented != nil, &s.Augmented}, {raw != nil && augmented != nil, &s.Difference}, {raw != nil && augmented != nil, &s.Added}} {
			if c.is {
				*c.n = new(int64)
			}
		}
	}
	for i := range it.list {
		s := &r.Sets[it.list[i].set]
		inRaw, inAugmented := raw != nil && raw[i], augmented != nil && augmented[i]
		if inRaw {
			*s.Raw++
		}
		if inAugmented {
			*s.Augmented++
		}
		if inAugmented && !inRaw && s.Added != nil {
			*s.Added++
		}
	}
	for i := range r.Sets {
		if s := &r.Sets[i]; s.Difference != nil {
			*s.Difference = *s.Augmented - *s.Raw
		}
	}
}

// Print gives the report to people.
func (r *ContaminationReport) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "set\titems\traw\taugmented\tdifference\tadded")
	for _, s := range r.Sets {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", s.Name, s.Items, orDash(s.Raw), orDash(s.Augmented), orDash(s.Difference), orDash(s.Added))
	}
	t.Flush()
	for _, corpus := range []struct {
		name string
		size *Size
	}{{"raw", r.Raw}, {"augmented", r.Augmented}} {
		if corpus.size != nil {
			fmt.Fprintf(w, "%s: %d texts, %.1f MB\n", corpus.name, corpus.size.Documents, mb(corpus.size.Bytes))
		}
	}
}

func orDash(n *int64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}
