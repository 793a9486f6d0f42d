package curate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/primer-lm/primer/data"
)

// QualityOptions is the table [quality]. A threshold of 0 is off.
type QualityOptions struct {
	MinCharacters int64             `toml:"min_characters" json:"min_characters"`
	MaxCharacters int64             `toml:"max_characters" json:"max_characters"`
	MinWords      int64             `toml:"min_words" json:"min_words"`
	MaxWords      int64             `toml:"max_words" json:"max_words"`
	MinMeanWord   float64           `toml:"min_mean_word_length" json:"min_mean_word_length"`
	MaxMeanWord   float64           `toml:"max_mean_word_length" json:"max_mean_word_length"`
	MaxSymbols    float64           `toml:"max_symbol_ratio" json:"max_symbol_ratio"`
	MaxBullets    float64           `toml:"max_bullet_lines" json:"max_bullet_lines"`
	MaxEllipses   float64           `toml:"max_ellipsis_lines" json:"max_ellipsis_lines"`
	MinAlphabetic float64           `toml:"min_alphabetic_words" json:"min_alphabetic_words"`
	MinStopWords  int64             `toml:"min_stop_words" json:"min_stop_words"`
	StopWords     []string          `toml:"stop_words" json:"stop_words"`
	Repetition    RepetitionOptions `toml:"repetition" json:"repetition"`
}

func (o *QualityOptions) check() error {
	for _, c := range []struct {
		key string
		v   float64
	}{
		{"min_characters", float64(o.MinCharacters)}, {"max_characters", float64(o.MaxCharacters)}, {"min_words", float64(o.MinWords)},
		{"max_words", float64(o.MaxWords)}, {"min_mean_word_length", o.MinMeanWord}, {"max_mean_word_length", o.MaxMeanWord},
		{"max_symbol_ratio", o.MaxSymbols}, {"min_stop_words", float64(o.MinStopWords)},
	} {
		if err := atLeast(c.key, c.v, 0); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		key string
		v   float64
	}{{"max_bullet_lines", o.MaxBullets}, {"max_ellipsis_lines", o.MaxEllipses}, {"min_alphabetic_words", o.MinAlphabetic}} {
		if err := share(c.key, c.v); err != nil {
			return err
		}
	}
	if int64(len(o.StopWords)) < o.MinStopWords {
		return fmt.Errorf("min_stop_words = %d, but stop_words has %d", o.MinStopWords, len(o.StopWords))
	}
	return o.Repetition.check()
}

// Quality is what stage quality measures of a text.
type Quality struct {
	Characters int64
	Words      int64
	MeanWord   float64 // characters of a word
	Hashes     float64 // "#" for each word
	Ellipses   float64 // "…" and "..." for each word
	Bullets    float64 // share of lines that begin with a bullet
	Trailing   float64 // share of lines that end in an ellipsis
	Alphabetic float64 // share of words with a letter
	StopWords  int64   // different ones of the list
	Unspaced   bool    // most words are characters of a script without blanks: lengths and stop words say nothing
	Repetition Repetition
}

// quality drops texts by lengths, symbols and repetition. What is measured is Gopher's; words are what stands between blanks, and
// single characters of scripts that are written without. Measures that make sense of words between blanks alone (mean length, share
// of alphabetic words, stop words) are left out where most words are such characters.
type quality struct {
	opt    QualityOptions
	stop   map[uint64]int // hashes of stop words
	filter filter
	meter  []meter // one for each worker
}

func newQuality(opt QualityOptions) *quality {
	q := &quality{opt: opt, stop: map[uint64]int{}, filter: newFilter(len(opt.StopWords)), meter: make([]meter, parallel())}
	for i, text := range opt.StopWords {
		scan := words{text: text}
		var w word
		if scan.next(&w) && w.hash != 0 {
			q.stop[w.hash] = i
			q.filter.add(w.hash)
		}
	}
	return q
}

func (q *quality) judge(worker int, doc *data.Document) verdict {
	drop := q.look(&q.meter[worker], doc.Text)
	if drop != nil {
		return verdict{drop: drop}
	}
	return verdict{keep: []data.Document{*doc}}
}

// threshold is one test of a text.
type threshold struct {
	reason string
	value  float64
	limit  float64
	below  bool // the value must not be below the limit; otherwise not above it
}

func (t *threshold) fails() bool {
	switch {
	case t.limit == 0:
		return false
	case t.below:
		return t.value < t.limit
	}
	return t.value > t.limit
}

// firstOf gives the first test that fails.
func firstOf(tests []threshold) *Drop {
	for i := range tests {
		if t := &tests[i]; t.fails() {
			return &Drop{Reason: t.reason, Value: t.value, Threshold: t.limit}
		}
	}
	return nil
}

