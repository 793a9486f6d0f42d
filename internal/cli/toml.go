package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pelletier/go-toml/v2"

	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/train"
)

// settingsFile is what --config reads. What a table leaves out keeps the recipe's value.
//
//	[train]
//	recipe = "tiny"
//	steps = 1000
//	rate = 1e-3
//
//	[model]              # from scratch only; names as in config.json
//	hidden_size = 256
type settingsFile struct {
	Train train.Config `toml:"train"`
	Model architecture `toml:"model"`
}

// architecture is the part of model.Config that a file may set, under the names of config.json.
type architecture struct {
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
	RopeTheta         float64 `toml:"rope_theta"`
	SlidingWindow     int64   `toml:"sliding_window"`
	TieWordEmbeddings bool    `toml:"tie_word_embeddings"`
}

func architectureOf(c *model.Config) architecture {
	if c == nil {
		return architecture{}
	}
	return architecture{ModelType: c.ModelType, VocabSize: c.VocabSize, HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize,
		NumHiddenLayers: c.NumHiddenLayers, NumHeads: c.NumHeads, NumKeyValueHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
		MaxPositions: c.MaxPositions, RMSNormEps: c.RMSNormEps, RopeTheta: c.Rope.Theta, SlidingWindow: c.SlidingWindow,
		TieWordEmbeddings: c.TieWordEmbeddings}
}

// apply changes a configuration to what the file says. head_dim follows hidden_size and the heads unless the file sets it.
func (a architecture) apply(c *model.Config) {
	if a.HeadDim == c.HeadDim && a.NumHeads > 0 {
		a.HeadDim = a.HiddenSize / a.NumHeads
	}
	c.ModelType, c.VocabSize, c.HiddenSize, c.IntermediateSize = a.ModelType, a.VocabSize, a.HiddenSize, a.IntermediateSize
	c.NumHiddenLayers, c.NumHeads, c.NumKeyValueHeads, c.HeadDim = a.NumHiddenLayers, a.NumHeads, a.NumKeyValueHeads, a.HeadDim
	c.MaxPositions, c.RMSNormEps, c.Rope.Theta = a.MaxPositions, a.RMSNormEps, a.RopeTheta
	c.SlidingWindow, c.TieWordEmbeddings = a.SlidingWindow, a.TieWordEmbeddings
}

// maxSettings bounds a settings file, in bytes.
const maxSettings = 1 << 20

// readSettings reads a file over what stands in into. A key that is not known, or of the wrong type, is an error with its line.
func readSettings(path string, into *settingsFile) error {
	f, err := os.Open(path)
	if err != nil {
		return usage("--config: %v", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("--config %s: %w", path, err)
	}
	if len(text) > maxSettings {
		return usage("--config %s: larger than %d MiB", path, maxSettings>>20)
	}
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		line, _ := unknown.Errors[0].Position()
		return usage("%s:%d: unknown key %s", path, line, dotted(unknown.Errors[0].Key()))
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		return usage("%s:%d: %s: %v", path, line, dotted(wrong.Key()), wrong)
	case err != nil:
		return usage("%s: %v", path, err)
	}
	return nil
}

func dotted(key toml.Key) string {
	out := ""
	for i, k := range key {
		if i > 0 {
			out += "."
		}
		out += k
	}
	return out
}
