package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// conversion is one dataset on its way from files to examples.
type conversion struct {
	ctx    context.Context
	set    *Dataset
	opt    Options
	root   string // the folder that was named, or the one of the first file
	files  []string
	read   data.Report // what the readers counted
	report *Report
	file   string // where the record stands that is being converted
	n      int64
	given  int64
	yield  func(data.Example) error
}

// rows calls f with every record of the files, decoded as T. A record that does not
// decode is counted and passed over.
func rows[T any](c *conversion, opt records.Options, f func(row *T) error) error {
	for _, file := range c.files {
		if err := rowsOf(c, file, opt, f); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf is rows of one file.
func rowsOf[T any](c *conversion, file string, opt records.Options, f func(row *T) error) error {
	for rec, err := range records.Read(file, opt, &c.read) {
		if err != nil && !errors.Is(err, data.ErrBroken) {
			return err
		}
		c.at(file, rec.N)
		c.report.Records++
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			c.broken(err)
			continue
		}
		var row T
		if err := json.Unmarshal(rec.JSON, &row); err != nil {
			c.broken(fmt.Errorf("%w: %v", data.ErrBroken, err))
			continue
		}
		if err := f(&row); err != nil {
			return err
		}
	}
	return nil
}

// lines calls f with every line of a text file.
func (c *conversion) lines(file string, f func(n int64, line string) error) error {
	r, err := data.OpenFile(file, &c.read)
	if err != nil {
		return &data.LineError{File: file, Err: err}
	}
	defer r.Close()
	c.read.Files++
	err = data.EachLine(r, func(n int64, line []byte) error {
		c.at(file, n)
		return f(n, strings.ToValidUTF8(string(line), "\uFFFD"))
	})
	var le *data.LineError
	if errors.As(err, &le) && le.File == "" {
		le.File = file
	}
	return err
}

// at says where what is counted from now on stands.
func (c *conversion) at(file string, n int64) { c.file, c.n = file, n }

// broken counts a record that cannot be read.
func (c *conversion) broken(err error) {
	var le *data.LineError
	if errors.As(err, &le) {
		err = le.Err
	}
	c.report.skip(Broken, c.file, c.n, strings.TrimPrefix(err.Error(), data.ErrBroken.Error()+": "))
}

// skip counts a pair, a record or a context that is left out.
func (c *conversion) skip(r Reason) { c.report.skip(r, c.file, c.n, "") }

// give hands out a passage with its pairs, cut into windows where it is too long.
func (c *conversion) give(p *passage) error {
	if len(p.pairs) == 0 {
		if !p.told {
			c.skip(NoPairs)
		}
		return nil
	}
	for _, w := range c.windows(p) {
		if len(w.pairs) == 0 {
			continue
		}
		c.given++
		ex := data.Example{Document: data.Document{
			ID: fmt.Sprintf("%s/%d", c.set.Name, c.given), Text: strings.TrimSpace(w.text), Title: strings.TrimSpace(w.title), Source: c.set.Name}}
		if p.source != "" {
			ex.Source = p.source
		}
		for _, q := range w.pairs {
			if c.opt.NoOptions {
				q.Options = nil
			}
			if c.opt.NoThought {
				q.Thought = ""
			}
			ex.Pairs = append(ex.Pairs, q.Pair)
		}
		if err := c.yield(ex); err != nil {
			return err
		}
	}
	return nil
}

// whole reads a small file, with \n at the ends of lines.
func (c *conversion) whole(file string) (string, error) {
	r, err := data.OpenFile(file, &c.read)
	if err != nil {
		return "", &data.LineError{File: file, Err: err}
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, data.MaxLine+1))
	if err == nil && len(b) > data.MaxLine {
		err = fmt.Errorf("%w: a file of more than %d MiB", data.ErrLimit, data.MaxLine>>20)
	}
	if err != nil {
		return "", &data.LineError{File: file, Err: err}
	}
	s := strings.ToValidUTF8(strings.TrimPrefix(string(b), "\uFEFF"), "\uFFFD")
	return strings.ReplaceAll(s, "\r\n", "\n"), nil
}