// look measures a text, what is cheap first, and gives the first reason to drop it.
func (q *quality) look(m *meter, text string) *Drop {
	var out Quality
	q.words(m, text, &out)
	o := &q.opt
	tests := []threshold{
		{"too few characters", float64(out.Characters), float64(o.MinCharacters), true},
		{"too many characters", float64(out.Characters), float64(o.MaxCharacters), false},
		{"too few words", float64(out.Words), float64(o.MinWords), true},
		{"too many words", float64(out.Words), float64(o.MaxWords), false},
		{"too many #", out.Hashes, o.MaxSymbols, false},
		{"too many ellipses", out.Ellipses, o.MaxSymbols, false},
	}
	if !out.Unspaced {
		tests = append(tests, threshold{"words too short", out.MeanWord, o.MinMeanWord, true},
			threshold{"words too long", out.MeanWord, o.MaxMeanWord, false},
			threshold{"too few alphabetic words", out.Alphabetic, o.MinAlphabetic, true},
			threshold{"too few stop words", float64(out.StopWords), float64(o.MinStopWords), true})
	}
	if drop := firstOf(tests); drop != nil {
		return drop
	}
	m.lines(text, &out)
	if drop := firstOf([]threshold{
		{"too many bullets", out.Bullets, o.MaxBullets, false},
		{"too many lines end in an ellipsis", out.Trailing, o.MaxEllipses, false},
	}); drop != nil {
		return drop
	}
	if drop := firstOf(o.Repetition.lines(&out.Repetition)); drop != nil {
		return drop
	}
	return m.repetition(&o.Repetition, &out.Repetition)
}

// meter measures one text after the other and keeps its memory.
type meter struct {
	hashes          []uint64 // of words, up to maxMeasured
	ends            []uint32 // the characters of all words before word i
	stops           []bool
	scan            words
	lineSet, parSet table
	grams           table
}

// maxMeasured bounds the words, lines and paragraphs whose repetition is measured, and with it the memory of a meter; max_words is far below.
const maxMeasured = 1 << 20

// words counts words and characters.
func (q *quality) words(m *meter, text string, out *Quality) {
	m.hashes, m.ends = m.hashes[:0], append(m.ends[:0], 0)
	m.stops = append(m.stops[:0], make([]bool, len(q.opt.StopWords))...)
	s := &m.scan
	s.text, s.pos = text, 0
	var w word
	var chars, unspaced, alphabetic int64
	for s.next(&w) {
		out.Words++
		chars += int64(w.chars)
		if w.unspaced {
			unspaced++
		}
		if w.letter {
			alphabetic++
		}
		if len(m.hashes) < maxMeasured {
			m.hashes = append(m.hashes, w.identity())
			m.ends = append(m.ends, uint32(chars))
		}
		if w.hash == 0 || !q.filter.has(w.hash) {
			continue
		}
		if i, ok := q.stop[w.hash]; ok && !m.stops[i] {
			m.stops[i] = true
			out.StopWords++
		}
	}
	out.Characters = int64(utf8.RuneCountInString(text))
	if out.Words == 0 {
		return
	}
	n := float64(out.Words)
	out.MeanWord, out.Alphabetic, out.Unspaced = float64(chars)/n, float64(alphabetic)/n, 2*unspaced > out.Words
	out.Hashes = float64(strings.Count(text, "#")) / n
	out.Ellipses = float64(strings.Count(text, "…")+strings.Count(text, "...")) / n
}

// bullets are what lists begin their lines with.
const bullets = "-*•‣▪●◦⁃■□–"

// lines looks at the lines of a text that are not blank, and at its paragraphs.
func (m *meter) lines(text string, out *Quality) {
	m.lineSet.reset(min(strings.Count(text, "\n")+1, maxMeasured))
	var total, bullet, trailing, twice int64
	var chars, twiceChars int64
	for l := range strings.SplitSeq(text, "\n") {
		l = strings.TrimFunc(l, unicode.IsSpace)
		if l == "" {
			continue
		}
		total++
		r, size := utf8.DecodeRuneInString(l)
		if strings.ContainsRune(bullets, r) && (len(l) == size || l[size] == ' ' || l[size] == '\t' || r > '-') {
			bullet++
		}
		if strings.HasSuffix(l, "…") || strings.HasSuffix(l, "...") {
			trailing++
		}
		n := int64(utf8.RuneCountInString(l))
		chars += n
		if total <= maxMeasured && m.lineSet.add(hashOf(l)) > 1 {
			twice++
			twiceChars += n
		}
	}
	if total == 0 {
		return
	}
	out.Bullets, out.Trailing = float64(bullet)/float64(total), float64(trailing)/float64(total)
	rep := &out.Repetition
	rep.Lines, rep.LineCharacters = float64(twice)/float64(total), float64(twiceChars)/float64(chars)
	m.paragraphs(text, rep)
}

func (m *meter) paragraphs(text string, rep *Repetition) {
	m.parSet.reset(min(strings.Count(text, "\n\n")+1, maxMeasured))
	var total, twice, chars, twiceChars int64
	for p := range strings.SplitSeq(text, "\n\n") {
		p = strings.TrimFunc(p, unicode.IsSpace)
		if p == "" {
			continue
		}
		total++
		n := int64(utf8.RuneCountInString(p))
		chars += n
		if total <= maxMeasured && m.parSet.add(hashOf(p)) > 1 {
			twice++
			twiceChars += n
		}
	}
	rep.Paragraphs, rep.ParagraphCharacters = float64(twice)/float64(total), float64(twiceChars)/float64(chars)
}
