package export

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// GroupBytes is how much of records, in bytes, a row group holds, at most one record more: what a reader, and this writer, keeps in memory.
const GroupBytes = 32 << 20

// The rows of Parquet files. What has no column of its own stands as JSON in extra; scores are JSON too, since their names vary.
type (
	documentRow struct {
		ID     string `parquet:"id"`
		Text   string `parquet:"text"`
		Title  string `parquet:"title,optional"`
		Source string `parquet:"source,optional"`
		Domain string `parquet:"domain,optional"`
		Extra  string `parquet:"extra,optional"`
	}
	exampleRow struct {
		ID     string    `parquet:"id"`
		Text   string    `parquet:"text"`
		Title  string    `parquet:"title,optional"`
		Source string    `parquet:"source,optional"`
		Domain string    `parquet:"domain,optional"`
		Pairs  []pairRow `parquet:"pairs,list"`
		Extra  string    `parquet:"extra,optional"`
	}
	pairRow struct {
		Instruction string   `parquet:"instruction"`
		Response    string   `parquet:"response"`
		Options     []string `parquet:"options,list"`
		Thought     string   `parquet:"thought,optional"`
		Scores      string   `parquet:"scores,optional"`
		Extra       string   `parquet:"extra,optional"`
	}
	chainRow struct {
		ID       string       `parquet:"id"`
		Examples []exampleRow `parquet:"examples,list"`
		Extra    string       `parquet:"extra,optional"`
	}
)

// Parquet writes records as Parquet files.
func Parquet[R Record](fsys durable.FS, dir string, records iter.Seq2[R, error], opt Options) (Info, error) {
	return write(fsys, dir, "parquet", records, opt, openParquet[R], func(int) string { return "part-%05d.parquet" }, nil)
}

// openParquet starts a file of the rows that the record is.
func openParquet[R Record](out io.Writer) (part[R], error) {
	switch any((*R)(nil)).(type) {
	case *data.Document:
		return newTable[R](out, func(r *R) (documentRow, error) { return rowOfDocument(any(r).(*data.Document)) }), nil
	case *data.Example:
		return newTable[R](out, func(r *R) (exampleRow, error) { return rowOfExample(any(r).(*data.Example)) }), nil
	}
	return newTable[R](out, func(r *R) (chainRow, error) { return rowOfChain(any(r).(*data.Chain)) }), nil
}

// table is a Parquet file of rows.
type table[R Record, Row any] struct {
	out   *parquet.GenericWriter[Row]
	row   func(*R) (Row, error)
	sum   hash.Hash // of the rows, in order
	held  int64     // bytes of records in the open row group, see heldBytes
	count int64
}

func newTable[R Record, Row any](out io.Writer, row func(*R) (Row, error)) *table[R, Row] {
	return &table[R, Row]{row: row, sum: sha256.New(),
		out: parquet.NewGenericWriter[Row](out, parquet.Compression(&zstd.Codec{}), parquet.CreatedBy("primer", "1", ""))}
}

func (t *table[R, Row]) add(r R) error {
	row, err := t.row(&r)
	if err != nil {
		return fmt.Errorf("record %d: %w", t.count, err)
	}
	rows := []Row{row}
	if err := addSum(t.sum, &rows[0]); err != nil {
		return err
	}
	if _, err := t.out.Write(rows); err != nil {
		return err
	}
	t.count++
	if t.held += heldBytes(any(&r)); t.held < GroupBytes {
		return nil
	}
	t.held = 0
	return t.out.Flush()
}

func (t *table[R, Row]) Close() error { return t.out.Close() }

// verify decodes every row, which compares the pages' checksums, and compares what the rows say.
func (t *table[R, Row]) verify(file io.ReaderAt, size int64) (err error) {
	f, err := parquet.OpenFile(file, size)
	if err != nil {
		return err
	}
	in := parquet.NewGenericReader[Row](f)
	defer func() { err = errors.Join(err, in.Close()) }()
	sum, n := sha256.New(), int64(0)
	for {
		rows := make([]Row, 16) // fresh ones: the library leaves what a null does not overwrite
		k, err := in.Read(rows)
		for i := range rows[:k] {
			if err := addSum(sum, &rows[i]); err != nil {
				return err
			}
		}
		n += int64(k)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if n != t.count || string(sum.Sum(nil)) != string(t.sum.Sum(nil)) {
		return fmt.Errorf("%w: %d rows were written, %d read, or others", data.ErrStream, t.count, n)
	}
	return nil
}

func addSum(h hash.Hash, row any) error {
	b, err := json.Marshal(row)
	h.Write(b)
	return err
}

func rowOfDocument(d *data.Document) (documentRow, error) {
	extra, err := object(d.Extra)
	return documentRow{ID: d.ID, Text: d.Text, Title: d.Title, Source: d.Source, Domain: d.Domain, Extra: extra}, err
}

func rowOfExample(e *data.Example) (exampleRow, error) {
	extra, err := object(e.Extra)
	row := exampleRow{ID: e.ID, Text: e.Text, Title: e.Title, Source: e.Source, Domain: e.Domain, Extra: extra, Pairs: []pairRow{}}
	for i := range e.Pairs {
		p := &e.Pairs[i]
		scores, err1 := object(p.Scores)
		extra, err2 := object(p.Extra)
		if err1 != nil || err2 != nil {
			err = fmt.Errorf("id %q, pair %d: %w", e.ID, i, errors.Join(err1, err2))
		}
		row.Pairs = append(row.Pairs, pairRow{Instruction: p.Instruction, Response: p.Response, Options: append([]string{}, p.Options...),
			Thought: p.Thought, Scores: scores, Extra: extra})
	}
	return row, err
}

func rowOfChain(c *data.Chain) (chainRow, error) {
	extra, err := object(c.Extra)
	row := chainRow{ID: c.ID, Extra: extra, Examples: []exampleRow{}}
	for i := range c.Examples {
		example, err1 := rowOfExample(&c.Examples[i])
		err = errors.Join(err, err1)
		row.Examples = append(row.Examples, example)
	}
	return row, err
}

// object is a map as JSON, its keys in order; nothing for an empty one. A score that is no number is an error.
func object[V any](m map[string]V) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // what was read is written as it was
	err := e.Encode(m)
	return strings.TrimSuffix(b.String(), "\n"), err
}
