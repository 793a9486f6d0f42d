package records

import (
	"slices"

	"github.com/parquet-go/parquet-go"
)

// selection is the columns of a Parquet file that are read, in the file's order.
type selection struct {
	schema *parquet.Schema
	fields []parquet.Field // of the top
	leaves map[int]int     // number of a leaf column in the file → in the selection
	chunks []int           // the same, backwards
}

// choose asks which columns are wanted. The others are not even looked at: their types may be ones that are not read.
func (r *reader) choose(file *parquet.File) (*selection, error) {
	fields := file.Schema().Fields()
	if r.opt.Choose != nil {
		names := make([]string, len(fields))
		for i, f := range fields {
			names[i] = f.Name()
		}
		var err error
		if r.keep, err = r.opt.Choose(names); err != nil {
			return nil, err
		}
	}
	s := &selection{schema: file.Schema(), leaves: map[int]int{}}
	column := 0
	for _, f := range fields {
		n := leaves(f)
		if r.keep == nil || slices.Contains(r.keep, f.Name()) {
			if err := checkNode(f.Name(), f); err != nil {
				return nil, err
			}
			s.fields = append(s.fields, f)
			for i := range n {
				s.leaves[column+i] = len(s.chunks)
				s.chunks = append(s.chunks, column+i)
			}
		}
		column += n
	}
	return s, nil
}

// rows reads the rows of a group with the selected columns only.
func (s *selection) rows(group parquet.RowGroup) parquet.Rows {
	all := group.ColumnChunks()
	some := make([]parquet.ColumnChunk, len(s.chunks))
	for i, c := range s.chunks {
		some[i] = all[c]
	}
	return parquet.NewRowGroupRowReader(&part{group, some})
}

// part is a row group of which some columns are seen.
type part struct {
	parquet.RowGroup
	some []parquet.ColumnChunk
}

func (p *part) ColumnChunks() []parquet.ColumnChunk { return p.some }
