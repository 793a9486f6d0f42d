package job

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// The files of the report.
const (
	ReportJSON = "report.json"
	ReportHTML = "report.html"
)

// Report is what there is to know about an augmented corpus.
type Report struct {
	Settings  Settings `json:"settings"`
	Documents int64    `json:"documents"`
	Stats     Stats    `json:"stats"`
}

// WriteReport writes the report of a job as JSON and as a page.
func WriteReport(fsys durable.FS, dir string, r *Report) error {
	if err := writeJSON(fsys, filepath.Join(dir, ReportJSON), r); err != nil {
		return err
	}
	return durable.WriteFile(fsys, filepath.Join(dir, ReportHTML), r.WriteHTML)
}

//go:embed report.html
var pageText string

var page = template.Must(template.New(ReportHTML).Funcs(template.FuncMap{
	"pairs": func(p data.Pair) scored { return scored{p} },
	"next":  func(i int) int { return i + 1 },
}).Parse(pageText))

// WriteHTML writes the report as one page without outer references.
func (r *Report) WriteHTML(w io.Writer) error {
	var b bytes.Buffer
	if err := page.Execute(&b, view{r}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := b.WriteTo(w)
	return err
}

// view is the report as the page shows it.
type view struct{ *Report }

// tile is one number on top of the page.
type tile struct{ Value, Name, Note string }

// bar is one bar of a chart; Width in percent of the widest.
type bar struct {
	Name  string
	N     int64
	Share string
	Width float64
}

// chart is bars with a title.
type chart struct {
	Title, Note string
	Bars        []bar
}

// Tiles are the numbers on top.
func (v view) Tiles() []tile {
	s := &v.Stats
	return []tile{
		{group(int64(s.Texts)), "texts", fmt.Sprintf("%s with pairs, from %s documents", percent(s.WithPairs, s.Texts), group(v.Documents))},
		{group(int64(s.Pairs)), "pairs", fmt.Sprintf("%.2f a text", s.PairsPerText.Mean())},
		{percent(s.Pairs, s.Pieces), "of the pieces parsed", fmt.Sprintf("%s of %s", group(int64(s.Pairs)), group(int64(s.Pieces)))},
		{group(s.TokensOut), "tokens written", fmt.Sprintf("%.1f a pair", s.TokensPerPair())},
		{group(s.TokensIn), "prompt tokens", fmt.Sprintf("%.1f%% found in the cache", 100*s.CachedShare())},
		{group(int64(s.Chains)), "chains", fmt.Sprintf("%.2f texts each", ratio(s.Texts, s.Chains))},
	}
}

// Lengths are the distributions of lengths.
func (v view) Lengths() []chart {
	s := &v.Stats
	return []chart{
		histogram("Tokens of a text", &s.TextTokens), histogram("Tokens written for a text", &s.NewTokens),
		histogram("Pairs of a text", &s.PairsPerText), histogram("Words of an instruction", &s.Instruction),
		histogram("Words of a response", &s.Response),
	}
}

// Scores are the distributions of what verification recorded.
func (v view) Scores() []chart {
	names := map[string]string{"logprob": "Mean log-probability of the response", "gain": "Its gain from the text",
		"agreement": "Agreement of a second answer", "options_valid": "Response is one of the options (1) or not (0)",
		"repetition": "Repetition in the response", "tokens": "Tokens of the response"}
	var out []chart
	for _, key := range []string{"logprob", "gain", "agreement", "options_valid", "repetition", "tokens"} {
		if h, ok := v.Stats.Scores[key]; ok {
			out = append(out, histogram(names[key], &h))
		}
	}
	return out
}

// Kinds are the kinds of tasks.
func (v view) Kinds() []chart {
	return []chart{
		counted("Format", "of the pairs", v.Stats.Formats, 8),
		counted("First word of the instruction", "of the pairs", v.Stats.Openings, 14),
	}
}

// Drops are the pieces that became no pair.
func (v view) Drops() chart {
	drops := map[string]int{}
	for reason, n := range v.Stats.Dropped {
		drops[string(reason)] = n
	}
	return counted("", "", drops, 16)
}

// maxBars keeps a histogram readable.
const maxBars = 16

func histogram(title string, h *Histogram) chart {
	c := chart{Title: title}
	if h.N > 0 {
		c.Note = fmt.Sprintf("mean %s, %s to %s", short(h.Mean()), short(h.Min), short(h.Max))
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
		name := short(s.from)
		if h.Step == 0 && s.to-s.from > 1 {
			name += "–" + short(s.to-1)
		} else if h.Step > 0 && h.Step < 1 {
			name += " to " + short(s.to)
		}
		c.Bars = append(c.Bars, bar{Name: name, N: s.n})
	}
	return c.scaled(h.N)
}

func counted(title, note string, counts map[string]int, most int) chart {
	c := chart{Title: title, Note: note}
	total, rest := int64(0), int64(0)
	for name, n := range counts {
		total += int64(n)
		c.Bars = append(c.Bars, bar{Name: name, N: int64(n)})
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
		c.Bars = append(slices.Clone(c.Bars[:most-1]), bar{Name: "all others", N: rest})
	}
	return c.scaled(total)
}

// scaled fills in shares and widths.
func (c chart) scaled(total int64) chart {
	top := int64(0)
	for _, b := range c.Bars {
		top = max(top, b.N)
	}
	for i := range c.Bars {
		b := &c.Bars[i]
		b.Share = percent(int(b.N), int(total))
		if top > 0 {
			b.Width = 100 * float64(b.N) / float64(top)
		}
	}
	return c
}

// scored is a pair with its scores in order.
type scored struct{ data.Pair }

// List gives the scores as text.
func (s scored) List() string {
	var out []string
	for name, v := range s.Scores {
		out = append(out, strings.ReplaceAll(name, "_", " ")+" "+short(v))
	}
	sort.Strings(out)
	return strings.Join(out, " · ")
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func percent(a, b int) string { return strconv.FormatFloat(100*ratio(a, b), 'f', 1, 64) + "%" }

func short(x float64) string {
	s := strconv.FormatFloat(x, 'f', 2, 64)
	return strings.Replace(strings.TrimSuffix(strings.TrimRight(s, "0"), "."), "-", "−", 1)
}

// group writes a number with thin spaces between thousands.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
