package model

import (
	"fmt"
	"math"
)

// The model families, as config.json's model_type names them.
const (
	Llama   = "llama"
	Mistral = "mistral"
)

// The rope types that are computed; any other is refused.
const (
	RopeDefault = "default"
	RopeLlama3  = "llama3"
)

// Rope is the rotary embedding, with the names of transformers 5's rope_parameters. The fields after Theta belong to the
// llama3 type and are zero otherwise.
type Rope struct {
	Type        string  `json:"rope_type"`
	Theta       float64 `json:"rope_theta"`
	Factor      float64 `json:"factor,omitempty"`
	LowFreq     float64 `json:"low_freq_factor,omitempty"`
	HighFreq    float64 `json:"high_freq_factor,omitempty"`
	OriginalMax int64   `json:"original_max_position_embeddings,omitempty"`
}

// Config is a model's architecture under Hugging Face's names. Everything in it is explicit: what a file may leave to be
// derived (head_dim, a null sliding_window) is filled in by whoever reads the file.
type Config struct {
	ModelType         string  `json:"model_type"`              // "llama" or "mistral"
	VocabSize         int64   `json:"vocab_size"`              // V
	HiddenSize        int64   `json:"hidden_size"`             // C
	IntermediateSize  int64   `json:"intermediate_size"`       // F
	NumHiddenLayers   int64   `json:"num_hidden_layers"`       // L
	NumHeads          int64   `json:"num_attention_heads"`     // H
	NumKeyValueHeads  int64   `json:"num_key_value_heads"`     // K
	HeadDim           int64   `json:"head_dim"`                // D
	MaxPositions      int64   `json:"max_position_embeddings"` // positions the model was made for
	HiddenAct         string  `json:"hidden_act"`              // "silu"
	RMSNormEps        float64 `json:"rms_norm_eps"`            // inside the square root
	Rope              Rope    `json:"rope_parameters"`         //
	SlidingWindow     int64   `json:"sliding_window"`          // keys a query sees, itself included; 0: all
	TieWordEmbeddings bool    `json:"tie_word_embeddings"`     // the output matrix is the embedding table
	InitializerRange  float64 `json:"initializer_range"`       // standard deviation of fresh weights
	BOS               []int32 `json:"bos_token_id"`            // at most one
	EOS               []int32 `json:"eos_token_id"`            // any number
	Pad               []int32 `json:"pad_token_id"`            // at most one
	DType             string  `json:"dtype"`                   // of the stored weights: "float32", "bfloat16", "float16" or ""
}

// Heads32 and the like would overflow nothing that fits memory; these limits keep every product inside int64.
const (
	maxDim    = 1 << 31
	maxLayers = 1 << 16
)

