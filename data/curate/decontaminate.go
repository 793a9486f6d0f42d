package curate

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
)

// What becomes of a text that holds something of an evaluation set.
const (
	DropIt   = "drop"
	CutIt    = "cut" // n-grams only
	ReportIt = "report"
	Off      = "off" // it is not looked for
)

// CleanOptions is the table [decontaminate].
type CleanOptions struct {
	NGram       int             `toml:"ngram" json:"ngram"` // words
	OnGram      string          `toml:"on_ngram" json:"on_ngram"`
	CutMargin   int             `toml:"cut_margin" json:"cut_margin"` // characters
	CutMin      int             `toml:"cut_min" json:"cut_min"`       // characters
	CutMax      int             `toml:"cut_max" json:"cut_max"`       // remains of a text
	OnPiece     string          `toml:"on_piece" json:"on_piece"`
	Pieces      int             `toml:"pieces" json:"pieces"`             // of an item
	PieceLength int             `toml:"piece_length" json:"piece_length"` // characters
	Sets        []EvaluationSet `toml:"set" json:"set"`
}

func (o *CleanOptions) check() error {
	if !slices.Contains([]string{DropIt, CutIt, ReportIt, Off}, o.OnGram) {
		return fmt.Errorf("on_ngram = %q: drop, cut, report or off", o.OnGram)
	}
	if !slices.Contains([]string{DropIt, ReportIt, Off}, o.OnPiece) {
		return fmt.Errorf("on_piece = %q: drop, report or off", o.OnPiece)
	}
	if o.OnGram == Off && o.OnPiece == Off {
		return errors.New("on_ngram and on_piece are off: nothing is left to do")
	}
	if len(o.Sets) == 0 {
		return ErrNoSet
	}
	for i, s := range o.Sets {
		if s.Name == "" || len(s.Paths) == 0 {
			return fmt.Errorf("set %d: name or paths are missing", i+1)
		}
		if slices.ContainsFunc(o.Sets[:i], func(t EvaluationSet) bool { return t.Name == s.Name }) {
			return fmt.Errorf("set %q stands twice", s.Name)
		}
	}
	if o.Pieces > 1000 {
		return fmt.Errorf("pieces = %d, must be at most 1000", o.Pieces)
	}
	return errors.Join(atLeast("ngram", o.NGram, 2), atLeast("cut_margin", o.CutMargin, 0), atLeast("cut_min", o.CutMin, 1),
		atLeast("cut_max", o.CutMax, 1), atLeast("pieces", o.Pieces, 1), atLeast("piece_length", o.PieceLength, 1))
}

// Hit is something of an evaluation set in a document: a line of hits/decontaminate.jsonl.zst.
type Hit struct {
	Document string   `json:"document"`
	Set      string   `json:"set"`
	Items    []string `json:"items"` // that have it; the first of them, where there are many
	More     int      `json:"more_items,omitzero"`
	Part     string   `json:"part"`   // context or question
	Rule     string   `json:"rule"`   // ngram or piece
	Text     string   `json:"text"`   // of the document; a long one ends in an ellipsis
	Offset   int      `json:"offset"` // of it, in bytes of the document's text
	Bytes    int      `json:"bytes"`  // of it
	Places   int      `json:"places"` // that a piece stands at; the first is given

	items []int32
}

// The rules of a Hit.
const (
	gramRule  = "ngram"
	pieceRule = "piece"
)

// Reasons of stage decontaminate.
const (
	HasGram  = "n-gram of an evaluation set"
	HasPiece = "piece of an evaluation set"
	Remains  = "too many remains around n-grams of evaluation sets"
	IsCut    = "cut" // kept, without what was found and what stands around it
)

// cleaner takes out what stands in evaluation sets.
//
// By n-gram (GPT-3, appendix C): n words in a row that an item's context or question has. By piece (the paper's table 9, after the
// GPT-4 report): with blanks and symbols dropped on both sides, one of some pieces drawn from an item's context or question. The
// first is the stricter, so it drops, the second counts.
type cleaner struct {
	opt     CleanOptions
	it      *items
	workers []cleanScratch
	byGram  []bool // items
	byPiece []bool
	sum     Cleaned
}

type cleanScratch struct {
	scan     words
	list     []word
	squeezed []byte
	grams    gramScratch
	seen     map[int32]int // pieces, to their place among the hits
}

func newCleaner(opt CleanOptions, it *items) (*cleaner, error) {
	c := &cleaner{opt: opt, it: it, workers: make([]cleanScratch, parallel()), byGram: make([]bool, len(it.list)), byPiece: make([]bool, len(it.list))}
	for i := range c.workers {
		c.workers[i].seen = map[int32]int{}
		c.workers[i].grams.open = map[int32]openSpan{}
	}
	return c, nil
}

func (c *cleaner) judge(worker int, doc *data.Document) verdict {
	w := &c.workers[worker]
	v := verdict{keep: []data.Document{*doc}}
	if c.it.pieces != nil {
		v.hits = c.it.pieceHits(w, doc)
	}
	found := len(v.hits)
	var spans []span
	if c.it.grams != nil {
		w.list = realWords(w.list[:0], &w.scan, doc.Text)
		spans = c.it.grams.scan(doc.Text, w.list, &w.grams)
		v.hits = append(v.hits, c.it.gramHits(w, doc, spans)...)
	}
	switch {
	case len(spans) > 0 && c.opt.OnGram == DropIt:
		v.keep, v.drop = nil, &Drop{Reason: HasGram, Value: float64(len(spans))}
	case found > 0 && c.opt.OnPiece == DropIt:
		v.keep, v.drop = nil, &Drop{Reason: HasPiece, Value: float64(found)}
	case len(spans) > 0 && c.opt.OnGram == CutIt:
		c.cut(&v, doc, w.list, spans)
	}
	w.trim()
	return v
}

