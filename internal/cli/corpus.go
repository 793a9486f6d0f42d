package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"sort"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/data/templates"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/tokenizer"
)

// Corpus is the command with the steps from records to training batches as verbs.
func Corpus(stdio IO) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "corpus",
		Short: "Convert, mine, filter, render, tokenize, mix and look at training data",
		Long:  "Corpus has the steps between records and training batches, each to be run and looked at by itself.",
		Example: "  corpus convert squad train-v1.1.json --out squad.jsonl\n" +
			"  corpus curate --in raw/ --out curated --eval arc=arc.jsonl\n" +
			"  corpus mine --in raw/ --out chains.jsonl\n" +
			"  corpus filter --in augmented --out kept.jsonl.zst --min-gain 0 --options-valid\n" +
			"  corpus template --in chains.jsonl --out texts.jsonl\n" +
			"  corpus tokenize --in texts.jsonl --tokenizer DIR --out shards/texts\n" +
			"  corpus mix --in mixture.toml\n" +
			"  corpus inspect --in chains.jsonl --kind chains --show 2\n" +
			"  corpus report --in augmented --out report\n" +
			"  corpus export --in chains.jsonl --kind chains --out chains.hf --format hf",
		Args: verbWanted,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(corpusDatasets(stdio), corpusConvert(stdio), corpusMine(stdio), corpusFilter(stdio),
		corpusTemplate(stdio), corpusTokenize(stdio), corpusMix(stdio), corpusInspect(stdio), corpusReport(stdio), corpusExport(stdio))
	cmd.AddCommand(corpusCurate(stdio), corpusOverlap(stdio), corpusContamination(stdio))
	return cmd
}

// corpusFlags is what the verbs of corpus share.
type corpusFlags struct {
	stdio IO
	texts
	in        []string
	out       string
	tokenizer string
	json      bool
}

func (c *corpusFlags) bind(cmd *cobra.Command, inputs, out string) {
	c.texts.bind(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&c.in, "in", nil, inputs)
	f.BoolVar(&c.json, "json", false, "print the result as JSON")
	if out != "" {
		f.StringVar(&c.out, "out", "", out)
	}
}

func (c *corpusFlags) bindTokenizer(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.tokenizer, "tokenizer", "", "tokenizer.json, or a folder that has one (default the sample's)")
}

func (c *corpusFlags) check(out bool) error {
	switch {
	case len(c.in) == 0:
		return usage("--in is missing: what to read")
	case out && c.out == "":
		return usage("--out is missing: where to write")
	}
	return nil
}

func (c *corpusFlags) openTokenizer() (*tokenizer.Tokenizer, error) {
	if c.tokenizer == "" {
		return tokenizer.FromBytes("sample", sample.Tokenizer())
	}
	return tokenizer.Open(c.tokenizer)
}

// corpusTemplate is the verb that renders chains as text.
func corpusTemplate(stdio IO) *cobra.Command {
	c := &corpusFlags{stdio: stdio}
	cmd := &cobra.Command{
		Use:     "template",
		Short:   "Render chains, instructions or tuning data as pre-training text",
		Long:    "Template writes one JSON line with a text for every unit: a chain of examples, or a text with its pairs.",
		Example: "  corpus template --in chains.jsonl.zst --out texts.jsonl.zst\n  corpus template --kind instructions --in alpaca.jsonl --out instructions.jsonl",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(true); err != nil {
				return err
			}
			return c.template(cmd.Context())
		},
	}
	c.bind(cmd, "records: files, globs, folders or -", "`file` to write: .jsonl, also .gz or .zst")
	f := cmd.Flags().Lookup("kind")
	f.DefValue, c.kind = string(templates.Augmented), string(templates.Augmented)
	return cmd
}

func (c *corpusFlags) template(ctx context.Context) error {
	var report data.Report
	var counts templates.Counts
	rendered, err := c.rendered(c.stdio, c.in, &report, &counts)
	if err != nil {
		return err
	}
	number := 0
	_, err = data.WriteFile(durable.OS, c.out, func(yield func(data.Document, error) bool) {
		for r, err := range checked(ctx, rendered) {
			number++
			if !yield(data.Document{ID: strconv.Itoa(number), Text: r.Text}, err) {
				return
			}
		}
	})
	c.stdio.problems(&report)
	if err != nil {
		return err
	}
	result := templated{counts.Units, counts.Pairs, counts.Empty, counts.Layouts, counts.Dropped}
	return c.stdio.emit(c.json, result, func(w io.Writer) { printCounts(w, &counts) })
}

// templated is the result of template as JSON.
type templated struct {
	Texts   int64                      `json:"texts"`
	Pairs   int64                      `json:"pairs"`
	Empty   int64                      `json:"empty"` // units that left no text
	Layouts map[string]int64           `json:"layouts,omitempty"`
	Dropped map[templates.Reason]int64 `json:"dropped,omitempty"`
}

