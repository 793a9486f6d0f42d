package hf_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// edited returns a golden's config.json with fields set; a nil value removes the field, jsonNull writes null.
func edited(t *testing.T, name string, changes map[string]any) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(goldens, name, hf.ConfigName))
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	for key, v := range changes {
		if v == nil {
			delete(object, key)
		} else {
			object[key] = v
		}
	}
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var jsonNull = json.RawMessage("null")

type object = map[string]any

// A field that changes the maths and is unknown, missing, unsupported or contradictory is an error that names it.
func TestConfigsThatMustBeRefused(t *testing.T) {
	llama3 := object{"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
	with := func(key string, v any) object {
		out := object{}
		for k, x := range llama3 {
			out[k] = x
		}
		if out[key] = v; v == nil {
			delete(out, key)
		}
		return out
	}
	cases := []struct {
		golden  string
		changes object
		says    string
	}{
		{"llama3-tied", object{"model_type": "qwen2"}, "model_type"},
		{"llama3-tied", object{"model_type": nil}, "model_type: missing"},
		{"llama3-tied", object{"architectures": []string{"LlamaForSequenceClassification"}}, "architectures"},
		{"llama3-tied", object{"architectures": []string{"MistralForCausalLM"}}, "architectures"},
		{"llama3-tied", object{"vocab_size": nil}, "vocab_size: missing"},
		{"llama3-tied", object{"hidden_size": nil}, "hidden_size: missing"},
		{"llama3-tied", object{"intermediate_size": nil}, "intermediate_size: missing"},
		{"llama3-tied", object{"num_hidden_layers": nil}, "num_hidden_layers: missing"},
		{"llama3-tied", object{"num_attention_heads": nil}, "num_attention_heads: missing"},
		{"llama3-tied", object{"num_key_value_heads": nil}, "num_key_value_heads: missing"},
		{"llama3-tied", object{"max_position_embeddings": nil}, "max_position_embeddings: missing"},
		{"llama3-tied", object{"hidden_act": nil}, "hidden_act: missing"},
		{"llama3-tied", object{"rms_norm_eps": nil}, "rms_norm_eps: missing"},
		{"llama3-tied", object{"tie_word_embeddings": nil}, "tie_word_embeddings: missing"},
		{"llama3-tied", object{"hidden_size": "64"}, "hidden_size: is \"64\""},
		{"llama3-tied", object{"hidden_size": 64.5}, "hidden_size"},
		{"llama3-tied", object{"hidden_size": -64}, "hidden_size"},
		{"llama3-tied", object{"hidden_size": 1e18}, "hidden_size"},
		{"llama3-tied", object{"num_hidden_layers": 1 << 20}, "num_hidden_layers"},
		{"llama3-tied", object{"hidden_size": 66}, "hidden_size (66) is no multiple"},
		{"llama3-tied", object{"head_dim": jsonNull, "hidden_size": 66}, "head_dim: missing"},
		{"llama3-tied", object{"head_dim": 15}, "head_dim is 15"},
		{"llama3-tied", object{"num_key_value_heads": 3}, "num_key_value_heads"},
		{"llama3-tied", object{"num_key_value_heads": 0}, "num_key_value_heads"},
		{"llama3-tied", object{"num_attention_heads": 0}, "num_attention_heads"},
		{"llama3-tied", object{"hidden_act": "gelu"}, "hidden_act"},
		{"llama3-tied", object{"rms_norm_eps": 0}, "rms_norm_eps"},
		{"llama3-tied", object{"attention_bias": true}, "attention_bias"},
		{"llama3-tied", object{"mlp_bias": true}, "mlp_bias"},
		{"llama3-tied", object{"pretraining_tp": 2}, "pretraining_tp"},
		{"llama3-tied", object{"partial_rotary_factor": 0.5}, "partial_rotary_factor"},
		{"llama3-tied", object{"quantization_config": object{"bits": 4}}, "quantization_config"},
		{"llama3-tied", object{"auto_map": object{"AutoModel": "x.Y"}}, "auto_map"},
		{"llama3-tied", object{"sliding_window": 16}, "sliding_window"},
		{"llama3-tied", object{"residual_multiplier": 0.22}, "residual_multiplier: unknown field"},
		{"llama3-tied", object{"logit_scale": 16}, "logit_scale: unknown field"},
		{"llama3-tied", object{"dtype": "float8"}, "dtype"},
		{"llama3-tied", object{"torch_dtype": "float32"}, "dtype: is \"bfloat16\", but torch_dtype is \"float32\""},
		{"llama3-tied", object{"bos_token_id": 128}, "bos_token_id"},
		{"llama3-tied", object{"eos_token_id": []int{2, -1}}, "eos_token_id"},
		{"llama3-tied", object{"eos_token_id": "</s>"}, "eos_token_id"},
		{"llama3-tied", object{"rope_parameters": nil}, "rope_theta: missing"},
		{"llama3-tied", object{"rope_parameters": with("rope_theta", nil)}, "rope_parameters.rope_theta: missing"},
		{"llama3-tied", object{"rope_parameters": with("rope_type", nil)}, "rope_parameters.rope_type: missing"},
		{"llama3-tied", object{"rope_parameters": with("rope_type", "yarn")}, "rope_type: is \"yarn\""},
		{"llama3-tied", object{"rope_parameters": with("type", "default")}, "rope_parameters.type"},
		{"llama3-tied", object{"rope_parameters": with("rope_type", "default")}, "has no meaning"},
		{"llama3-tied", object{"rope_parameters": with("factor", nil)}, "rope_parameters.factor: missing"},
		{"llama3-tied", object{"rope_parameters": with("low_freq_factor", 4.0)}, "high_freq_factor"},
		{"llama3-tied", object{"rope_parameters": with("partial_rotary_factor", 0.25)}, "partial_rotary_factor"},
		{"llama3-tied", object{"rope_parameters": with("attention_factor", 1.5)}, "attention_factor"},
		{"llama3-tied", object{"rope_parameters": object{"full_attention": llama3}}, "rope_parameters"},
		{"llama3-tied", object{"rope_theta": 5e5}, "rope_theta: is 500000"},
		{"llama3-tied", object{"rope_scaling": jsonNull}, "rope_scaling: contradicts"},
		{"llama3-tied", object{"rope_scaling": with("factor", 2.0)}, "rope_scaling: contradicts"},
		{"llama2-mha", object{"rope_theta": nil}, "rope_theta: missing"},
		{"llama2-mha", object{"rope_theta": 0}, "rope_theta"},
		{"llama2-mha", object{"rope_scaling": object{"type": "linear", "factor": 2.0}}, "rope_scaling.rope_type: is \"linear\""},
		{"llama2-mha", object{"rope_scaling": object{"type": "dynamic", "factor": 2.0}}, "\"dynamic\""},
		{"mistral-window", object{"sliding_window": nil}, "sliding_window: missing"},
		{"mistral-window", object{"sliding_window": 0}, "sliding_window"},
		{"mistral-window", object{"layer_types": []string{"full_attention", "sliding_attention", "sliding_attention"}}, "layer_types: layer 0"},
		{"mistral-window", object{"layer_types": []string{"sliding_attention"}}, "layer_types: has 1 entries"},
	}
	for _, c := range cases {
		_, err := hf.ParseConfig(edited(t, c.golden, c.changes))
		if err == nil || !strings.Contains(err.Error(), c.says) || !(errors.Is(err, hf.ErrConfig) || errors.Is(err, model.ErrConfig)) {
			t.Errorf("%s with %v: %v, expected an error that says %q", c.golden, c.changes, err, c.says)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "array": "[]", "cut": `{"model_type":"llama"`, "twice": `{"hidden_size":1,"hidden_size":2}`,
		"rest": "{} {}", "not UTF-8": "{\"\xff\":1}", "null": "null",
	} {
		if _, err := hf.ParseConfig([]byte(text)); !errors.Is(err, hf.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What says nothing about the numbers, and what repeats what is said elsewhere, is no reason to refuse a file.
func TestConfigsThatMustBeRead(t *testing.T) {
	for _, c := range []struct {
		golden  string
		changes object
	}{
		{"llama3-tied", object{"use_cache": false, "temperature": 0.6, "_name_or_path": "x", "attention_dropout": 0.1, "some_new_field": jsonNull}},
		{"llama3-tied", object{"rope_theta": 1e4, "torch_dtype": "bfloat16"}},
		{"llama3-tied", object{"head_dim": jsonNull, "pad_token_id": -1, "eos_token_id": []int{2, 3}}},
		{"llama3-tied", object{"architectures": nil, "dtype": nil, "sliding_window": jsonNull}},
		{"llama2-mha", object{"rope_scaling": nil}},
		{"llama2-mha", object{"rope_scaling": object{"type": "default"}}},
		{"mistral-window", object{"layer_types": []string{"sliding_attention", "sliding_attention", "sliding_attention"}}},
		{"mistral-full-tied", object{"layer_types": []string{"full_attention", "full_attention"}}},
	} {
		if _, err := hf.ParseConfig(edited(t, c.golden, c.changes)); err != nil {
			t.Errorf("%s with %v: %v", c.golden, c.changes, err)
		}
	}
}

// Both layouts of one model, and what FormatConfig makes of it, are the same configuration.
func TestFormatConfigReadsBack(t *testing.T) {
	for _, name := range goldenNames(t) {
		c, err := hf.ReadConfig(filepath.Join(goldens, name))
		if err != nil {
			t.Fatal(err)
		}
		back, err := hf.ParseConfig(hf.FormatConfig(c))
		if err != nil || !reflect.DeepEqual(c, back) {
			t.Errorf("%s: %v\n%+v\n%+v", name, err, c, back)
		}
	}
}
