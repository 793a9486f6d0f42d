package train

import (
	"github.com/pelletier/go-toml/v2"

	"github.com/primer-lm/primer/model"
)

// resolvedConfig is config.toml of a run directory: everything that decides what the run computes.
type resolvedConfig struct {
	Train Config            `toml:"train"`
	Model resolvedModel     `toml:"model"`
	Data  map[string]string `toml:"data"`
}

// resolvedModel is the architecture under Hugging Face's names.
type resolvedModel struct {
	ModelType         string  `toml:"model_type"`
	VocabSize         int64   `toml:"vocab_size"`
	HiddenSize        int64   `toml:"hidden_size"`
	IntermediateSize  int64   `toml:"intermediate_size"`
	NumHiddenLayers   int64   `toml:"num_hidden_layers"`
	NumHeads          int64   `toml:"num_attention_heads"`
	NumKeyValueHeads  int64   `toml:"num_key_value_heads"`
	HeadDim           int64   `toml:"head_dim"`
	MaxPositions      int64   `toml:"max_position_embeddings"`
	RMSNormEps        float64 `toml:"rms_norm_eps"`
	RopeType          string  `toml:"rope_type"`
	RopeTheta         float64 `toml:"rope_theta"`
	RopeFactor        float64 `toml:"rope_factor"`
	RopeLowFreq       float64 `toml:"rope_low_freq_factor"`
	RopeHighFreq      float64 `toml:"rope_high_freq_factor"`
	RopeOriginalMax   int64   `toml:"rope_original_max_position_embeddings"`
	SlidingWindow     int64   `toml:"sliding_window"`
	TieWordEmbeddings bool    `toml:"tie_word_embeddings"`
	InitRule          string  `toml:"initialization"`
	Parameters        int64   `toml:"parameters"`
}

func resolveModel(c *model.Config) resolvedModel {
	return resolvedModel{ModelType: c.ModelType, VocabSize: c.VocabSize, HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize,
		NumHiddenLayers: c.NumHiddenLayers, NumHeads: c.NumHeads, NumKeyValueHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
		MaxPositions: c.MaxPositions, RMSNormEps: c.RMSNormEps, RopeType: c.Rope.Type, RopeTheta: c.Rope.Theta, RopeFactor: c.Rope.Factor,
		RopeLowFreq: c.Rope.LowFreq, RopeHighFreq: c.Rope.HighFreq, RopeOriginalMax: c.Rope.OriginalMax,
		SlidingWindow: c.SlidingWindow, TieWordEmbeddings: c.TieWordEmbeddings, InitRule: c.InitRule(), Parameters: c.NumParams()}
}

func (j *Job) resolved() ([]byte, error) {
	return toml.Marshal(resolvedConfig{j.Config, resolveModel(j.Model), j.Data})
}
