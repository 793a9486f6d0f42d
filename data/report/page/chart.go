package page

import (
	"fmt"
	"slices"
	"sort"
)

// Tile is one number on top of a page.
type Tile struct{ Value, Name, Note string }

// Tiles makes tiles of value, name and note.
func Tiles(of [][3]string) []Tile {
	out := make([]Tile, len(of))
	for i, t := range of {
		out[i] = Tile{t[0], t[1], t[2]}
	}
	return out
}

// Bar is one bar of a chart; Width in percent of the widest.
type Bar struct {
	Name  string
	N     int64
	Share string
	Width float64
}

// Chart is bars with a title.
type Chart struct {
	Title, Note string
	Bars        []Bar
}

// maxBars keeps a histogram readable.
const maxBars = 16

// Lengths is the chart of a histogram: at most 16 bars, in order, empty ones between others shown.
func Lengths(title string, h *Histogram) Chart {
	c := Chart{Title: title}
	if h.N > 0 {
		c.Note = fmt.Sprintf("mean %s, %s to %s", Short(h.Mean()), Short(h.Min), Short(h.Max))
	}
	type span struct {
		from, to float64
		n        int64
	}
	var spans []span
	for _, b := range h.Bins {
		for len(spans) > 0 && spans[len(spans)-1].to < b.From-1e-9 && len(spans) < 4*maxBars { // an empty bin is a bar too
			last := spans[len(spans)-1].to
			spans = append(spans, span{last, h.Next(last), 0})
		}
		spans = append(spans, span{b.From, h.Next(b.From), b.N})
	}
	for len(spans) > maxBars {
		joined := spans[:0:0]
		for i := 0; i < len(spans); i += 2 {
			s := spans[i]
			if i+1 < len(spans) {
				s.to, s.n = spans[i+1].to, s.n+spans[i+1].n
			}
			joined = append(joined, s)
		}
		spans = joined
	}
	for _, s := range spans {
		name := Short(s.from)
		if h.Step == 0 && s.to-s.from > 1 {
			name += "–" + Short(s.to-1)
		} else if h.Step > 0 && h.Step < 1 {
			name += " to " + Short(s.to)
		}
		c.Bars = append(c.Bars, Bar{Name: name, N: s.n})
	}
	return c.scaled(h.N)
}

// Counted is the chart of counts by name: the most frequent first, what exceeds most together at the end.
func Counted[N int | int64](title, note string, counts map[string]N, most int) Chart {
	c := Chart{Title: title, Note: note}
	total, rest := int64(0), int64(0)
	for name, n := range counts {
		total += int64(n)
		c.Bars = append(c.Bars, Bar{Name: name, N: int64(n)})
	}
	sort.Slice(c.Bars, func(i, j int) bool {
		if c.Bars[i].N != c.Bars[j].N {
			return c.Bars[i].N > c.Bars[j].N
		}
		return c.Bars[i].Name < c.Bars[j].Name
	})
	if len(c.Bars) > most {
		for _, b := range c.Bars[most-1:] {
			rest += b.N
		}
		c.Bars = append(slices.Clone(c.Bars[:most-1]), Bar{Name: "all others", N: rest})
	}
	return c.scaled(total)
}

// scaled fills in shares and widths.
func (c Chart) scaled(total int64) Chart {
	top := int64(0)
	for _, b := range c.Bars {
		top = max(top, b.N)
	}
	for i := range c.Bars {
		b := &c.Bars[i]
		b.Share = Percent(b.N, total)
		if top > 0 {
			b.Width = 100 * float64(b.N) / float64(top)
		}
	}
	return c
}

// scoreNames are the scores that synthesis records, in the order in which they are shown.
var scoreNames = []struct{ key, title string }{
	{"logprob", "Mean log-probability of the response"}, {"gain", "Its gain from the text"},
	{"agreement", "Agreement of a second answer"}, {"options_valid", "Response is one of the options (1) or not (0)"},
	{"repetition", "Repetition in the response"}, {"tokens", "Tokens of the response"},
}

// Scores are the charts of the scores of pairs, of those that there are.
func Scores(scores map[string]Histogram) []Chart {
	var out []Chart
	for _, s := range scoreNames {
		if h, ok := scores[s.key]; ok {
			out = append(out, Lengths(s.title, &h))
		}
	}
	return out
}

// ScoreStep is the width of a bin of a score; 0: lengths.
func ScoreStep(name string) float64 {
	switch name {
	case "tokens":
		return 0
	case "logprob", "gain":
		return 0.25
	case "options_valid":
		return 1
	}
	return 0.1
}
