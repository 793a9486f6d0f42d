package records

import (
	"iter"

	"github.com/primer-lm/primer/data"
)

// Tables lets package data's readers take Parquet, CSV and TSV files: data.Options.Tables.
func Tables() *data.Tables {
	return &data.Tables{
		Names: ".parquet .csv .tsv",
		Knows: func(path string) bool {
			switch LayoutOf(path) {
			case Parquet, CSV, TSV:
				return true
			}
			return false
		},
		Read: func(f *data.File, opt data.TableOptions) iter.Seq2[data.Row, error] {
			return func(yield func(data.Row, error) bool) {
				for r, err := range ReadFile(f, Options{Choose: opt.Choose}, opt.Report) {
					if !yield(data.Row{N: r.N, JSON: r.JSON}, err) {
						return
					}
				}
			}
		},
	}
}
