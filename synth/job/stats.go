package job

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/synth"
)

// Stats is what the report of a job is made of. Stats of parts add up to those of the whole, whatever the parts, but for the
// tokens found in the cache.
type Stats struct {
	synth.Report
	TextTokens   Histogram            `json:"tokens_per_text"`     // of each text's own context
	NewTokens    Histogram            `json:"new_tokens_per_text"` // generated for each text
	PairsPerText Histogram            `json:"pairs_per_text"`      //
	Instruction  Histogram            `json:"instruction_words"`   // of each pair
	Response     Histogram            `json:"response_words"`      //
	Scores       map[string]Histogram `json:"scores,omitempty"`
	Openings     map[string]int       `json:"openings,omitempty"` // pairs by the word that the instruction begins with
	Samples      []Sample             `json:"samples,omitempty"`
}

// Sample is one text with its pairs, drawn at random.
type Sample struct {
	Key   uint64      `json:"key"` // the smallest keys are kept: a draw that does not depend on order or parts
	ID    string      `json:"id"`
	Text  string      `json:"text"`
	Pairs []data.Pair `json:"pairs"`
}

const (
	maxSamples = 12
	maxOpening = 14 // letters of a word that is counted by itself
)

// Add counts one chain.
func (s *Stats) Add(a synth.Augmented) {
	s.Report.Add(a)
	if s.Scores == nil {
		s.Scores, s.Openings = map[string]Histogram{}, map[string]int{}
	}
	for i := range a.Texts {
		t := &a.Texts[i]
		s.TextTokens.Add(float64(t.Own))
		s.NewTokens.Add(float64(t.New))
		s.PairsPerText.Add(float64(len(t.Parsed.Pairs)))
		for _, p := range t.Parsed.Pairs {
			s.Instruction.Add(float64(len(strings.Fields(p.Instruction))))
			s.Response.Add(float64(len(strings.Fields(p.Response))))
			s.Openings[opening(p.Instruction)]++
			for name, v := range p.Scores {
				h := s.Scores[name]
				h.Step = scoreStep(name)
				h.Add(v)
				s.Scores[name] = h
			}
		}
		if len(t.Parsed.Pairs) > 0 {
			s.sample(Sample{keyOf(&t.Document), t.Document.ID, t.Document.Text, t.Parsed.Pairs})
		}
	}
}

// Merge adds the stats of another part.
func (s *Stats) Merge(o *Stats) {
	s.Report.Merge(&o.Report)
	s.TextTokens.Merge(o.TextTokens)
	s.NewTokens.Merge(o.NewTokens)
	s.PairsPerText.Merge(o.PairsPerText)
	s.Instruction.Merge(o.Instruction)
	s.Response.Merge(o.Response)
	if s.Scores == nil {
		s.Scores, s.Openings = map[string]Histogram{}, map[string]int{}
	}
	for name, other := range o.Scores {
		h := s.Scores[name]
		h.Merge(other)
		s.Scores[name] = h
	}
	for word, n := range o.Openings {
		s.Openings[word] += n
	}
	for _, sample := range o.Samples {
		s.sample(sample)
	}
}

func keyOf(d *data.Document) uint64 {
	sum := sha256.Sum256([]byte(d.ID + "\x00" + d.Text))
	return binary.LittleEndian.Uint64(sum[:]) >> 11 // exact as a JSON number
}

// sample keeps the samples with the smallest keys, in their order.
func (s *Stats) sample(x Sample) {
	at, _ := slices.BinarySearchFunc(s.Samples, x, func(a, b Sample) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), strings.Compare(a.ID, b.ID))
	})
	if at < maxSamples {
		s.Samples = slices.Insert(s.Samples, at, x)
		s.Samples = s.Samples[:min(len(s.Samples), maxSamples)]
	}
}

// opening is the word that says what kind of task an instruction is: what, why, summarize, …
func opening(instruction string) string {
	words := strings.FieldsFunc(strings.ToLower(instruction), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' })
	switch {
	case len(words) == 0 || utf8.RuneCountInString(words[0]) > maxOpening:
		return "other"
	case words[0] == "how" && len(words) > 1 && (words[1] == "many" || words[1] == "much"):
		return "how " + words[1]
	}
	return words[0]
}

// scoreStep is the width of a bin of a score; 0: lengths.
func scoreStep(name string) float64 {
	switch name {
	case synth.ScoreTokens:
		return 0
	case synth.ScoreLogProb, synth.ScoreGain:
		return 0.25
	case synth.ScoreOptionsValid:
		return 1
	}
	return 0.1
}

// Histogram counts values in bins: of width Step, or, at 0, two to an octave, as lengths are.
type Histogram struct {
	Step float64 `json:"step,omitzero"`
	N    int64   `json:"n"`
	Sum  float64 `json:"sum"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Bins []Bin   `json:"bins,omitempty"` // in order, none empty
}

// Bin counts the values from From up to the next bin's edge.
type Bin struct {
	From float64 `json:"from"`
	N    int64   `json:"n"`
}

// Add counts one value.
func (h *Histogram) Add(v float64) {
	h.merge(1, v, v, v)
	h.bin(Bin{h.edge(v), 1})
}

// Merge counts the values of another histogram of the same step.
func (h *Histogram) Merge(o Histogram) {
	if o.N == 0 {
		return
	}
	h.Step = o.Step
	h.merge(o.N, o.Sum, o.Min, o.Max)
	for _, b := range o.Bins {
		h.bin(b)
	}
}

func (h *Histogram) merge(n int64, sum, low, high float64) {
	if h.N == 0 {
		h.Min, h.Max = low, high
	}
	h.N, h.Sum, h.Min, h.Max = h.N+n, h.Sum+sum, min(h.Min, low), max(h.Max, high)
}

func (h *Histogram) bin(b Bin) {
	at, there := slices.BinarySearchFunc(h.Bins, b, func(a, b Bin) int { return cmp.Compare(a.From, b.From) })
	if there {
		h.Bins[at].N += b.N
		return
	}
	h.Bins = slices.Insert(slices.Clone(h.Bins), at, b)
}

// edge is where the bin of a value begins.
func (h *Histogram) edge(v float64) float64 {
	if h.Step > 0 {
		return math.Round(math.Floor(v/h.Step+1e-9)*h.Step*1e6) / 1e6
	}
	if v < 4 {
		return math.Floor(v)
	}
	octave := math.Exp2(math.Floor(math.Log2(v)))
	if v >= 1.5*octave {
		return 1.5 * octave
	}
	return octave
}

// Next is the edge of the bin behind the one that begins at from.
func (h *Histogram) Next(from float64) float64 {
	if h.Step > 0 {
		return math.Round((from+h.Step)*1e6) / 1e6
	}
	if from < 4 {
		return from + 1
	}
	octave := math.Exp2(math.Floor(math.Log2(from)))
	if from > octave {
		return 2 * octave
	}
	return 1.5 * octave
}

// Mean is the mean of the values; 0 for none.
func (h *Histogram) Mean() float64 {
	if h.N == 0 {
		return 0
	}
	return h.Sum / float64(h.N)
}