// Validate returns an error wrapping ErrConfig that names the first field that is missing, out of range, unsupported or in
// contradiction with another.
func (c *Config) Validate() error {
	for _, check := range []func() error{c.checkSizes, c.checkHeads, c.checkMaths, c.checkRope, c.checkTokens} {
		if err := check(); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	return nil
}

func (c *Config) checkSizes() error {
	sizes := []struct {
		name   string
		value  int64
		at, to int64
	}{
		{"vocab_size", c.VocabSize, 1, maxDim}, {"hidden_size", c.HiddenSize, 1, maxDim},
		{"intermediate_size", c.IntermediateSize, 1, maxDim}, {"num_hidden_layers", c.NumHiddenLayers, 1, maxLayers},
		{"num_attention_heads", c.NumHeads, 1, maxDim}, {"num_key_value_heads", c.NumKeyValueHeads, 1, maxDim},
		{"head_dim", c.HeadDim, 2, maxDim}, {"max_position_embeddings", c.MaxPositions, 1, maxDim},
		{"sliding_window", c.SlidingWindow, 0, maxDim},
	}
	for _, s := range sizes {
		if s.value < s.at || s.value > s.to {
			return fmt.Errorf("%s is %d, must be %d to %d", s.name, s.value, s.at, s.to)
		}
	}
	// The largest stored tensors, with all layers and 16 bytes of training state an element, must fit int64.
	rows := float64(c.NumHeads+2*c.NumKeyValueHeads) * float64(c.HeadDim)
	layer := (2*rows + 3*float64(c.IntermediateSize)) * float64(c.HiddenSize)
	if bytes := 16 * (layer*float64(c.NumHiddenLayers) + 2*float64(c.VocabSize)*float64(c.HiddenSize)); bytes > math.MaxInt64/4 {
		return fmt.Errorf("hidden_size, intermediate_size, num_hidden_layers and vocab_size describe a model of %.3g bytes, beyond any address space", bytes)
	}
	return nil
}

func (c *Config) checkHeads() error {
	switch {
	case c.NumHeads%c.NumKeyValueHeads != 0:
		return fmt.Errorf("num_attention_heads (%d) is no multiple of num_key_value_heads (%d)", c.NumHeads, c.NumKeyValueHeads)
	case c.HeadDim%2 != 0:
		return fmt.Errorf("head_dim is %d; the rotary embedding needs an even one", c.HeadDim)
	case c.ModelType == Llama && c.HiddenSize%c.NumHeads != 0:
		return fmt.Errorf("hidden_size (%d) is no multiple of num_attention_heads (%d), which transformers requires of model_type llama", c.HiddenSize, c.NumHeads)
	case c.ModelType == Llama && c.SlidingWindow != 0:
		return fmt.Errorf("sliding_window is %d, but model_type llama has none (mistral does)", c.SlidingWindow)
	}
	return nil
}

func (c *Config) checkMaths() error {
	switch {
	case c.ModelType != Llama && c.ModelType != Mistral:
		return fmt.Errorf("model_type is %q, supported are llama and mistral", c.ModelType)
	case c.HiddenAct != "silu":
		return fmt.Errorf("hidden_act is %q, supported is silu", c.HiddenAct)
	case !(c.RMSNormEps > 0 && c.RMSNormEps < 1):
		return fmt.Errorf("rms_norm_eps is %v, must be above 0 and below 1", c.RMSNormEps)
	case !(c.InitializerRange >= 0 && c.InitializerRange <= 1):
		return fmt.Errorf("initializer_range is %v, must be 0 to 1", c.InitializerRange)
	case c.DType != "" && c.DType != "float32" && c.DType != "bfloat16" && c.DType != "float16":
		return fmt.Errorf("dtype is %q, supported are float32, bfloat16 and float16", c.DType)
	}
	return nil
}

func (c *Config) checkRope() error {
	r := c.Rope
	if !(r.Theta >= 1) || math.IsInf(r.Theta, 0) {
		return fmt.Errorf("rope_theta is %v, must be at least 1 and finite", r.Theta)
	}
	switch r.Type {
	case RopeDefault:
		if r != (Rope{Type: r.Type, Theta: r.Theta}) {
			return fmt.Errorf("rope_type is default, but scaling fields are set")
		}
		return nil
	case RopeLlama3:
	default:
		return fmt.Errorf("rope_type is %q, supported are default and llama3", r.Type)
	}
	switch {
	case !(r.Factor >= 1) || math.IsInf(r.Factor, 0):
		return fmt.Errorf("rope factor is %v, must be at least 1 and finite", r.Factor)
	case !(r.LowFreq > 0) || math.IsInf(r.LowFreq, 0):
		return fmt.Errorf("low_freq_factor is %v, must be above 0 and finite", r.LowFreq)
	case !(r.HighFreq > r.LowFreq) || math.IsInf(r.HighFreq, 0):
		return fmt.Errorf("high_freq_factor is %v, must be above low_freq_factor (%v) and finite", r.HighFreq, r.LowFreq)
	case r.OriginalMax < 1 || r.OriginalMax > maxDim:
		return fmt.Errorf("original_max_position_embeddings is %d, must be 1 to %d", r.OriginalMax, maxDim)
	}
	return nil
}

func (c *Config) checkTokens() error {
	for _, list := range []struct {
		name string
		ids  []int32
		max  int
	}{{"bos_token_id", c.BOS, 1}, {"eos_token_id", c.EOS, 1 << 10}, {"pad_token_id", c.Pad, 1}} {
		if len(list.ids) > list.max {
			return fmt.Errorf("%s has %d values, at most %d", list.name, len(list.ids), list.max)
		}
		for _, id := range list.ids {
			if int64(id) >= c.VocabSize || (id < 0 && !(id == -1 && list.name == "pad_token_id")) {
				return fmt.Errorf("%s is %d, outside vocab_size (%d)", list.name, id, c.VocabSize)
			}
		}
	}
	return nil
}
