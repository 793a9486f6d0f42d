package templates

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/primer-lm/primer/data"
)

// Kind is what the records of a source are, and so how they become text.
type Kind string

// The kinds of sources of a mixture.
const (
	Raw          Kind = "raw"          // documents as they are
	Augmented    Kind = "chains"       // synthesized chains
	Instructions Kind = "instructions" // general instructions: question, a blank, response
	Tuning       Kind = "tuning"       // tuning data: examples grouped into chains of one dataset
)

// Kinds lists them.
func Kinds() []Kind { return []Kind{Raw, Augmented, Instructions, Tuning} }

// Shots is how many examples of one dataset make a chain of tuning data (ours; the
// synthesis of the paper has 2 and 3 rounds).
const Shots = 3

// Counts adds up what a pass over a source met.
type Counts struct {
	Units   int64
	Pairs   int64 // printed
	Dropped map[Reason]int64
	Layouts map[string]int64
	Empty   int64 // units with no text left
}

// Texts streams a source as the texts of units, without BOS and EOS. counts may be
// nil.
func (s *Set) Texts(kind Kind, paths []string, seed uint64, opt data.Options, counts *Counts) iter.Seq2[Rendered, error] {
	if counts == nil {
		counts = &Counts{}
	}
	switch kind {
	case Raw:
		opt.Columns.Drop = true // of a Parquet file only the text is read
		return each(data.Documents(paths, opt), counts, func(d *data.Document) Rendered {
			return Rendered{Text: d.Text, Spans: []Span{{Text, 0, -1, 0, len(d.Text)}}}
		})
	case Augmented:
		return each(data.Chains(paths, opt), counts, func(c *data.Chain) Rendered { return s.Render(c, seed) })
	case Instructions:
		return each(data.Examples(paths, opt), counts, func(e *data.Example) Rendered { return s.Instruct(e, seed) })
	case Tuning:
		return each(Group(data.Examples(paths, opt), Shots), counts, func(c *data.Chain) Rendered { return s.Render(c, seed) })
	}
	return func(yield func(Rendered, error) bool) {
		yield(Rendered{}, fmt.Errorf("unknown kind of source %q (known: %v)", kind, Kinds()))
	}
}

// each renders records one by one and counts; empty units are passed over.
func each[T any](records iter.Seq2[T, error], counts *Counts, render func(*T) Rendered) iter.Seq2[Rendered, error] {
	return func(yield func(Rendered, error) bool) {
		for r, err := range records {
			if err != nil {
				yield(Rendered{}, err)
				return
			}
			out := render(&r)
			counts.add(&out)
			if out.Text != "" && !yield(out, nil) {
				return
			}
		}
	}
}

func (c *Counts) add(r *Rendered) {
	if c.Dropped == nil {
		c.Dropped, c.Layouts = map[Reason]int64{}, map[string]int64{}
	}
	for _, d := range r.Dropped {
		c.Dropped[d.Reason]++
	}
	for _, s := range r.Spans {
		if s.Part == Response {
			c.Pairs++
		}
	}
	if r.Text == "" {
		c.Empty++
		return
	}
	c.Units++
	if r.Layout != "" {
		c.Layouts[r.Layout]++
	}
}

// Instruct renders general instructions: {question} {response} for each pair, one
// after another. A text that a question comes with stands before the first one.
func (s *Set) Instruct(e *data.Example, seed uint64) Rendered {
	c := data.Chain{ID: e.ID, Examples: []data.Example{*e}}
	d := drawsOf(seed, &c)
	w := &writer{set: s, draws: d}
	kept := w.keep(&c)[0]
	w.choice = s.choose(d, false, false)
	if kept.text != "" {
		w.text(&kept)
	}
	form := w.choice.picked["instruction.pattern"].first
	for i := range kept.pairs {
		p := &kept.pairs[i]
		if w.b.Len() > 0 {
			w.b.WriteString("\n\n")
		}
		w.fill(form, func(slot string) {
			if slot == "question" {
				w.question(&kept, p)
			} else {
				w.answer(&kept, p)
			}
		})
	}
	return Rendered{Text: w.b.String(), Spans: w.spans, Dropped: w.dropped, choice: w.choice}
}

// Group makes chains of up to shots examples of one source (dataset), in the order
// they come. It holds fewer than shots examples per source; what is left at the end
// comes as shorter chains, sources in order of name.
func Group(examples iter.Seq2[data.Example, error], shots int) iter.Seq2[data.Chain, error] {
	return func(yield func(data.Chain, error) bool) {
		held, made := map[string][]data.Example{}, map[string]int{}
		chain := func(source string) data.Chain {
			c := data.Chain{ID: fmt.Sprintf("%s#%d", source, made[source]), Examples: held[source]}
			made[source]++
			held[source] = nil
			return c
		}
		for e, err := range examples {
			if err != nil {
				yield(data.Chain{}, err)
				return
			}
			held[e.Source] = append(held[e.Source], e)
			if len(held[e.Source]) >= shots && !yield(chain(e.Source), nil) {
				return
			}
		}
		for _, source := range slices.Sorted(maps.Keys(held)) {
			if len(held[source]) > 0 && !yield(chain(source), nil) {
				return
			}
		}
	}
}
