package datasets

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// wikiWhy: why questions with cause, effect and an explanation of several sentences, which
// is the thought. The files hold columns, joined by the key of the row.
var wikiWhy = Dataset{
	Name: "wikiwhy", Title: "WikiWhy", HF: "GitHub matt-seb-ho/WikiWhy", Native: "column-oriented JSON", Pairs: "FF+CoT", Licence: "MIT", Role: HeldOut,
	files: layout{Train: {"v1.2/context.json", "context.json"}, Dev: {"v1.2/context.json", "context.json"}, Test: {"v1.2/context.json", "context.json"}},
	convert: func(c *conversion) error {
		for _, file := range c.files {
			if err := whyFile(c, file); err != nil {
				return err
			}
		}
		return nil
	},
}

func whyFile(c *conversion, file string) error {
	columns := map[string]map[string]text{}
	var keys ordered[text]
	for _, name := range []string{"context", "question", "cause", "explanation"} {
		at := file
		if name != "context" {
			if at = beside(file, name+".json"); at == "" {
				return fmt.Errorf("%w: %s.json is needed beside %s", data.ErrNoFile, name, file)
			}
		}
		if err := whyColumns(c, at, columns, &keys); err != nil {
			return err
		}
	}
	g := c.groups()
	for i, e := range keys {
		c.at(file, int64(i+1))
		c.report.Records++
		split := columns["split"][e.Key]
		switch {
		case split != "" && split != text(c.opt.Split) && !(split == "valid" && c.opt.Split == Dev):
			c.skip(OtherPart)
			continue
		case strings.TrimSpace(string(e.Value)) == "":
			c.skip(NoText)
			continue
		}
		c.add(g.text(string(e.Value)), qa{question: string(columns["question"][e.Key]), answer: whyCause(string(columns["cause"][e.Key])),
			thought: string(columns["explanation"][e.Key])})
	}
	return g.give()
}

// whyColumns reads one file of columns; those of ctx give the order of rows.
func whyColumns(c *conversion, file string, columns map[string]map[string]text, keys *ordered[text]) error {
	for rec, err := range records.Read(file, records.Options{}, &c.read) {
		if err != nil {
			return err
		}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(rec.JSON, &raw); err != nil {
			return &data.LineError{File: file, Line: rec.N, Err: fmt.Errorf("%w: %v", data.ErrBroken, err)}
		}
		for name, column := range raw {
			rows := map[string]text{}
			err := json.Unmarshal(column, &rows)
			if err == nil && name == "ctx" {
				err = json.Unmarshal(column, keys)
			}
			if err != nil {
				return &data.LineError{File: file, Line: rec.N, Err: fmt.Errorf("%w: column %q: %v", data.ErrBroken, name, err)}
			}
			columns[name] = rows
		}
	}
	return nil
}

// whyCause takes a leading "Because" off (ours).
func whyCause(s string) string {
	s = strings.TrimSpace(s)
	if first, rest, ok := strings.Cut(s, " "); ok && strings.EqualFold(strings.TrimSuffix(first, ","), "because") {
		return rest
	}
	return s
}