func printCounts(w io.Writer, c *templates.Counts) {
	fmt.Fprintf(w, "%d texts with %d pairs; %d units left no text\n", c.Units, c.Pairs, c.Empty)
	var lines []string
	for layout, n := range c.Layouts {
		lines = append(lines, fmt.Sprintf("  layout %s: %d", layout, n))
	}
	for reason, n := range c.Dropped {
		lines = append(lines, fmt.Sprintf("  pairs left out, %s: %d", reason, n))
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
}

// corpusTokenize is the verb that makes shards.
func corpusTokenize(stdio IO) *cobra.Command {
	c := &corpusFlags{stdio: stdio}
	cmd := &cobra.Command{
		Use:     "tokenize",
		Short:   "Turn records into shards of tokens",
		Long:    "Tokenize renders records as text where they are chains, puts BOS and EOS around each and writes a folder of shards.",
		Example: "  corpus tokenize --in corpus/ --tokenizer models/Mistral-7B-v0.1 --out shards/raw\n  corpus tokenize --kind chains --in chains.jsonl --out shards/chains",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := c.check(true); err != nil {
				return err
			}
			tok, err := c.openTokenizer()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, tok.Close()) }()
			info, err := c.build(cmd.Context(), c.stdio, c.out, tok, c.in)
			if err != nil {
				return err
			}
			return stdio.emit(c.json, info, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d texts, %d tokens in %d shards\n", c.out, info.Units, info.Tokens, len(info.Shards))
			})
		},
	}
	c.bind(cmd, "records: files, globs, folders or -", "`folder` to write, which must not be there")
	c.bindTokenizer(cmd)
	return cmd
}

// corpusMix is the verb that says what a mixture takes.
func corpusMix(stdio IO) *cobra.Command {
	c := &corpusFlags{stdio: stdio}
	var cache string
	var recipes recipeFlags
	cmd := &cobra.Command{
		Use:   "mix",
		Short: "Say what a mixture file takes from its sources; write the paper's mixtures as files",
		Long: "Mix draws a whole mixture and prints its manifest: texts, tokens, share and passes of every source. The rows themselves\n" +
			"are drawn again, the same, when a model is trained on the file.\n\n" +
			"The paper's mixtures are there as files: --recipes lists them and what they read, --recipe NAME writes one, to --out or to\n" +
			"standard output. Put it beside the folders that it names.",
		Example: "  corpus mix --in mixture.toml\n  corpus mix --in mixture.toml --json --out manifest.json\n" +
			"  corpus mix --recipes\n  corpus mix --recipe general-instruct --out mixture.toml",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if recipes.given() {
				return recipes.run(c)
			}
			if err := c.check(false); err != nil {
				return err
			}
			if len(c.in) != 1 {
				return usage("--in: mix reads one mixture file, %d were given", len(c.in))
			}
			if cache == "" {
				cache = filepath.Clean(c.in[0]) + ".shards"
			}
			return c.mix(cmd.Context(), cache)
		},
	}
	c.bind(cmd, "one mixture `file` (.toml)", "`file` for the manifest, as JSON; with --recipe, for the mixture")
	c.bindTokenizer(cmd)
	recipes.bind(cmd)
	cmd.Flags().StringVar(&cache, "shards", "", "`folder` for texts as tokens (default IN.shards)")
	return cmd
}

func (c *corpusFlags) mix(ctx context.Context, cache string) (err error) {
	m, closeAll, err := c.openMixture(ctx, cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	stream := m.Stream()
	if err := stream.Skip(m.Rows()); err != nil {
		return err
	}
	manifest := stream.Manifest()
	if c.out != "" {
		if err := durable.WriteFile(durable.OS, c.out, func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(manifest)
		}); err != nil {
			return err
		}
	}
	return c.stdio.emit(c.json, manifest, func(w io.Writer) { printManifest(w, &manifest) })
}

// openMixture opens a mixture file with the tokenizer that is named, or that its first shards carry.
func (c *corpusFlags) openMixture(ctx context.Context, cache string) (*mix.Mixture, func() error, error) {
	spec, err := mix.ReadSpec(c.in[0])
	if err != nil {
		return nil, nil, err
	}
	if c.tokenizer == "" {
		c.tokenizer = firstShards(spec.Sources)
	}
	tok, err := c.openTokenizer()
	if err != nil {
		return nil, nil, err
	}
	m, err := c.mixture(ctx, c.stdio, spec, cache, tok)
	if err != nil {
		return nil, nil, errors.Join(err, tok.Close())
	}
	return m, func() error { return errors.Join(m.Close(), tok.Close()) }, nil
}

func firstShards(sources []mix.SourceSpec) string {
	for _, s := range sources {
		for _, path := range s.Paths {
			if isShards(path) {
				return path
			}
		}
	}
	return ""
}

func printManifest(w io.Writer, m *mix.Manifest) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "source\ttexts\ttokens\tshare\tasked\tpasses\t")
	for _, s := range m.Sources {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f%%\t%.2f%%\t%.2f\t\n", s.Name, s.Units, s.Tokens, 100*s.Share, 100*s.Asked, s.Repeats)
	}
	t.Flush()
	fmt.Fprintf(w, "%d rows of %d tokens\n", m.Rows, m.Length)
}

// checked ends a stream of records when the command is interrupted.
func checked[R any](ctx context.Context, records iter.Seq2[R, error]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for r, err := range records {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
