package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/records"
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/data/templates"
	"github.com/primer-lm/primer/data/warc"
	"github.com/primer-lm/primer/tokenizer"
)

// texts is how inputs are read and become units of text.
type texts struct {
	kind         string
	templateSeed uint64
	templates    []string
	templateSet  string // full or small
	textField    string
	columns      columnMap
	blankSplit   bool
	strict       bool
	plainText    bool // inputs are plain text, whatever their names
}

// bindReading declares the flags of reading records.
func (t *texts) bindReading(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.textField, "text-field", "", "field that holds the text, short for --columns text=NAME (default text; of known corpora their own)")
	f.Var(&t.columns, "columns", "where the fields text, id, title, source and domain stand in JSON, CSV and Parquet: `FIELD=COLUMN`,…, such as\ntext=content,id=doc_id,title=meta.title")
	f.BoolVar(&t.blankSplit, "blank-split", false, "in plain text files, blank lines separate documents")
	f.BoolVar(&t.strict, "strict", false, "a broken line or invalid UTF-8 is an error; otherwise it is counted and skipped or repaired")
}

// bind declares the flags of reading and rendering.
func (t *texts) bind(cmd *cobra.Command) {
	t.bindReading(cmd)
	f := cmd.Flags()
	f.StringVar(&t.kind, "kind", string(templates.Raw), "what the records are: "+names(kindNames()))
	f.Uint64Var(&t.templateSeed, "template-seed", 1, "of the templates that chains are rendered with")
	f.StringSliceVar(&t.templates, "templates", nil, "more template `files`, added to the embedded ones")
	f.StringVar(&t.templateSet, "template-set", fullSet, "the embedded templates: full, or small (the quickstart's, for tiny models)")
	completes(cmd, "kind", kindNames)
	completes(cmd, "template-set", func() []string { return []string{fullSet, smallSet} })
}

// The embedded sets of templates.
const (
	fullSet  = "full"
	smallSet = "small"
)

func kindNames() []string {
	var out []string
	for _, k := range templates.Kinds() {
		out = append(out, string(k))
	}
	return out
}

func (t *texts) options(stdio IO, report *data.Report) data.Options {
	opt := data.Options{Strict: t.strict, BlankSplit: t.blankSplit, TextField: t.textField, Report: report, Stdin: stdio.In,
		Tables: data.Join(records.Tables(), warc.Tables()), Store: stdio.store(), Columns: t.columns.Columns}
	if t.plainText {
		opt.Kind = data.Text
	}
	return opt
}

// rendered streams the inputs as text.
func (t *texts) rendered(stdio IO, paths []string, report *data.Report, counts *templates.Counts) (iter.Seq2[templates.Rendered, error], error) {
	if !slices.Contains(kindNames(), t.kind) {
		return nil, usage("--kind %q; there are %s", t.kind, names(kindNames()))
	}
	set, err := t.set()
	if err != nil {
		return nil, err
	}
	return set.Texts(templates.Kind(t.kind), paths, t.templateSeed, t.options(stdio, report), counts), nil
}

// set is the embedded templates that were asked for, with the user's added.
func (t *texts) set() (*templates.Set, error) {
	switch t.templateSet {
	case "", fullSet:
		if len(t.templates) > 0 {
			return templates.Load(t.templates...)
		}
		return templates.Default(), nil
	case smallSet:
		return templates.LoadSmall(t.templates...)
	}
	return nil, usage("--template-set %q; there are %s", t.templateSet, names([]string{fullSet, smallSet}))
}

// build tokenizes the inputs into a folder of shards and says what it met.
func (t *texts) build(ctx context.Context, stdio IO, dir string, tok *tokenizer.Tokenizer, paths []string) (shard.Info, error) {
	var report data.Report
	rendered, err := t.rendered(stdio, paths, &report, nil)
	if err != nil {
		return shard.Info{}, err
	}
	meter := t.meter(stdio, paths, &report)
	units := func(yield func(shard.Unit, error) bool) {
		for r, err := range checked(ctx, rendered) {
			meter.read.Store(report.Bytes)
			if !yield(shard.Unit{Text: r.Text}, err) || err != nil {
				return
			}
		}
	}
	info, err := buildShards(ctx, stdio, dir, tok, units, shard.Options{Note: fmt.Sprintf("%s %v", t.kind, paths), Progress: meter.wrote})
	meter.line.Done()
	stdio.problems(&report)
	if err == nil && info.Units == 0 {
		err = data.ErrEmpty
	}
	return info, err
}

// problems tells of lines that were skipped or repaired.
func (s IO) problems(r *data.Report) {
	if r.Broken+r.Repaired+r.Unchecked > 0 || len(r.Skipped) > 0 {
		s.note("%s", r)
	}
}

// shards opens the inputs as tokens: a folder of shards as it is; anything else tokenized into a folder beneath cache, or found
// there from an earlier run over the same files.
func (t *texts) shards(ctx context.Context, stdio IO, cache string, tok *tokenizer.Tokenizer, paths []string) (*shard.Set, error) {
	if len(paths) == 1 && isShards(paths[0]) {
		return openShards(paths[0], tok)
	}
	key, err := t.key(stdio, tok, paths)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, key)
	if !isShards(dir) {
		if _, err := t.build(ctx, stdio, dir, tok, paths); err != nil && !errors.Is(err, fs.ErrExist) { // another process was first
			return nil, err
		}
	}
	return openShards(dir, tok)
}

func openShards(dir string, tok *tokenizer.Tokenizer) (*shard.Set, error) {
	set, err := shard.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := set.Check(tok); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), set.Close())
	}
	return set, nil
}

func isShards(path string) bool {
	_, err := os.Stat(filepath.Join(path, "corpus.json"))
	return err == nil
}

// key names what tokenizing would give: files by path, size and time, and all that decides how they are read and rendered.
func (t *texts) key(stdio IO, tok *tokenizer.Tokenizer, paths []string) (string, error) {
	set, err := t.set()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "3 %q %d %s %q %q %v %v\n", t.kind, t.templateSeed, set.Fingerprint(), t.textField, t.columns.String(), t.blankSplit, t.strict)
	h.Write(tok.JSON())
	for _, p := range paths {
		if p == data.Stdin {
			return "", usage("training cannot read - (a run could not go on with it): make shards of it first, with corpus tokenize --in -")
		}
	}
	files, err := data.Inputs(paths, t.options(stdio, nil))
	if err != nil {
		return "", err
	}
	if err := data.Stamp(h, files); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// mixture opens a mixture file; sources that are no shards are tokenized beneath cache.
func (t *texts) mixture(ctx context.Context, stdio IO, spec *mix.Spec, cache string, tok *tokenizer.Tokenizer) (*mix.Mixture, error) {
	return spec.Open(func(src mix.SourceSpec) (mix.Source, error) {
		each := *t
		each.kind, each.templateSeed, each.templates, each.templateSet = src.Kind, src.TemplateSeed, src.Templates, src.TemplateSet
		if src.TextField != "" {
			each.textField = src.TextField
		}
		if each.kind == "" {
			each.kind = string(templates.Raw)
		}
		return each.shards(ctx, stdio, cache, tok, src.Paths)
	})
}
