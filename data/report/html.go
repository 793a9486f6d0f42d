package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"sort"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/report/page"
)

//go:embed report.html
var pageText string

//go:embed report.js
var script string

var pageTemplate = page.Parse("report.html", pageText, template.FuncMap{"number": func(x float64) string {
	if x == float64(int64(x)) {
		return page.Group(int64(x))
	}
	return page.Short(x)
}})

// WriteHTML writes the report as one page. The page refers to nothing outside; its policy lets no script run but its own, and
// samples come in as data, never as markup.
func (r *Report) WriteHTML(w io.Writer) error {
	sum := sha256.Sum256([]byte(script))
	out := bufio.NewWriter(w)
	err := pageTemplate.Execute(out, view{r, template.JS(script), base64.StdEncoding.EncodeToString(sum[:])})
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return out.Flush()
}

// view is the report as the page shows it.
type view struct {
	*Report
	Script template.JS
	Hash   string // of the script, for the page's policy
}

// Tiles are the numbers on top.
func (v view) Tiles() []page.Tile {
	r := v.Report
	perText := fmt.Sprintf("%.2f a text", page.Ratio(r.Pairs, r.Texts))
	return page.Tiles([][3]string{
		{page.Group(r.Chains), "records", fmt.Sprintf("from %s files", page.Group(r.Files))},
		{page.Group(r.Texts), "texts", fmt.Sprintf("%s with pairs, %s empty", page.Percent(r.WithPairs, r.Texts), page.Group(r.Empty))},
		{page.Group(r.Pairs), "pairs", perText},
		{page.Group(int64(r.TextWords.Sum)), "words of text", fmt.Sprintf("%s a text", page.Short(r.TextWords.Mean()))},
		{page.Group(int64(r.Instruction.Sum + r.Response.Sum)), "words of pairs", "instructions and responses"},
		{percent(r.SameTexts.Share()), "of the texts are copies", "but for case and white space"},
		{page.Group(r.Broken), "lines skipped as broken", fmt.Sprintf("%s repaired", page.Group(r.Repaired))},
	})
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// Lengths are the distributions of lengths, of what there is.
func (v view) Lengths() (out []page.Chart) {
	r := v.Report
	for _, c := range []struct {
		title string
		h     *page.Histogram
	}{
		{"Words of a text", &r.TextWords}, {"Bytes of a text", &r.TextBytes}, {"Texts of a record", &r.ChainTexts}, {"Pairs of a text", &r.PairsPerText},
		{"Words of an instruction", &r.Instruction}, {"Words of a response", &r.Response}, {"Options of a multiple choice", &r.OptionsOfPair},
	} {
		if c.h.N > 0 {
			out = append(out, page.Lengths(c.title, c.h))
		}
	}
	return out
}

// Kinds are the kinds of tasks.
func (v view) Kinds() []page.Chart {
	if v.Pairs == 0 {
		return nil
	}
	return []page.Chart{page.Counted("Format", "of the pairs", v.Formats, 8), page.Counted("First word of the instruction", "of the pairs", v.Openings, 16)}
}

// Origins are sources and domains.
func (v view) Origins() []page.Chart {
	return []page.Chart{page.Counted("Sources", "texts by the source they name", v.Sources, 16), page.Counted("Domains", "texts by the domain they name", v.Domains, 16)}
}

// ScoreCharts are the distributions of recorded scores.
func (v view) ScoreCharts() []page.Chart { return page.Scores(v.Scores) }

// Copies say how much stands twice.
func (v view) Copies() (rows [][4]string) {
	for _, c := range []struct {
		name string
		t    Twice
	}{{"texts", v.SameTexts}, {"instructions", v.SameInstructions}} {
		how := "all compared"
		if c.t.OneIn > 1 {
			how = fmt.Sprintf("estimated from one in %s", page.Group(c.t.OneIn))
		}
		if c.t.All > 0 {
			rows = append(rows, [4]string{c.name, page.Group(c.t.All), page.Group(c.t.Distinct), how})
		}
	}
	return rows
}

// Samples are given to the page's script, as JSON.
func (v view) Samples() []Sample { return v.samples }

// SampleKinds are the kinds that the samples can be filtered by.
func (v view) SampleKinds() []string {
	seen := map[string]bool{}
	for i := range v.samples {
		for _, k := range v.samples[i].Kinds {
			seen[k] = true
		}
	}
	out := make([]string, 0, len(seen))
	for k := range seen {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// scoresOf writes the scores of a pair on one line.
func scoresOf(p *data.Pair) string {
	var out []string
	for name, v := range p.Scores {
		out = append(out, strings.ReplaceAll(short(name, maxName), "_", " ")+" "+page.Short(v))
	}
	sort.Strings(out)
	return strings.Join(out[:min(len(out), maxScores)], " · ")
}
