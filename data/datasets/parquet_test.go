package datasets

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// toParquet replaces every .jsonl and .json file of lines below a folder by a Parquet file of the same rows, as Hugging Face
// exports them; it says whether there were any. Rows that are no JSON, or of another type than those before, are left out.
func toParquet(t *testing.T, dir string) (done bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(p) != ".jsonl" {
			return err
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		done = true
		if err := os.Remove(p); err != nil {
			return err
		}
		return os.WriteFile(strings.TrimSuffix(p, ".jsonl")+".parquet", parquetOf(t, content), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func parquetOf(t *testing.T, content []byte) []byte {
	var rows []any
	var kind any
	for _, line := range bytes.Split(content, []byte("\n")) {
		var row any
		if json.Unmarshal(line, &row) != nil {
			continue
		}
		if merged, ok := merge(kind, shapeOf(row)); ok {
			kind = merged
			rows = append(rows, row)
		}
	}
	root := kind.(map[string]any)
	group := parquet.Group{}
	for name, k := range root {
		group[name] = nodeOf(k)
	}
	schema := parquet.NewSchema("row", group)
	var b bytes.Buffer
	w := parquet.NewWriter(&b, schema, parquet.Compression(&parquet.Snappy))
	for _, row := range rows {
		s := &shredder{}
		for _, f := range schema.Fields() {
			s.optional(f, root[f.Name()], row.(map[string]any)[f.Name()], 0, 0, 0)
		}
		slices.SortStableFunc(s.row, func(a, b parquet.Value) int { return a.Column() - b.Column() })
		if _, err := w.WriteRows([]parquet.Row{s.row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A shape is nil (unknown), "string", "number", "bool", []any{shape} or map[string]any of shapes.
func shapeOf(v any) any {
	switch v := v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "bool"
	case []any:
		var elem any
		for _, e := range v {
			merged, ok := merge(elem, shapeOf(e))
			if !ok {
				return "conflict"
			}
			elem = merged
		}
		return []any{elem}
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = shapeOf(e)
		}
		return out
	}
	return nil
}

func merge(a, b any) (any, bool) {
	switch {
	case a == nil:
		return b, b != "conflict"
	case b == nil:
		return a, true
	}
	switch a := a.(type) {
	case string:
		return a, a == b
	case []any:
		l, ok := b.([]any)
		if !ok {
			return nil, false
		}
		elem, ok := merge(a[0], l[0])
		return []any{elem}, ok
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok {
			return nil, false
		}
		out := map[string]any{}
		for k, v := range a {
			out[k] = v
		}
		for k, v := range m {
			merged, ok := merge(out[k], v)
			if !ok {
				return nil, false
			}
			out[k] = merged
		}
		return out, true
	}
	return nil, false
}

func nodeOf(shape any) parquet.Node {
	switch shape := shape.(type) {
	case []any:
		return parquet.Optional(parquet.List(nodeOf(shape[0])))
	case map[string]any:
		group := parquet.Group{}
		for name, s := range shape {
			group[name] = nodeOf(s)
		}
		return parquet.Optional(group)
	}
	switch shape {
	case "number":
		return parquet.Optional(parquet.Leaf(parquet.DoubleType))
	case "bool":
		return parquet.Optional(parquet.Leaf(parquet.BooleanType))
	}
	return parquet.Optional(parquet.String())
}

// shredder lays a row's values into columns with their levels.
type shredder struct {
	row    parquet.Row
	column int
}

// optional writes v, which may be absent. rep is the repetition level of its first value, depth how many lists are around it.
func (s *shredder) optional(node parquet.Node, shape, v any, rep, depth, def int) {
	if v == nil {
		s.nulls(node, rep, def)
		return
	}
	def++
	switch shape := shape.(type) {
	case []any:
		elem := node.Fields()[0].Fields()[0]
		list := v.([]any)
		if len(list) == 0 {
			s.nulls(node, rep, def)
			return
		}
		column := s.column
		for i, e := range list {
			s.column = column
			if i > 0 {
				rep = depth + 1
			}
			s.optional(elem, shape[0], e, rep, depth+1, def+1)
		}
	case map[string]any:
		for _, f := range node.Fields() {
			s.optional(f, shape[f.Name()], v.(map[string]any)[f.Name()], rep, depth, def)
		}
	default:
		s.row = append(s.row, parquet.ValueOf(v).Level(rep, def, s.column))
		s.column++
	}
}

func (s *shredder) nulls(node parquet.Node, rep, def int) {
	if node.Leaf() {
		s.row = append(s.row, parquet.Value{}.Level(rep, def, s.column))
		s.column++
		return
	}
	for _, f := range node.Fields() {
		s.nulls(f, rep, def)
	}
}
