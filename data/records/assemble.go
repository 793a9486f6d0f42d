package records

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/primer-lm/primer/data"
)

// assembler turns the columns of a Parquet row back into a nested value, as the Dremel
// paper describes: a value's definition level says how deep it is there at all, its
// repetition level at which repeated field a new element starts.
type assembler struct {
	*selection
	columns [][]parquet.Value // one per leaf that is read
}

var errLevels = errors.New("levels that do not fit the schema")

func newAssembler(s *selection) *assembler {
	return &assembler{s, make([][]parquet.Value, len(s.leaves))}
}

// checkNode refuses what has no JSON form here.
func checkNode(name string, node parquet.Node) error {
	if node.Leaf() {
		if node.Type().Kind() == parquet.Int96 {
			return fmt.Errorf("%w: Parquet column %q is a 96-bit time", data.ErrFormat, name)
		}
		return nil
	}
	for _, f := range node.Fields() {
		if err := checkNode(name+"."+f.Name(), f); err != nil {
			return err
		}
	}
	return nil
}

func leaves(node parquet.Node) int {
	if node.Leaf() {
		return 1
	}
	n := 0
	for _, f := range node.Fields() {
		n += leaves(f)
	}
	return n
}

// row appends one row as a JSON object.
func (a *assembler) row(dst []byte, row parquet.Row) ([]byte, error) {
	for i := range a.columns {
		a.columns[i] = nil
	}
	ok := true
	for len(row) > 0 && ok {
		n := 1
		for n < len(row) && row[n].Column() == row[0].Column() {
			n++
		}
		var at int
		if at, ok = a.leaves[row[0].Column()]; ok {
			a.columns[at] = row[:n]
		}
		row = row[n:]
	}
	for _, c := range a.columns {
		ok = ok && len(c) > 0
	}
	if !ok {
		return nil, errLevels
	}
	return group(dst, a.fields, a.columns, 0, 0)
}

// value appends what node holds. Columns are those of its leaves; rep and def are the
// levels reached above it.
func value(dst []byte, node parquet.Node, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	there := columns[0][0].DefinitionLevel() > def
	switch {
	case node.Optional():
		if !there {
			return append(dst, "null"...), nil
		}
		def++
	case node.Repeated():
		if !there {
			return append(dst, "[]"...), nil
		}
		return repeated(dst, node, columns, rep+1, def+1)
	}
	return single(dst, node, columns, rep, def)
}

// single appends one value of node, whatever its repetition.
func single(dst []byte, node parquet.Node, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	switch {
	case node.Leaf():
		if len(columns[0]) != 1 {
			return nil, errLevels
		}
		return leaf(dst, columns[0][0])
	case isList(node):
		return list(dst, node.Fields()[0], columns, rep, def)
	}
	return group(dst, node.Fields(), columns, rep, def)
}

// isList: an outer group annotated LIST, with one repeated group of one field in it.
func isList(node parquet.Node) bool {
	logical := node.Type().LogicalType()
	if logical == nil || len(node.Fields()) != 1 {
		return false
	}
	if _, ok := logical.Value.(*format.ListType); !ok {
		return false
	}
	inner := node.Fields()[0]
	return inner.Repeated() && !inner.Leaf() && len(inner.Fields()) == 1
}

// list appends the elements of a LIST without the two names around them.
func list(dst []byte, inner parquet.Node, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	if columns[0][0].DefinitionLevel() <= def {
		return append(dst, "[]"...), nil
	}
	return elements(dst, columns, rep+1, func(dst []byte, part [][]parquet.Value) ([]byte, error) {
		return value(dst, inner.Fields()[0], part, rep+1, def+1)
	})
}

func repeated(dst []byte, node parquet.Node, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	return elements(dst, columns, rep, func(dst []byte, part [][]parquet.Value) ([]byte, error) {
		return single(dst, node, part, rep, def)
	})
}

// elements cuts the columns where an element starts and appends each through add.
func elements(dst []byte, columns [][]parquet.Value, rep int, add func([]byte, [][]parquet.Value) ([]byte, error)) ([]byte, error) {
	at := make([]int, len(columns))
	part := make([][]parquet.Value, len(columns))
	dst = append(dst, '[')
	for first := true; at[0] < len(columns[0]); first = false {
		for i, c := range columns {
			end := at[i] + 1
			for end < len(c) && c[end].RepetitionLevel() > rep {
				end++
			}
			if at[i] >= len(c) {
				return nil, errLevels
			}
			part[i], at[i] = c[at[i]:end], end
		}
		if !first {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = add(dst, part); err != nil {
			return nil, err
		}
	}
	for i, c := range columns {
		if at[i] != len(c) {
			return nil, errLevels
		}
	}
	return append(dst, ']'), nil
}

func group(dst []byte, fields []parquet.Field, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		name, err := json.Marshal(f.Name())
		if err != nil {
			return nil, err
		}
		n := leaves(f)
		if dst, err = value(append(append(dst, name...), ':'), f, columns[:n], rep, def); err != nil {
			return nil, err
		}
		columns = columns[n:]
	}
	return append(dst, '}'), nil
}

func leaf(dst []byte, v parquet.Value) ([]byte, error) {
	if len(dst) > MaxRecord { // a dictionary's long string many times
		return nil, fmt.Errorf("%w: a row of more than %d MiB", data.ErrLimit, MaxRecord>>20)
	}
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, v.Boolean()), nil
	case parquet.Int32:
		return strconv.AppendInt(dst, int64(v.Int32()), 10), nil
	case parquet.Int64:
		return strconv.AppendInt(dst, v.Int64(), 10), nil
	case parquet.Float:
		return number(dst, float64(v.Float()), 32), nil
	case parquet.Double:
		return number(dst, v.Double(), 64), nil
	case parquet.ByteArray, parquet.FixedLenByteArray:
		text, err := json.Marshal(string(v.ByteArray())) // invalid UTF-8 becomes U+FFFD
		return append(dst, text...), err
	}
	return append(dst, "null"...), nil
}

// number: what JSON cannot hold is null.
func number(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}
