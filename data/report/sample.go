package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/templates"
)

// Sample is one record to be read: its raw texts, and all of it as training sees it.
type Sample struct {
	ID     string   `json:"id"`
	Source string   `json:"source,omitempty"`
	Kinds  []string `json:"kinds"` // formats of its pairs; "raw" where it has none
	Pairs  int      `json:"pairs"`
	Layout string   `json:"layout,omitempty"`
	Texts  []string `json:"texts"`
	Pieces []Piece  `json:"pieces"` // of the rendered text, in order
	Scores []string `json:"scores,omitempty"`
	Cut    bool     `json:"cut,omitempty"` // it is longer than what is shown
}

// Piece is a run of the rendered text; Part is text, instruction, … or "" for what the templates put between.
type Piece struct {
	Part string `json:"p,omitempty"`
	Text string `json:"s"`
}

// maxShown bounds what is shown of a record, in bytes of its rendered text and of its raw ones, so that a page of thousands of
// samples stays light.
const maxShown = 12_000

// reservoir keeps the records with the smallest keys: a draw without replacement that depends on seed and order alone.
type reservoir struct {
	most int
	seed uint64
	seen uint64
	kept []keyed // in order of keys
}

type keyed struct {
	key    uint64
	at     uint64
	sample Sample // what will be shown, not the chain: that may have megabytes
}

func (r *reservoir) offer(c *data.Chain, set *templates.Set, seed uint64) {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, r.seed), r.seen))
	x := keyed{key: binary.LittleEndian.Uint64(sum[:]), at: r.seen}
	r.seen++
	if len(r.kept) == r.most && (r.most == 0 || x.key >= r.kept[r.most-1].key) {
		return
	}
	at, _ := slices.BinarySearchFunc(r.kept, x, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	x.sample = sampleOf(c, set, seed)
	r.kept = slices.Insert(r.kept, at, x)
	r.kept = r.kept[:min(len(r.kept), r.most)]
}

// samples gives what was kept, in the order of the corpus.
func (r *reservoir) samples() []Sample {
	slices.SortFunc(r.kept, func(a, b keyed) int { return cmp.Compare(a.at, b.at) })
	out := make([]Sample, 0, len(r.kept))
	for i := range r.kept {
		out = append(out, r.kept[i].sample)
	}
	return out
}

func sampleOf(c *data.Chain, set *templates.Set, seed uint64) Sample {
	s := Sample{ID: short(c.ID, maxName)}
	shown := 0
	for i := range c.Examples {
		e := &c.Examples[i]
		if s.Source == "" {
			s.Source = short(e.Source, maxName)
		}
		text := short(e.Text, max(maxShown-shown, 0))
		shown += len(text)
		s.Cut = s.Cut || len(text) < len(e.Text)
		s.Texts = append(s.Texts, text)
		for j := range e.Pairs {
			p := &e.Pairs[j]
			s.Pairs++
			if kind := p.Format().String(); !slices.Contains(s.Kinds, kind) {
				s.Kinds = append(s.Kinds, kind)
			}
			if len(s.Scores) < 40 {
				if line := scoresOf(p); line != "" {
					s.Scores = append(s.Scores, line)
				}
			}
		}
	}
	if s.Pairs == 0 {
		s.Kinds = []string{"raw"}
		return s
	}
	r := set.Render(c, seed)
	s.Layout = r.Layout
	s.pieces(&r)
	return s
}

// pieces cuts the rendered text at its spans.
func (s *Sample) pieces(r *templates.Rendered) {
	spans := slices.Clone(r.Spans)
	slices.SortFunc(spans, func(a, b templates.Span) int { return cmp.Compare(a.Start, b.Start) })
	at := 0
	put := func(part string, end int) {
		if end <= at {
			return
		}
		text := r.Text[at:end]
		if end > maxShown {
			text = short(text, max(maxShown-at, 0))
			s.Cut = true
		}
		if text != "" {
			s.Pieces = append(s.Pieces, Piece{part, text})
		}
		at = end
	}
	for _, span := range spans {
		put("", min(span.Start, len(r.Text)))
		put(span.Part.String(), min(span.End, len(r.Text)))
	}
	put("", len(r.Text))
}

// short cuts a text to so many bytes, between characters.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