// trim lets go of the memory of an unusually long text.
func (w *cleanScratch) trim() {
	if cap(w.squeezed) > 1<<20 {
		w.squeezed = nil
	}
	if cap(w.list) > 1<<16 {
		w.list = nil
	}
}

// pieceHits finds pieces; each counts once for a document, with the number of its places.
func (it *items) pieceHits(w *cleanScratch, doc *data.Document) []Hit {
	w.squeezed = squeeze(w.squeezed[:0], doc.Text)
	clear(w.seen)
	var hits []Hit
	it.pieces.scan(w.squeezed, func(at int, n int32) {
		if i, ok := w.seen[n]; ok {
			hits[i].Places++
			return
		}
		w.seen[n] = len(hits)
		p := &it.pieces.list[n]
		hits = append(hits, it.hit(doc, p.part, p.items, pieceRule, at, len(p.text)))
	})
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(a.Offset, b.Offset) })
	locate(doc.Text, hits)
	return hits
}

// locate makes offsets of the squeezed text, in order, offsets of the text.
func locate(text string, hits []Hit) {
	from, squeezed := 0, 0 // the same place in both
	for i := range hits {
		h := &hits[i]
		start := from + unsqueeze(text[from:], h.Offset-squeezed)
		start += strings.IndexFunc(text[start:], kept)
		end := start + unsqueeze(text[start:], h.Bytes)
		from, squeezed = start, h.Offset
		h.Offset, h.Bytes, h.Text = start, end-start, shorten(text[start:end])
	}
}

func kept(r rune) bool { return !dropped(r) }

// maxQuote bounds what a hit quotes, in bytes.
const maxQuote = 400

func shorten(s string) string {
	if len(s) <= maxQuote {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuote], "") + "…"
}

func (it *items) gramHits(w *cleanScratch, doc *data.Document, spans []span) []Hit {
	hits := make([]Hit, 0, len(spans))
	for _, s := range spans {
		start, end := int(w.list[s.first].start), int(w.list[s.last].end)
		h := it.hit(doc, s.part, it.parts[s.part].items, gramRule, start, end-start)
		h.Text = shorten(doc.Text[start:end])
		hits = append(hits, h)
	}
	return hits
}

// maxListed bounds the items that a hit lists by name; all are counted.
const maxListed = 20

func (it *items) hit(doc *data.Document, part int32, items []int32, rule string, offset, bytes int) Hit {
	h := Hit{Document: doc.ID, Set: it.names[it.list[items[0]].set], Part: it.parts[part].kind, Rule: rule, Offset: offset, Bytes: bytes,
		Places: 1, items: items, More: max(0, len(items)-maxListed)}
	for _, n := range items[:min(len(items), maxListed)] {
		h.Items = append(h.Items, it.list[n].id)
	}
	return h
}

// Cleaned is what stage decontaminate has to say besides the documents that it dropped.
type Cleaned struct {
	Sets     []CleanedSet `json:"sets"`
	Hits     int64        `json:"hits"`
	ByGram   int64        `json:"documents_by_ngram"` // documents with a hit
	ByPiece  int64        `json:"documents_by_piece"`
	CutTexts int64        `json:"documents_cut"`
	Common   int64        `json:"common_ngrams"` // that stand in more than 100 places of the sets, and are not looked for
}

// CleanedSet counts the items of an evaluation set.
type CleanedSet struct {
	Name    string `json:"name"`
	Items   int64  `json:"items"`
	ByGram  int64  `json:"contaminated_by_ngram"`
	ByPiece int64  `json:"contaminated_by_piece"`
	Short   int64  `json:"without_ngram"` // items with fewer words than an n-gram in every part: that rule cannot find them
}

func (c *cleaner) count(v *verdict) {
	gram, piece := false, false
	for i := range v.hits {
		c.sum.Hits++
		flags := c.byGram
		if v.hits[i].Rule == pieceRule {
			flags, piece = c.byPiece, true
		} else {
			gram = true
		}
		for _, n := range v.hits[i].items {
			flags[n] = true
		}
	}
	for _, b := range []struct {
		is bool
		n  *int64
	}{{gram, &c.sum.ByGram}, {piece, &c.sum.ByPiece}, {v.changed, &c.sum.CutTexts}} {
		if b.is {
			*b.n++
		}
	}
}

func (c *cleaner) summary() *Cleaned {
	c.sum.Sets = make([]CleanedSet, len(c.it.names))
	for i, name := range c.it.names {
		c.sum.Sets[i].Name = name
	}
	for i := range c.it.list {
		x := &c.it.list[i]
		s := &c.sum.Sets[x.set]
		s.Items++
		if c.byGram[i] {
			s.ByGram++
		}
		if c.byPiece[i] {
			s.ByPiece++
		}
		if c.it.grams != nil && !slices.ContainsFunc(x.parts, func(p int32) bool { return !c.it.grams.short[p] }) {
			s.Short++
		}
	}
	if c.it.grams != nil {
		c.sum.Common = c.it.grams.common
	}
	return &c.sum
}

func (c *Cleaned) print(w io.Writer) {
	for _, s := range c.Sets {
		fmt.Fprintf(w, "  %s: of %d items, %d contaminated by n-gram, %d by piece; %d are too short for an n-gram\n", s.Name, s.Items, s.ByGram, s.ByPiece, s.Short)
	}
	fmt.Fprintf(w, "  %d hits; documents with one: %d by n-gram, %d by piece; %d cut\n", c.Hits, c.ByGram, c.ByPiece, c.CutTexts)
}
