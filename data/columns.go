package data

import (
	"fmt"
	"slices"
	"strings"
)

// Columns says in which columns, or fields, of foreign records the fields of a document stand: of JSON lines, CSV and Parquet
// alike. A name with dots that is no column itself is a path into nested objects: meta.url. What is empty stands under its own
// name; without a text there, records of known schemas are recognised, see schemas.
//
// A column that is taken for a field does not stay in Extra under its old name, one inside another does. A column that has the
// name of a field that is taken from elsewhere is kept in Extra with an underscore before its name; only "text" beside another
// text is an error.
type Columns struct {
	Text, ID, Title, Source, Domain string
	// Drop leaves out all other fields; tables then need not be read for them.
	Drop bool
}

// ParseColumns reads FIELD=COLUMN,…: text=content,id=doc_id,title=meta.title.
func ParseColumns(list []string) (Columns, error) {
	var c Columns
	for _, item := range list {
		field, column, ok := strings.Cut(item, "=")
		to := c.field(field)
		switch {
		case !ok || column == "":
			return c, fmt.Errorf("column %q: FIELD=COLUMN is wanted, such as text=content", item)
		case to == nil:
			return c, fmt.Errorf("column %q: the fields are text, id, title, source and domain", item)
		case *to != "":
			return c, fmt.Errorf("column %q: %s is given twice", item, field)
		}
		*to = column
	}
	return c, nil
}

var fieldNames = []string{"text", "id", "title", "source", "domain"}

func (c *Columns) field(name string) *string {
	switch name {
	case "text":
		return &c.Text
	case "id":
		return &c.ID
	case "title":
		return &c.Title
	case "source":
		return &c.Source
	case "domain":
		return &c.Domain
	}
	return nil
}

// schema is a way in which a family of public corpora names its columns.
type schema struct {
	columns Columns
	with    string // a column that must be there too
	ids     []string
}

// schemas of records without a column "text": RedPajama-V2 and CC-Net; RefinedWeb, OSCAR and The Stack; tables of abstracts with
// PubMed's number; PubMed's own records as they are on Hugging Face. FineWeb, C4, Dolma and The Pile have "text".
var schemas = []schema{
	{columns: Columns{Text: "raw_content"}, ids: []string{"id", "doc_id"}},
	{columns: Columns{Text: "content"}, ids: []string{"id", "hexsha", "blob_id"}},
	{columns: Columns{Text: "abstract"}, with: "pmid", ids: []string{"id", "pmid"}},
	{columns: Columns{Text: "abstract"}, with: "PMID", ids: []string{"id", "PMID"}},
	{columns: Columns{Text: "MedlineCitation.Article.Abstract.AbstractText", Title: "MedlineCitation.Article.ArticleTitle"},
		with: "MedlineCitation", ids: []string{"MedlineCitation.PMID"}},
}

// recognise finds the one schema that the columns have, or none.
func recognise(has func(string) bool) (Columns, bool) {
	var found Columns
	n := 0
	for _, s := range schemas {
		top, _, _ := strings.Cut(s.columns.Text, ".")
		if !has(top) || s.with != "" && !has(s.with) {
			continue
		}
		if n++; n == 1 {
			found = s.columns
			for _, id := range s.ids {
				if top, _, _ := strings.Cut(id, "."); has(top) {
					found.ID = id
					break
				}
			}
		}
	}
	return found, n == 1
}

// resolve completes what was asked for by what is known of the columns' names.
func (c *Columns) resolve(has func(string) bool) Columns {
	out := *c
	if c.Text != "" || has("text") || has("pairs") || has("examples") {
		return out
	}
	known, ok := recognise(has)
	if !ok {
		return out
	}
	for _, name := range fieldNames {
		if to := out.field(name); *to == "" {
			*to = *known.field(name)
		}
	}
	return out
}

// unknownText says that there is no text, and what there is.
func (c *Columns) unknownText(names []string) string {
	const most = 30
	more := ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", len(names)-most)
	}
	return fmt.Sprintf("field %q is missing or empty; there are %s%s: name the one that holds the text (--columns text=NAME)",
		textName(c.Text), strings.Join(names, ", "), more)
}

// choose gives the columns of a table that are needed, nil for all; a table without a text is ErrFormat.
func (c *Columns) choose(names []string) ([]string, error) {
	has := func(name string) bool { return slices.Contains(names, name) }
	r := c.resolve(has)
	var keep []string
	for _, field := range fieldNames {
		column := *r.field(field)
		if column == "" {
			column = field
		}
		top := column
		if !has(top) {
			top, _, _ = strings.Cut(column, ".")
		}
		switch {
		case has(top):
			keep = append(keep, top)
		case field == "text":
			return nil, fmt.Errorf("%w: %s", ErrFormat, r.unknownText(names))
		case *c.field(field) != "":
			return nil, fmt.Errorf("%w: there is no column %q for the %s; there are %s", ErrFormat, column, field, strings.Join(names, ", "))
		}
	}
	if !c.Drop {
		return nil, nil
	}
	return keep, nil
}

// apply gives members under the names of a document's fields.
func (c *Columns) apply(members []member) ([]member, error) {
	r := c.resolve(func(name string) bool { return valueOf(members, name) != nil })
	var out []member
	taken := map[string]bool{} // columns, by name
	for _, field := range fieldNames {
		column := *r.field(field)
		if column == "" || column == field {
			continue
		}
		raw, top, err := find(members, column)
		if err != nil {
			return nil, err
		}
		if raw == nil {
			continue
		}
		taken[field] = true
		if top {
			taken[column] = true
		}
		out = append(out, member{field, raw})
	}
	if len(out) == 0 && !c.Drop {
		return members, nil
	}
	for _, m := range members {
		field := c.field(m.key) != nil
		switch {
		case taken[m.key] && isNull(m.raw):
		case taken[m.key] && field && !mapsTo(&r, m.key):
			if m.key == "text" {
				return nil, broken("field %q beside %q, which was chosen as the text", "text", r.Text)
			}
			if !c.Drop {
				out = append(out, member{"_" + m.key, m.raw})
			}
		case taken[m.key], c.Drop && !field:
		default:
			out = append(out, m)
		}
	}
	return out, checkTwice(out)
}

// mapsTo tells whether a field's name is itself the column of another field.
func mapsTo(c *Columns, name string) bool {
	for _, field := range fieldNames {
		if field != name && *c.field(field) == name {
			return true
		}
	}
	return false
}

// valueOf is a member's value, nil where it is null or not there.
func valueOf(members []member, name string) []byte {
	for _, m := range members {
		if m.key == name && !isNull(m.raw) {
			return m.raw
		}
	}
	return nil
}

// find follows a column's name, then its path; top says that it is a member itself. Nothing there is nil.
func find(members []member, column string) (raw []byte, top bool, err error) {
	if raw = valueOf(members, column); raw != nil {
		return raw, true, nil
	}
	for name, rest := "", column; rest != ""; {
		if name, rest, _ = strings.Cut(rest, "."); rest == "" {
			return valueOf(members, name), false, nil
		}
		if raw = valueOf(members, name); raw == nil || kindOf(raw) != "an object" {
			return nil, false, nil
		}
		if members, err = splitObject(raw); err != nil {
			return nil, false, err
		}
	}
	return nil, false, nil
}
