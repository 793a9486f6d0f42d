package pipeline

import (
	"io"

	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/train"
)

// Settings of the quickstart. What is not given by the paper was found by trying: docs/LOG.md says what was tried.
type Settings struct {
	Seed   uint64
	Out    string    // folder for runs, corpora and the report
	Device string    // "cpu", "cuda:0"
	Log    io.Writer // progress for people; nil: none

	World sample.Options
	Go    sample.GoOptions

	Model model.Config // of the synthesizer and of the arms

	Tune       train.Config
	WarmSteps  int64   // of Tune.Steps: documents of one fact that ask for names, until copying is learnt
	ShortSteps int64   // after them: documents of few facts beside the first ones
	TuneGo     float64 // share of Go documentation in the tokens of the other steps
	TuneShort  float64 // share of short documents in them
	Shots      int     // examples of a tuning sequence
	Rounds     int     // M
	MaxNew     int     // new tokens of a text
	InFlight   int     // chains generated side by side
	MinLogProb float64 // a pair whose response is less likely (mean per token) is not used

	Arms         train.Config
	RawShare     float64 // of Instruct's tokens: raw texts
	TuningShare  float64 // of Mix's and Instruct's tokens: tuning data through the templates
	GoHeldOut    float64 // share of unseen Go documents kept for perplexity
	ScoreTokens  int64   // rows of a scoring pass
	RecallEvery  int     // every how many-th recall question is asked: its wrong options are told elsewhere in the corpus
	ExamplesRead int     // generated examples printed
}

// mathAuto is resolved when the device's peaks are known: bf16 products where they are faster, else f32.
const mathAuto = "auto"

// Defaults fits 5 minutes on two cores.
func Defaults() Settings {
	base := train.Config{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Clip: 1, Math: mathAuto, Recompute: "none", SeqLen: 384}
	tune := base
	tune.Recipe, tune.Steps, tune.BatchTokens, tune.MicroTokens = "quickstart-tune", 3000, 800, 800
	tune.Rate, tune.MinRate, tune.Warmup = 1.2e-3, 0.02, 60
	arms := base
	arms.Recipe, arms.Steps, arms.BatchTokens, arms.MicroTokens = "quickstart-arm", 480, 1200, 1200
	arms.SeqLen, arms.Rate, arms.MinRate, arms.Warmup = 400, 1.2e-3, 0.1, 40
	return Settings{
		Seed: 1, Out: "runs/quickstart", Device: "cpu", World: sample.Defaults(),
		Model: model.Config{ModelType: model.Llama, HiddenSize: 192, IntermediateSize: 512, NumHiddenLayers: 4, NumHeads: 6,
			NumKeyValueHeads: 6, HeadDim: 32, MaxPositions: 512, HiddenAct: "silu", RMSNormEps: 1e-5,
			Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, TieWordEmbeddings: true, InitializerRange: 0.06},
		Tune: tune, WarmSteps: 300, ShortSteps: 200, TuneGo: 0.12, TuneShort: 0.25, Shots: 2, Rounds: 2, MaxNew: 160, InFlight: 64, MinLogProb: -3,
		Arms: arms, RawShare: 0.2, TuningShare: 0.2, GoHeldOut: 0.3, ScoreTokens: 2048, RecallEvery: 5, ExamplesRead: 3,
	}
}
