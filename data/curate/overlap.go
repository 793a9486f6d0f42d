package curate

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/zeebo/xxh3"

	"github.com/primer-lm/primer/data"
)

// OverlapOptions is what is compared: sets that the synthesizer is tuned on, with sets that something is evaluated on.
type OverlapOptions struct {
	Tuning     []EvaluationSet // examples, as datasets convert to
	Evaluation []EvaluationSet
	NGram      int // words of n-grams that are compared besides; 0: none
	Samples    int // that are shown of a pair of sets

	Progress func(set string, examples int64) // may be nil
}

// OverlapReport tells what tuning data and evaluation sets share. Pairs of sets that share nothing are left out.
type OverlapReport struct {
	NGram      int          `json:"ngram"`
	Tuning     []OverlapSet `json:"tuning"`
	Evaluation []OverlapSet `json:"evaluation"`
	Overlaps   []Overlap    `json:"overlaps"`
}

// OverlapSet is one set that was read.
type OverlapSet struct {
	Name     string `json:"name"`
	Examples int64  `json:"examples,omitzero"` // of tuning data
	Items    int64  `json:"items"`             // pairs
}

// Overlap is what one tuning set has of one evaluation set: items of the latter, and their share of it.
type Overlap struct {
	Tuning     string  `json:"tuning"`
	Evaluation string  `json:"evaluation"`
	Context    Share   `json:"same_context"`
	Question   Share   `json:"same_question"`
	Both       Share   `json:"same_context_and_question"` // in one example
	NGram      Share   `json:"shared_ngram"`              // in context or question
	Examples   int64   `json:"tuning_examples"`           // of the tuning set, that have a context or a question of the evaluation set
	Samples    []Match `json:"samples,omitempty"`
}

// Share is a number of items and the share that they are.
type Share struct {
	Items int64   `json:"items"`
	Share float64 `json:"share"`
}

// Match is one thing that two sets share.
type Match struct {
	What       string `json:"what"`       // context, question or ngram
	Tuning     string `json:"tuning"`     // id of the example
	Evaluation string `json:"evaluation"` // id of the item
	Text       string `json:"text"`       // of the evaluation set; a long one ends in an ellipsis
}

