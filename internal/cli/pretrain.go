package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/tokenizer"
	"github.com/primer-lm/primer/train"
)

// pretrain trains on all tokens of a corpus.
type pretrain struct {
	training
	texts texts
	cache string // of tokenized texts
	spec  *mix.Spec
}

// Pretrain is the command that trains a model on a corpus.
func Pretrain(stdio IO) *cobra.Command {
	p := &pretrain{training: training{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "pretrain",
		Short: "Train a model on a corpus, from scratch or from a model folder",
		Long: "Pretrain trains a model on all tokens of a corpus. Without arguments it trains the tiny recipe on the embedded sample\n" +
			"into runs/tiny. A run that was interrupted, or killed, goes on when the same command is given again.\n\n" +
			"Inputs are .jsonl and .txt files (plain, .gz, .zst), globs and folders of them, folders of shards made by corpus\n" +
			"tokenize, or one mixture file (.toml). Texts are tokenized into OUT.shards first.",
		Example: "  pretrain\n" +
			"  pretrain --recipe 500m --in shards/raw --tokenizer mistral --out runs/500m\n" +
			"  pretrain --model models/Llama-3-8B --in mixture.toml --out runs/continual\n" +
			"  pretrain --recipe 1.3b --plan",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			defer func() { err = errors.Join(err, p.close()) }()
			return p.start(cmd.Context())
		},
	}
	p.bind(cmd, "tiny; continual-8b with --model", "runs/NAME of the recipe", "corpus: files, globs, folders, shards, or a mixture file")
	p.texts.bind(cmd)
	cmd.Flags().StringVar(&p.cache, "shards", "", "`folder` for texts as tokens (default OUT.shards)")
	return cmd
}

func (p *pretrain) start(ctx context.Context) error {
	recipe := "tiny"
	if p.model != "" {
		recipe = "continual-8b"
	}
	if err := p.open(recipe); err != nil {
		return err
	}
	if p.out == "" {
		p.out = filepath.Join("runs", p.cfg.Recipe)
	}
	if p.cache == "" {
		p.cache = filepath.Clean(p.out) + ".shards"
	}
	if err := p.readSpec(); err != nil {
		return err
	}
	if p.tokenizer == "" {
		p.tokenizer = p.shardsTokenizer()
	}
	if p.plan && p.arch.VocabSize > 0 && p.tokenizer == "" {
		return p.printPlan() // a vocabulary that the recipe fixes needs no tokenizer to plan with
	}
	if p.tokenizer == "" && len(p.in) > 0 {
		return usage("texts need a tokenizer: give --tokenizer, or --model for a folder that has one")
	}
	if err := p.openTokenizer(func() (*tokenizer.Tokenizer, error) { return tokenizer.FromBytes("sample", sample.Tokenizer()) }); err != nil {
		return err
	}
	if p.plan {
		return p.printPlan()
	}
	m, notes, err := p.data(ctx)
	if err != nil {
		return err
	}
	p.opened = append(p.opened, m.Close)
	notes["order"] = fmt.Sprintf("%v", m.Stream().State().Mixture)
	return p.run(ctx, p.job(train.Packed(m), notes))
}

// readSpec reads a mixture file, whose row length and budget are the run's unless flags say otherwise.
func (p *pretrain) readSpec() (err error) {
	if len(p.in) != 1 || !strings.HasSuffix(p.in[0], ".toml") {
		return p.checkBatch()
	}
	if p.spec, err = mix.ReadSpec(p.in[0]); err != nil {
		return err
	}
	if p.flags.Changed("seq-len") && p.cfg.SeqLen != int64(p.spec.Length) {
		return usage("--seq-len %d, but %s has length = %d", p.cfg.SeqLen, p.in[0], p.spec.Length)
	}
	p.cfg.SeqLen = int64(p.spec.Length)
	p.cfg.MicroTokens = max(p.cfg.MicroTokens/p.cfg.SeqLen*p.cfg.SeqLen, p.cfg.SeqLen)
	switch need := p.cfg.Steps * p.cfg.BatchTokens; {
	case p.spec.Budget == 0:
		p.spec.Budget = need
	case !p.flags.Changed("steps"):
		p.cfg.Steps = p.spec.Budget / p.cfg.BatchTokens
	case p.spec.Budget < need:
		return usage("%d steps of %d tokens need %d, but %s has budget = %d", p.cfg.Steps, p.cfg.BatchTokens, need, p.in[0], p.spec.Budget)
	}
	return errors.Join(p.checkBatch(), p.cfg.Validate())
}

// checkBatch: rows are packed whole.
func (p *pretrain) checkBatch() error {
	if p.cfg.BatchTokens%p.cfg.SeqLen != 0 {
		return usage("batch_tokens %d is no multiple of seq_len %d", p.cfg.BatchTokens, p.cfg.SeqLen)
	}
	return nil
}

// shardsTokenizer is the folder of the first shards among the inputs: they carry the tokenizer that made them.
func (p *pretrain) shardsTokenizer() string {
	if p.spec != nil {
		return firstShards(p.spec.Sources)
	}
	return firstShards([]mix.SourceSpec{{Paths: p.in}})
}

// data opens the corpus and says what it is, for the record of the run.
func (p *pretrain) data(ctx context.Context) (*mix.Mixture, map[string]string, error) {
	opt := mix.Options{Seed: p.cfg.Seed, Length: int(p.cfg.SeqLen), Budget: p.cfg.Steps * p.cfg.BatchTokens}
	switch {
	case p.spec != nil:
		m, err := p.texts.mixture(ctx, p.stdio, p.spec, p.cache, p.tok)
		return m, map[string]string{"in": p.in[0]}, err
	case len(p.in) == 0:
		units, note, err := sampleUnits(p.stdio, p.tok, p.cfg.Seed)
		if err != nil {
			return nil, nil, err
		}
		m, err := mix.New([]mix.Part{{Name: "sample", Source: units}}, opt)
		return m, map[string]string{"in": note}, err
	}
	m, err := p.inputs(ctx, opt)
	return m, map[string]string{"in": strings.Join(p.in, ",")}, err
}

// inputs opens every folder of shards as a source of its own and all other paths together as one more.
func (p *pretrain) inputs(ctx context.Context, opt mix.Options) (*mix.Mixture, error) {
	var groups [][]string
	var loose []string
	for _, path := range p.in {
		if isShards(path) {
			groups = append(groups, []string{path})
		} else {
			loose = append(loose, path)
		}
	}
	if len(loose) > 0 {
		groups = append(groups, loose)
	}
	spec := &mix.Spec{Seed: opt.Seed, Length: opt.Length, Budget: opt.Budget, By: "tokens", Documents: "joined", Positions: "row"}
	for _, paths := range groups {
		spec.Sources = append(spec.Sources, mix.SourceSpec{Name: strings.Join(paths, ","), Paths: paths, Kind: p.texts.kind,
			TemplateSeed: p.texts.templateSeed, Templates: p.texts.templates})
	}
	return p.texts.mixture(ctx, p.stdio, spec, p.cache, p.tok)
}
