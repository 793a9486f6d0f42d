package job

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/report/page"
	"github.com/primer-lm/primer/synth"
)

// Histogram and Bin are those of every report.
type (
	Histogram = page.Histogram
	Bin       = page.Bin
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

const maxSamples = 12

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
			s.Openings[page.Opening(p.Instruction)]++
			for name, v := range p.Scores {
				h := s.Scores[name]
				h.Step = page.ScoreStep(name)
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
