package job

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"sort"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/report/page"
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

var pageTemplate = page.Parse(ReportHTML, pageText, template.FuncMap{
	"pairs": func(p data.Pair) scored { return scored{p} },
	"next":  func(i int) int { return i + 1 },
})

// WriteHTML writes the report as one page without outer references.
func (r *Report) WriteHTML(w io.Writer) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, view{r}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := b.WriteTo(w)
	return err
}

// view is the report as the page shows it.
type view struct{ *Report }

// Tiles are the numbers on top.
func (v view) Tiles() []page.Tile {
	s := &v.Stats
	return page.Tiles([][3]string{
		{page.Group(int64(s.Texts)), "texts", fmt.Sprintf("%s with pairs, from %s documents", page.Percent(int64(s.WithPairs), int64(s.Texts)), page.Group(v.Documents))},
		{page.Group(int64(s.Pairs)), "pairs", fmt.Sprintf("%.2f a text", s.PairsPerText.Mean())},
		{page.Percent(int64(s.Pairs), int64(s.Pieces)), "of the pieces parsed", fmt.Sprintf("%s of %s", page.Group(int64(s.Pairs)), page.Group(int64(s.Pieces)))},
		{page.Group(s.TokensOut), "tokens written", fmt.Sprintf("%.1f a pair", s.TokensPerPair())},
		{page.Group(s.TokensIn), "prompt tokens", fmt.Sprintf("%.1f%% found in the cache", 100*s.CachedShare())},
		{page.Group(int64(s.Chains)), "chains", fmt.Sprintf("%.2f texts each", page.Ratio(int64(s.Texts), int64(s.Chains)))},
	})
}

// Lengths are the distributions of lengths.
func (v view) Lengths() []page.Chart {
	s := &v.Stats
	return []page.Chart{
		page.Lengths("Tokens of a text", &s.TextTokens), page.Lengths("Tokens written for a text", &s.NewTokens),
		page.Lengths("Pairs of a text", &s.PairsPerText), page.Lengths("Words of an instruction", &s.Instruction),
		page.Lengths("Words of a response", &s.Response),
	}
}

// Scores are the distributions of what verification recorded.
func (v view) Scores() []page.Chart { return page.Scores(v.Stats.Scores) }

// Kinds are the kinds of tasks.
func (v view) Kinds() []page.Chart {
	return []page.Chart{
		page.Counted("Format", "of the pairs", v.Stats.Formats, 8),
		page.Counted("First word of the instruction", "of the pairs", v.Stats.Openings, 14),
	}
}

// Drops are the pieces that became no pair.
func (v view) Drops() page.Chart {
	drops := map[string]int{}
	for reason, n := range v.Stats.Dropped {
		drops[string(reason)] = n
	}
	return page.Counted("", "", drops, 16)
}

// scored is a pair with its scores in order.
type scored struct{ data.Pair }

// List gives the scores as text.
func (s scored) List() string {
	var out []string
	for name, v := range s.Scores {
		out = append(out, strings.ReplaceAll(name, "_", " ")+" "+page.Short(v))
	}
	sort.Strings(out)
	return strings.Join(out, " · ")
}
