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

	Model     model.Config // of the base and of the synthesizer
	ArmsModel model.Config // of the arms

	Base       string       // folder of the model that the synthesizer starts from; "": the embedded one
	BaseTrain  train.Config // how MakeBase trains it
	BaseWorlds int          // worlds it learns from
	BaseGo     int          // packages of the Go distribution whose documentation it learns from, but for those kept as unseen
	WarmSteps  int64        // of BaseTrain.Steps: texts of one fact that ask for names, until copying is learnt
	ShortSteps int64        // after them: texts of few facts beside the first ones

	Tune       train.Config
	TuneGo     float64 // share of Go documentation in the tokens of tuning, and of the base's last stage
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

// llama is an architecture of the quickstart, four layers deep; the vocabulary is the sample tokenizer's.
func llama(hidden, intermediate int64) model.Config {
	return model.Config{ModelType: model.Llama, HiddenSize: hidden, IntermediateSize: intermediate, NumHiddenLayers: 4, NumHeads: hidden / 32,
		NumKeyValueHeads: hidden / 32, HeadDim: 32, MaxPositions: 512, HiddenAct: "silu", RMSNormEps: 1e-5,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, TieWordEmbeddings: true, InitializerRange: 0.06}
}

// Defaults fits 5 minutes on two cores, with or without bf16 products.
func Defaults() Settings {
	base := train.Config{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Clip: 1, Math: mathAuto, Recompute: "none", SeqLen: 384}
	tune := base
	tune.Recipe, tune.Steps, tune.BatchTokens, tune.MicroTokens = "quickstart-tune", 900, 800, 800
	tune.Rate, tune.MinRate, tune.Warmup = 8e-4, 0.02, 60
	pre := base
	pre.Recipe, pre.Steps, pre.BatchTokens, pre.MicroTokens = "quickstart-base", 6000, 800, 800
	pre.Rate, pre.MinRate, pre.Warmup = 1.2e-3, 0.02, 60
	arms := base
	arms.Recipe, arms.Steps, arms.BatchTokens, arms.MicroTokens = "quickstart-arm", 800, 800, 800
	arms.SeqLen, arms.Rate, arms.MinRate, arms.Warmup = 400, 1.5e-3, 0.1, 40
	return Settings{
		Seed: 1, Out: "runs/quickstart", Device: "cpu", World: sample.Defaults(),
		Model: llama(192, 512), ArmsModel: llama(128, 320),
		BaseTrain: pre, BaseWorlds: 8, BaseGo: 1000, WarmSteps: 500, ShortSteps: 500,
		Tune: tune, TuneGo: 0.25, TuneShort: 0.25, Shots: 2, Rounds: 2, MaxNew: 160, InFlight: 64, MinLogProb: -3,
		Arms: arms, RawShare: 0.2, TuningShare: 0.2, GoHeldOut: 0.3, ScoreTokens: 2048, RecallEvery: 5, ExamplesRead: 3,
	}
}
