package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// wikiTables: questions on tables of Wikipedia. The context is the table, a row a line; the
// files of tables lie beside the questions, in csv/.
var wikiTables = Dataset{
	Name: "wikitablequestions", Title: "WikiTableQuestions", HF: "stanfordnlp/wikitablequestions", Native: "TSV + CSV/TSV tables", Pairs: "FF", Licence: "CC BY-SA 4.0", Role: Tuning,
	files: layout{
		Train: {"training.tsv", "random-split-1-train.tsv", "random-split-1/train-*.parquet random-split-1/train/*.parquet"},
		Dev:   {"random-split-1-dev.tsv", "random-split-1/validation-*.parquet random-split-1/validation/*.parquet"},
		Test:  {"pristine-unseen-tables.tsv", "random-split-1/test-*.parquet random-split-1/test/*.parquet"},
	},
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, records.Options{}, func(row *wikiRow) error { return row.convert(c, g) })
		if err != nil {
			return err
		}
		return g.give()
	},
}

type wikiRow struct {
	Utterance text
	Context   text // the table's file
	Target    text `json:"targetValue"`
	// Hugging Face.
	Question text
	Answers  texts
	Table    *struct {
		Header texts
		Rows   []texts
		Name   text
	}
}

func (row *wikiRow) convert(c *conversion, g *groups) error {
	if t := row.Table; t != nil {
		p := g.at(string(t.Name), func() *passage {
			table := [][]string{t.Header.strings()}
			for _, r := range t.Rows {
				table = append(table, r.strings())
			}
			return &passage{text: wikiText(table)}
		})
		return row.add(c, p, string(row.Question), row.Answers.strings())
	}
	var bad error
	p := g.at(string(row.Context), func() *passage {
		table, err := wikiTable(c, string(row.Context))
		bad = err
		return &passage{text: wikiText(table)}
	})
	if bad != nil {
		return bad
	}
	return row.add(c, p, wikiUnescape(string(row.Utterance)), strings.Split(string(row.Target), "|"))
}

func (row *wikiRow) add(c *conversion, p *passage, question string, answers []string) error {
	if p.text == "" {
		p.told = true
		c.skip(NoTable)
		return nil
	}
	for i := range answers {
		answers[i] = wikiUnescape(answers[i])
	}
	c.add(p, qa{question: question, answer: strings.Join(answers, ", ")})
	return nil
}

// wikiText writes a table, cells cleaned.
func wikiText(table [][]string) string {
	lines := make([]string, len(table))
	for i, row := range table {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = strings.Join(strings.FieldsFunc(wikiUnescape(cell), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
		}
		lines[i] = strings.Join(cells, " | ")
	}
	return strings.Join(lines, "\n")
}

// wikiUnescape undoes \n, \p (a pipe) and \\.
func wikiUnescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\p`, "|").Replace(s)
}

// wikiTable reads a table's file, CSV or TSV, or gives nil where there is none.
func wikiTable(c *conversion, name string) ([][]string, error) {
	local := filepath.FromSlash(strings.TrimSpace(name))
	if !filepath.IsLocal(local) {
		return nil, nil
	}
	for _, dir := range []string{filepath.Join(filepath.Dir(c.file), ".."), filepath.Dir(c.file), c.root} {
		for _, ending := range []string{"", ".tsv"} {
			file := filepath.Join(dir, local)
			if ending != "" {
				file = strings.TrimSuffix(file, filepath.Ext(file)) + ending
			}
			if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
				continue
			}
			content, err := c.whole(file)
			if err != nil {
				return nil, err
			}
			if strings.HasSuffix(file, ".tsv") {
				var table [][]string
				for _, line := range strings.Split(strings.TrimRight(content, "\n"), "\n") {
					table = append(table, strings.Split(line, "\t"))
				}
				return table, nil
			}
			return wikiCSV(content)
		}
	}
	return nil, nil
}

// wikiCSV reads cells in quotes, with \" and \\ inside them: not what RFC 4180 says.
func wikiCSV(content string) (table [][]string, err error) {
	var row []string
	var cell strings.Builder
	quoted := false
	end := func() { row = append(row, cell.String()); cell.Reset() }
	for i := 0; i < len(content); i++ {
		switch b := content[i]; {
		case quoted && b == '\\' && i+1 < len(content) && content[i+1] == '"':
			i++
			cell.WriteByte('"')
		case b == '"':
			quoted = !quoted
		case !quoted && b == ',':
			end()
		case !quoted && b == '\n':
			end()
			table = append(table, row)
			row = nil
		default:
			cell.WriteByte(b)
		}
	}
	if quoted {
		return nil, fmt.Errorf("%w: a table whose last quote is missing", data.ErrBroken)
	}
	if cell.Len() > 0 || row != nil {
		end()
		table = append(table, row)
	}
	return table, nil
}
