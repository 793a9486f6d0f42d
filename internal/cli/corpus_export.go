package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/export"
	"github.com/primer-lm/primer/data/templates"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
)

// The formats of corpus export.
const (
	formatJSONL       = "jsonl.zst"
	formatParquet     = "parquet"
	formatHuggingFace = "hf"
	formatMegatron    = "megatron"
)

var exportFormats = []string{formatJSONL, formatParquet, formatHuggingFace, formatMegatron}

// exporting is the verb that writes corpora for other programs.
type exporting struct {
	corpusFlags
	format string
	shards string
	opt    export.Options
	mib    int64
}

func corpusExport(stdio IO) *cobra.Command {
	c := &exporting{corpusFlags: corpusFlags{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a corpus for other programs: JSON lines, Parquet, Hugging Face, Megatron",
		Long: "Export writes a folder, whole or not at all, with a manifest of sizes and sums:\n" +
			"  jsonl.zst  JSON lines in zstd files\n" +
			"  parquet    Parquet files with zstd pages, checksums and row groups of 32 MiB, read back before they count\n" +
			"  hf         the same as data/SPLIT-00000-of-000NN.parquet with a dataset card, for datasets.load_dataset(FOLDER)\n" +
			"  megatron   text_document.bin and .idx with one document per text, from a folder of shards, or from records that are\n" +
			"             rendered and tokenized first; BOS and EOS stand around every document\n" +
			"The first three write records as they are (--kind says what they are): documents, examples with pairs, or chains. Render\n" +
			"them with corpus template first for plain texts. Web pages (.warc) are read for their main text by Readability.",
		Example: "  corpus export --in corpus/ --out corpus.hf --format hf --license odc-by\n" +
			"  corpus export --in 's3://bucket/crawl/*.warc.gz' --out pages --format parquet\n" +
			"  corpus export --kind chains --in augmented --out augmented.jsonl --format jsonl.zst\n" +
			"  corpus export --in shards/raw --out megatron/raw --format megatron",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(true); err != nil {
				return err
			}
			switch {
			case !slices.Contains(exportFormats, c.format):
				return usage("--format %q; there are %s", c.format, names(exportFormats))
			case !slices.Contains(kindNames(), c.kind):
				return usage("--kind %q; there are %s", c.kind, names(kindNames()))
			case c.mib < 1:
				return usage("--shard-mib %d: at least 1", c.mib)
			}
			c.opt.ShardBytes = c.mib << 20
			return c.run(cmd.Context())
		},
	}
	c.bind(cmd, "records: files, globs, folders, s3:// or -; for megatron also a folder of shards", "`folder` to write, which must not be there")
	c.bindTokenizer(cmd)
	f := cmd.Flags()
	f.StringVar(&c.format, "format", formatJSONL, "what to write: "+names(exportFormats))
	f.Int64Var(&c.mib, "shard-mib", 512, "text in one file at most, in MiB")
	f.StringVar(&c.opt.Split, "split", "train", "hf: name of the split")
	f.StringVar(&c.opt.License, "license", "unknown", "hf: the license for the card, such as odc-by")
	f.StringVar(&c.opt.Title, "title", "", "hf: heading of the card (default the folder's name)")
	f.StringVar(&c.shards, "shards", "", "megatron: `folder` for texts as tokens (default OUT.shards)")
	completes(cmd, "format", func() []string { return exportFormats })
	return cmd
}

func (c *exporting) run(ctx context.Context) error {
	var report data.Report
	line := progress.New(c.stdio.Err, "export")
	c.opt.Progress = func(records, bytes int64) { line.Update(records, 0, progress.F("MiB", bytes>>20)) }
	info, err := c.write(ctx, &report)
	c.opt.Progress(info.Records, info.Bytes)
	line.Done()
	c.stdio.problems(&report)
	if errors.Is(err, fs.ErrExist) {
		return c.there(err)
	}
	if err != nil {
		return err
	}
	return c.stdio.emit(c.json, info, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\n", c.out, describe(&info))
		for _, f := range info.Files {
			fmt.Fprintf(w, "  %s: %d\n", f.File, f.Records)
		}
	})
}

func (c *exporting) write(ctx context.Context, report *data.Report) (export.Info, error) {
	if c.format == formatMegatron {
		return c.megatron(ctx)
	}
	opt := c.options(c.stdio, report)
	switch templates.Kind(c.kind) {
	case templates.Raw:
		return exportAs(c, checked(ctx, data.Documents(c.in, opt)))
	case templates.Augmented:
		return exportAs(c, checked(ctx, data.Chains(c.in, opt)))
	}
	return exportAs(c, checked(ctx, data.Examples(c.in, opt)))
}

func exportAs[R export.Record](c *exporting, records iter.Seq2[R, error]) (export.Info, error) {
	switch c.format {
	case formatParquet:
		return export.Parquet(durable.OS, c.out, records, c.opt)
	case formatHuggingFace:
		return export.HuggingFace(durable.OS, c.out, records, c.opt)
	}
	return export.JSONL(durable.OS, c.out, records, c.opt)
}

// megatron writes shards; records become shards first, with the tokenizer that is named.
func (c *exporting) megatron(ctx context.Context) (info export.Info, err error) {
	if c.tokenizer == "" && len(c.in) == 1 && isShards(c.in[0]) {
		c.tokenizer = c.in[0]
	}
	tok, err := c.openTokenizer()
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, tok.Close()) }()
	if c.shards == "" {
		c.shards = filepath.Clean(c.out) + ".shards"
	}
	set, err := c.texts.shards(ctx, c.stdio, c.shards, tok, c.in)
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	return export.Megatron(durable.OS, c.out, set, tok.JSON(), c.opt)
}

// there says what stands in the way.
func (c *exporting) there(err error) error {
	info, e := export.ReadInfo(c.out)
	if e != nil {
		return fmt.Errorf("%w: it is no exported folder; name another --out", err)
	}
	return fmt.Errorf("%w: it holds a whole export, %s; remove it, or name another --out", err, describe(&info))
}

func describe(info *export.Info) string {
	if info.Format == formatMegatron {
		return fmt.Sprintf("%d texts, %d tokens as megatron", info.Records, info.Tokens)
	}
	return fmt.Sprintf("%d %s, %d bytes of text in %d files as %s", info.Records, info.Kind, info.Bytes, len(info.Files), info.Format)
}