// sameKey names a text by its letters, marks and digits in lower case; false where it has none.
func sameKey(text string) (xxh3.Uint128, bool) {
	s := strings.Map(func(r rune) rune {
		if dropped(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
	return xxh3.HashString128(s), s != ""
}

// FindOverlap compares tuning data with evaluation sets. Texts are the same when their letters and digits are, in lower case, so
// that other blanks, symbols or line ends do not hide them. The evaluation sets are held in memory, tuning data streams.
func FindOverlap(ctx context.Context, opt OverlapOptions) (*OverlapReport, error) {
	if len(opt.Tuning) == 0 || len(opt.Evaluation) == 0 || opt.NGram == 1 || opt.NGram < 0 {
		return nil, fmt.Errorf("%w: %d tuning sets, %d evaluation sets, n-grams of %d words: at least one of each; n-grams of two or more, or 0",
			ErrSettings, len(opt.Tuning), len(opt.Evaluation), opt.NGram)
	}
	it, err := readItems(ctx, opt.Evaluation)
	if err != nil {
		return nil, err
	}
	o := &overlapping{it: it, opt: &opt, same: map[xxh3.Uint128][]int32{}}
	for i := range it.parts {
		if key, ok := sameKey(it.parts[i].text); ok {
			o.same[key] = append(o.same[key], int32(i))
		}
	}
	if opt.NGram > 0 {
		o.grams = indexGrams(it, opt.NGram)
	}
	r := &OverlapReport{NGram: opt.NGram, Overlaps: []Overlap{}}
	for _, name := range it.names {
		r.Evaluation = append(r.Evaluation, OverlapSet{Name: name})
	}
	for i := range it.list {
		r.Evaluation[it.list[i].set].Items++
	}
	for i := range opt.Tuning {
		found, err := o.tuning(ctx, r, &opt.Tuning[i])
		if err != nil {
			return nil, fmt.Errorf("tuning set %s: %w", opt.Tuning[i].Name, err)
		}
		r.Overlaps = append(r.Overlaps, found...)
	}
	return r, nil
}

// overlapping is the state of a comparison.
type overlapping struct {
	it    *items
	opt   *OverlapOptions
	same  map[xxh3.Uint128][]int32 // parts
	grams *grams

	// Of the tuning set that is read: what was found of each item.
	flags   []found
	sets    []Overlap
	scan    words
	list    []word
	scratch gramScratch
}

// found is a set of the things below.
type found uint8

const (
	sameContext found = 1 << iota
	sameQuestion
	sameBoth
	sharedGram
)

func (o *overlapping) tuning(ctx context.Context, r *OverlapReport, set *EvaluationSet) ([]Overlap, error) {
	o.flags = make([]found, len(o.it.list))
	o.sets = make([]Overlap, len(o.it.names))
	o.scratch.open = map[int32]openSpan{}
	read := OverlapSet{Name: set.Name}
	for ex, err := range set.examples() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		read.Examples++
		read.Items += int64(len(ex.Pairs))
		o.example(&ex)
		if o.opt.Progress != nil {
			o.opt.Progress(set.Name, read.Examples)
		}
	}
	r.Tuning = append(r.Tuning, read)
	return o.sum(r, set.Name), nil
}

// example looks for what an example shares with the evaluation sets.
func (o *overlapping) example(ex *data.Example) {
	sets := map[int32]bool{} // that this example has something of
	contexts := map[int32]bool{}
	o.look(ex.Text, func(p int32) {
		contexts[p] = true
		o.mark(p, ex.ID, sets)
	})
	o.gramsOf(ex.ID, ex.Text)
	for i := range ex.Pairs {
		q := ex.Pairs[i].Instruction
		o.look(q, func(p int32) {
			o.mark(p, ex.ID, sets)
			for _, n := range o.it.parts[p].items {
				for _, other := range o.it.list[n].parts {
					if other != p && contexts[other] {
						o.flags[n] |= sameBoth
					}
				}
			}
		})
		o.gramsOf(ex.ID, q)
	}
	for s := range sets {
		o.sets[s].Examples++
	}
}

// look calls f with the parts of evaluation items that a text is. A question may stand as the context of another set, and the other
// way round: datasets differ in what they call which.
func (o *overlapping) look(text string, f func(part int32)) {
	key, ok := sameKey(text)
	if !ok {
		return
	}
	for _, p := range o.same[key] {
		f(p)
	}
}

// mark notes that the items of a part were found; the part's own kind says as what.
func (o *overlapping) mark(p int32, id string, sets map[int32]bool) {
	what := sameContext
	if o.it.parts[p].kind == questionPart {
		what = sameQuestion
	}
	o.flag(p, what, id, o.it.parts[p].kind)
	sets[o.it.list[o.it.parts[p].items[0]].set] = true
}

// flag sets flags of a part's items and keeps a sample of what is new.
func (o *overlapping) flag(p int32, what found, id, name string) {
	part := &o.it.parts[p]
	fresh := false
	for _, n := range part.items {
		fresh = fresh || o.flags[n]&what == 0
		o.flags[n] |= what
	}
	x := &o.it.list[part.items[0]]
	if s := &o.sets[x.set]; fresh && len(s.Samples) < o.opt.Samples {
		s.Samples = append(s.Samples, Match{name, id, x.id, shorten(part.text)})
	}
}

// gramsOf looks for shared n-grams.
func (o *overlapping) gramsOf(id, text string) {
	if o.grams == nil {
		return
	}
	o.list = realWords(o.list[:0], &o.scan, text)
	for _, s := range o.grams.scan(text, o.list, &o.scratch) {
		o.flag(s.part, sharedGram, id, gramRule)
	}
}

// sum counts the flags of a tuning set, evaluation set by evaluation set.
func (o *overlapping) sum(r *OverlapReport, tuning string) []Overlap {
	for i, f := range o.flags {
		s := &o.sets[o.it.list[i].set]
		for _, c := range []struct {
			what found
			n    *Share
		}{{sameContext, &s.Context}, {sameQuestion, &s.Question}, {sameBoth, &s.Both}, {sharedGram, &s.NGram}} {
			if f&c.what != 0 {
				c.n.Items++
			}
		}
	}
	var out []Overlap
	for i := range o.sets {
		s := &o.sets[i]
		s.Tuning, s.Evaluation = tuning, o.it.names[i]
		for _, n := range []*Share{&s.Context, &s.Question, &s.Both, &s.NGram} {
			n.Share = float64(n.Items) / float64(max(1, r.Evaluation[i].Items))
		}
		if s.Context.Items+s.Question.Items+s.NGram.Items > 0 {
			out = append(out, *s)
		}
	}
	return out
}

// Print gives the report to people.
func (r *OverlapReport) Print(w io.Writer) {
	if len(r.Overlaps) == 0 {
		fmt.Fprintf(w, "%d tuning sets and %d evaluation sets share no context, question or n-gram\n", len(r.Tuning), len(r.Evaluation))
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	gram := "n-gram"
	if r.NGram > 0 {
		gram = fmt.Sprintf("%d-gram", r.NGram)
	}
	fmt.Fprintf(t, "tuning\tevaluation\titems\tsame context\tsame question\tboth\tshared %s\n", gram)
	items := map[string]int64{}
	for _, e := range r.Evaluation {
		items[e.Name] = e.Items
	}
	show := func(s Share) string { return fmt.Sprintf("%d (%.1f%%)", s.Items, 100*s.Share) }
	for _, o := range r.Overlaps {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", o.Tuning, o.Evaluation, items[o.Evaluation], show(o.Context), show(o.Question), show(o.Both), show(o.NGram))
	}
	t.Flush()
	for _, o := range r.Overlaps {
		for _, m := range o.Samples {
			fmt.Fprintf(w, "  %s %s = %s %s, %s: %.100q\n", o.Tuning, m.Tuning, o.Evaluation, m.Evaluation, m.What, m.Text)
		}
	}
}
