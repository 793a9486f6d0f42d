package report

import (
	"maps"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/report/page"
	"github.com/primer-lm/primer/data/templates"
)

// MadeBy marks a report.json as one of this package.
const MadeBy = "corpus report"

// Options of a report. The zero value counts and keeps no samples.
type Options struct {
	Samples   int            // chains kept to be read
	Seed      uint64         // of their draw, and of the templates that they are rendered with
	Templates *templates.Set // renders samples; nil: the embedded set
}

// Report is what there is to know about a corpus.
type Report struct {
	MadeBy    string   `json:"made_by"`
	Version   int      `json:"version"`
	Inputs    []string `json:"inputs"`
	Files     int64    `json:"files"`
	Broken    int64    `json:"broken_lines"`   // skipped by the reader
	Repaired  int64    `json:"repaired_lines"` // with invalid UTF-8, replaced
	Unchecked int64    `json:"unchecked_files"`

	Chains    int64 `json:"chains"` // records: a chain, an example or a text
	Texts     int64 `json:"texts"`
	Empty     int64 `json:"empty_texts"`
	WithPairs int64 `json:"texts_with_pairs"`
	Pairs     int64 `json:"pairs"`

	Sources  Names            `json:"sources"` // of texts, by the name they carry
	Domains  Names            `json:"domains"`
	Formats  map[string]int64 `json:"formats,omitempty"`  // of pairs
	Openings Names            `json:"openings,omitempty"` // pairs by the word that the instruction begins with

	TextWords     page.Histogram            `json:"words_per_text"`
	TextBytes     page.Histogram            `json:"bytes_per_text"`
	ChainTexts    page.Histogram            `json:"texts_per_chain"`
	PairsPerText  page.Histogram            `json:"pairs_per_text"`
	Instruction   page.Histogram            `json:"instruction_words"`
	Response      page.Histogram            `json:"response_words"`
	OptionsOfPair page.Histogram            `json:"options_per_pair"` // of multiple choice
	Scores        map[string]page.Histogram `json:"scores,omitempty"`

	SameTexts        Twice `json:"duplicate_texts"`        // the same but for case and white space
	SameInstructions Twice `json:"duplicate_instructions"` // likewise, whatever their text

	Beside  []Beside `json:"other_reports,omitempty"`
	LeftOut []string `json:"left_out"`
	Sampled int      `json:"samples"`
	Seed    uint64   `json:"seed"`
	samples []Sample
}

const version = 1

// leftOut says which figures of the paper are not here, and why.
var leftOut = []string{
	"Table 9, contamination: counted by decontamination; it is shown here where its report is given.",
	"Table 10, response accuracy, context relevance and task categories: judgements of each pair, by people in the paper. Shown instead: formats, and the word an instruction begins with.",
	"Tables 11 and 12, domains of texts and pairs: judgements of a large model in the paper. Shown instead: the domains that the records name.",
}

// Counter adds up a corpus. It is for one goroutine.
type Counter struct {
	opt          Options
	r            Report
	texts, tasks *distinct
	keep         *reservoir
}

// New makes a counter.
func New(opt Options) *Counter {
	if opt.Templates == nil {
		opt.Templates = templates.Default()
	}
	return &Counter{
		opt: opt, texts: newDistinct(), tasks: newDistinct(), keep: &reservoir{most: opt.Samples, seed: opt.Seed},
		r: Report{MadeBy: MadeBy, Version: version, Formats: map[string]int64{}, Scores: map[string]page.Histogram{}, LeftOut: leftOut, Seed: opt.Seed},
	}
}

// Add counts one record.
func (c *Counter) Add(chain *data.Chain) {
	c.r.Chains++
	c.r.ChainTexts.Add(float64(len(chain.Examples)))
	for i := range chain.Examples {
		c.text(&chain.Examples[i])
	}
	c.keep.offer(chain, c.opt.Templates, c.opt.Seed)
}

func (c *Counter) text(e *data.Example) {
	r := &c.r
	r.Texts++
	r.Sources.add(named(e.Source))
	r.Domains.add(named(e.Domain))
	r.PairsPerText.Add(float64(len(e.Pairs)))
	if strings.TrimSpace(e.Text) == "" {
		r.Empty++
	} else {
		r.TextWords.Add(words(e.Text))
		r.TextBytes.Add(float64(len(e.Text)))
		c.texts.add(e.Text)
	}
	if len(e.Pairs) > 0 {
		r.WithPairs++
	}
	for i := range e.Pairs {
		c.pair(&e.Pairs[i])
	}
}

func (c *Counter) pair(p *data.Pair) {
	r := &c.r
	r.Pairs++
	r.Formats[p.Format().String()]++
	r.Openings.add(page.Opening(p.Instruction))
	r.Instruction.Add(words(p.Instruction))
	r.Response.Add(words(p.Response))
	if len(p.Options) > 0 {
		r.OptionsOfPair.Add(float64(len(p.Options)))
	}
	c.tasks.add(p.Instruction)
	for _, name := range slices.Sorted(maps.Keys(p.Scores)) {
		v := p.Scores[name]
		name = short(name, maxName)
		h, known := r.Scores[name]
		if !known && len(r.Scores) >= maxScores {
			continue
		}
		h.Step = page.ScoreStep(name)
		h.Add(v)
		r.Scores[name] = h
	}
}

// maxScores bounds the names of scores; synthesis records six.
const maxScores = 32

// Report gives what was counted: inputs are the paths as given, met is what their reader met.
func (c *Counter) Report(inputs []string, met *data.Report) *Report {
	r := c.r
	r.Inputs, r.Files, r.Broken, r.Repaired, r.Unchecked = inputs, met.Files, met.Broken, met.Repaired, met.Unchecked
	r.SameTexts, r.SameInstructions = c.texts.twice(), c.tasks.twice()
	r.samples = c.keep.samples()
	r.Sampled = len(r.samples)
	return &r
}

func words(s string) float64 {
	n, in := 0, false
	for _, r := range s {
		blank := r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\u00a0' || r == '\u3000'
		if !blank && !in {
			n++
		}
		in = !blank
	}
	return float64(n)
}

func named(name string) string {
	if name == "" {
		return "(none named)"
	}
	return name
}

// Names counts by name. Beyond some thousand names, further ones are counted together: a corpus may name a source per text.
type Names map[string]int64

const (
	maxNames   = 2000
	otherNames = "(further names)"
	maxName    = 120 // bytes of a name
)

func (n *Names) add(name string) {
	if *n == nil {
		*n = Names{}
	}
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "") + "…"
	}
	if _, known := (*n)[name]; !known && len(*n) >= maxNames {
		name = otherNames
	}
	(*n)[name]++
}
