// Package page is what the pages of all reports share: histograms that add up, bar charts, number formats and the style. A page
// is one file with nothing from elsewhere, readable in light and dark, and every text in it is escaped by html/template.
package page

import (
	_ "embed"
	"html/template"
)

//go:embed page.html
var common string

// Parse makes the template of a page. It may use the templates "style" (for the head), "tiles" (of []Tile) and "chart" (of a
// Chart). It panics on a template that does not parse, which is embedded.
func Parse(name, text string, funcs template.FuncMap) *template.Template {
	return template.Must(template.Must(template.New(name).Funcs(funcs).Parse(common)).Parse(text))
}
