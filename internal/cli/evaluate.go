package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/tokenizer"
)

// Evaluate is the command with the ways to score models and synthesizers as verbs.
func Evaluate(stdio IO) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "evaluate",
		Short: "Score models and synthesizers",
		Long:  "Evaluate scores a model folder: perplexity of texts, multiple choice, log-probabilities of given continuations, or the\npairs of a synthesizer against gold ones.",
		Example: "  evaluate perplexity --model runs/tiny/checkpoints/step-300 --in held-out.jsonl\n" +
			"  evaluate choice --model DIR --in items.jsonl\n" +
			"  evaluate synth --model DIR --in gold.jsonl\n" +
			"  evaluate score --model DIR --in requests.jsonl --out scores.jsonl",
		Args: verbWanted,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(perplexity(stdio), choice(stdio), synthQuality(stdio), score(stdio))
	return cmd
}

// scorer opens a model folder for scoring.
type scorer struct {
	stdio  IO
	model  string
	device string
	window int64
	bos    string
	math   string
	in     []string
	json   bool

	opened []func() error
	folder *hf.Folder
	enc    eval.Encoder
	eval.Scorer
}

func (s *scorer) bind(cmd *cobra.Command, inputs string) {
	f := cmd.Flags()
	f.StringVar(&s.model, "model", "", "Hugging Face `folder`")
	f.StringSliceVar(&s.in, "in", nil, inputs)
	f.Int64Var(&s.window, "window", 0, "tokens that the model sees at most (default its max_position_embeddings, at most 4096)")
	f.StringVar(&s.bos, "bos", "auto", "begin prompts with BOS: yes, no, or auto as tokenizer.json says")
	f.StringVar(&s.math, "math", "", "matrix products in f32 or bf16 (default: bf16 where all weights are stored in it, else f32)")
	f.BoolVar(&s.json, "json", false, "print the result as JSON")
	deviceFlag(cmd, &s.device)
	completes(cmd, "bos", func() []string { return []string{"auto", "yes", "no"} })
	completes(cmd, "math", func() []string { return []string{"f32", "bf16"} })
}

// maxWindow is the window where none is given, for models of very long ones.
const maxWindow = 4096

// open opens device, folder, tokenizer (nil where the folder has none) and model.
func (s *scorer) open() (err error) {
	if s.model == "" {
		return usage("--model is missing: the folder to evaluate")
	}
	dtype, ok := map[string]kernels.DType{"": kernels.NoType, "f32": kernels.F32, "bf16": kernels.BF16}[s.math]
	if !ok {
		return usage("--math %q is neither f32 nor bf16", s.math)
	}
	b, err := openDevice(s.device)
	if err != nil {
		return err
	}
	s.opened = append(s.opened, b.Close)
	if s.folder, err = hf.OpenFolder(s.model); err != nil {
		return err
	}
	s.opened = append(s.opened, s.folder.Close)
	if err := s.openEncoder(); err != nil {
		return err
	}
	m, err := model.Open(b, s.folder.Config, s.folder, model.InferOptions{Tokens: max(s.window, 2048), MaxLen: s.window, Math: dtype})
	if err != nil {
		return err
	}
	s.opened = append(s.opened, func() error { m.Close(); return nil })
	s.Scorer = generate.Batched{Model: m, Tokens: int(m.Options().Tokens)}
	return nil
}

func (s *scorer) openEncoder() error {
	longest := s.folder.Config.MaxPositions
	switch {
	case s.window == 0:
		s.window = min(longest, maxWindow)
	case s.window < 1 || s.window > longest:
		return usage("--window %d: the model has %d positions", s.window, longest)
	}
	s.enc = eval.Encoder{Window: int(s.window), AddBOS: s.bos == "yes"}
	if s.bos != "auto" && s.bos != "yes" && s.bos != "no" {
		return usage("--bos %q is none of auto, yes, no", s.bos)
	}
	if _, err := os.Stat(filepath.Join(s.model, hf.TokenizerName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	tok, err := tokenizer.Open(s.model)
	if err != nil {
		return err
	}
	s.opened = append(s.opened, tok.Close)
	s.enc.Tok = tok
	s.enc.AddBOS = s.enc.AddBOS || s.bos == "auto" && tok.AddsBOS()
	return hf.CheckVocabulary(s.folder.Config, s.model, tok.VocabSize())
}

// needTokenizer is for evaluations of text.
func (s *scorer) needTokenizer() error {
	if s.enc.Tok == nil {
		_, err := tokenizer.Open(s.model) // says which file is missing
		return err
	}
	return nil
}

// close closes what was opened, the last first.
func (s *scorer) close() error {
	var err error
	for i := len(s.opened) - 1; i >= 0; i-- {
		err = errors.Join(err, s.opened[i]())
	}
	return err
}

// with opens the model, runs f and closes it.
func (s *scorer) with(ctx context.Context, text bool, f func(context.Context) error) (err error) {
	if len(s.in) == 0 {
		return usage("--in is missing: what to evaluate on")
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(); err != nil {
		return err
	}
	if text {
		if err := s.needTokenizer(); err != nil {
			return err
		}
	}
	return f(ctx)
}
