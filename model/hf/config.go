package hf

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/primer-lm/primer/model"
)

const maxConfigBytes = 1 << 20

// ReadConfig reads dir/config.json. See ParseConfig.
func ReadConfig(dir string) (*model.Config, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, dir, err)
	}
	defer root.Close()
	b, err := readSmall(root, "config.json", maxConfigBytes)
	if err != nil {
		return nil, err
	}
	return ParseConfig(b)
}

// ParseConfig reads a config.json in the layout of transformers 4 (rope_theta, rope_scaling, torch_dtype) or 5
// (rope_parameters, dtype); where both stand in one file they must agree. A field that changes the maths and is unknown,
// missing, unsupported or contradictory is an error. Derived as transformers does: head_dim when absent or null.
func ParseConfig(b []byte) (*model.Config, error) {
	raw, err := decodeObject(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	f := &fields{raw: raw}
	c := &model.Config{}
	readArchitecture(f, c)
	readSizes(f, c)
	readRope(f, c)
	readTokens(f, c)
	readDType(f, c)
	refuseOtherMaths(f)
	readLayerTypes(f, c)
	if f.err == nil {
		f.err = onlyHarmless(f.raw)
	}
	if f.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, f.err)
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return c, nil
}

// architectures of the two families; LLaMA is how the first files spelt it.
var architectures = map[string]string{
	"LlamaForCausalLM": model.Llama, "LLaMAForCausalLM": model.Llama, "MistralForCausalLM": model.Mistral,
}

func readArchitecture(f *fields, c *model.Config) {
	c.ModelType = need[string](f, "model_type")
	if f.err == nil && c.ModelType != model.Llama && c.ModelType != model.Mistral {
		f.fail("model_type", "is %q, supported are llama and mistral", c.ModelType)
	}
	archs, ok := value[[]string](f, "architectures", false)
	if !ok {
		return
	}
	for _, a := range archs {
		if architectures[a] == "" {
			f.fail("architectures", "names %q, supported are LlamaForCausalLM and MistralForCausalLM", a)
		} else if architectures[a] != c.ModelType {
			f.fail("architectures", "names %q, but model_type is %q", a, c.ModelType)
		}
	}
}

func readSizes(f *fields, c *model.Config) {
	c.VocabSize = need[int64](f, "vocab_size")
	c.HiddenSize = need[int64](f, "hidden_size")
	c.IntermediateSize = need[int64](f, "intermediate_size")
	c.NumHiddenLayers = need[int64](f, "num_hidden_layers")
	c.NumHeads = need[int64](f, "num_attention_heads")
	c.NumKeyValueHeads = need[int64](f, "num_key_value_heads")
	c.MaxPositions = need[int64](f, "max_position_embeddings")
	c.HiddenAct = need[string](f, "hidden_act")
	c.RMSNormEps = need[float64](f, "rms_norm_eps")
	c.TieWordEmbeddings = need[bool](f, "tie_word_embeddings")
	c.InitializerRange, _ = value[float64](f, "initializer_range", false) // of no effect on a model that is there
	if d, ok := value[int64](f, "head_dim", false); ok {
		c.HeadDim = d
	} else if c.NumHeads > 0 {
		if c.HiddenSize%c.NumHeads != 0 {
			f.fail("head_dim", "missing, and hidden_size (%d) is no multiple of num_attention_heads (%d)", c.HiddenSize, c.NumHeads)
		}
		c.HeadDim = c.HiddenSize / c.NumHeads
	}
	readWindow(f, c)
}

// readWindow: a mistral file says sliding_window, if only as null, since transformers would take 4096 where it is absent; a
// llama file may carry a null.
func readWindow(f *fields, c *model.Config) {
	_, present := f.raw["sliding_window"]
	w, ok := value[int64](f, "sliding_window", false)
	switch {
	case ok && w < 1:
		f.fail("sliding_window", "is %d, must be at least 1, or null for none", w)
	case ok:
		c.SlidingWindow = w
	case !present && c.ModelType == model.Mistral:
		f.fail("sliding_window", "missing; it changes what the model computes, so no default is assumed: add it (null for none)")
	}
}

func readTokens(f *fields, c *model.Config) {
	c.BOS = tokenIDs(f, "bos_token_id")
	c.EOS = tokenIDs(f, "eos_token_id")
	c.Pad = tokenIDs(f, "pad_token_id")
}

// tokenIDs reads a token id, a list of them, or nothing.
func tokenIDs(f *fields, name string) []int32 {
	raw, ok := f.take(name)
	if !ok {
		return nil
	}
	var one int32
	if json.Unmarshal(raw, &one) == nil {
		return []int32{one}
	}
	var many []int32
	if err := json.Unmarshal(raw, &many); err != nil {
		f.fail(name, "is %.40s, expected a token id or a list of them", raw)
	}
	return many
}

func readDType(f *fields, c *model.Config) {
	old, hasOld := value[string](f, "torch_dtype", false)
	now, hasNow := value[string](f, "dtype", false)
	switch {
	case hasOld && hasNow && old != now:
		f.fail("dtype", "is %q, but torch_dtype is %q", now, old)
	case hasNow:
		c.DType = now
	case hasOld:
		c.DType = old
	}
}

// readLayerTypes accepts the list only where it repeats what sliding_window says of every layer.
func readLayerTypes(f *fields, c *model.Config) {
	types, ok := value[[]string](f, "layer_types", false)
	if !ok {
		return
	}
	want := "full_attention"
	if c.SlidingWindow > 0 {
		want = "sliding_attention"
	}
	if int64(len(types)) != c.NumHiddenLayers {
		f.fail("layer_types", "has %d entries for %d layers", len(types), c.NumHiddenLayers)
	}
	if i := slices.IndexFunc(types, func(t string) bool { return t != want }); i >= 0 {
		f.fail("layer_types", "layer %d is %q where sliding_window makes every layer %q; mixed layers are not supported", i, types[i], want)
	}
}

// refuseOtherMaths takes the fields whose every value but one asks for something that is not computed here.
func refuseOtherMaths(f *fields) {
	mustBe(f, "attention_bias", false, "no biases in attention")
	mustBe(f, "mlp_bias", false, "no biases in the feed-forward part")
	mustBe(f, "pretraining_tp", int64(1), "the sliced products of other values round differently; set it to 1")
	mustBe(f, "partial_rotary_factor", 1.0, "the whole head rotates")
	mustBe(f, "is_encoder_decoder", false, "decoder only")
	mustBe(f, "add_cross_attention", false, "decoder only")
	for _, name := range []string{"quantization_config", "auto_map", "compression_config"} {
		if raw, ok := f.take(name); ok {
			f.fail(name, "is %.40s: quantised weights and remote code are not supported", raw)
		}
	}
}

// harmless are the fields that say nothing about the numbers of a forward pass: bookkeeping, defaults of generate (as
// transformers 4 kept them here), output shapes of its Python API, dropout of its own trainer (the recipe sets ours).
var harmless = strings.Fields(`
	_name_or_path _commit_hash _attn_implementation _attn_implementation_autoset _attn_implementation_internal
	transformers_version transformers.js_config use_cache unk_token_id sep_token_id cls_token_id attention_dropout
	output_attentions output_hidden_states output_scores return_dict return_dict_in_generate torchscript use_bfloat16
	chunk_size_feed_forward id2label label2id problem_type num_labels is_decoder cross_attention_hidden_size
	tie_encoder_decoder pruned_heads finetuning_task task_specific_params tokenizer_class prefix
	decoder_start_token_id forced_bos_token_id forced_eos_token_id begin_suppress_tokens suppress_tokens
	max_length min_length max_sequence_length do_sample early_stopping num_beams num_beam_groups diversity_penalty
	temperature top_k top_p typical_p repetition_penalty length_penalty no_repeat_ngram_size
	encoder_no_repeat_ngram_size bad_words_ids num_return_sequences exponential_decay_length_penalty
	remove_invalid_values tf_legacy_loss unsloth_version unsloth_fixed`)

func onlyHarmless(raw map[string]json.RawMessage) error {
	var unknown []string
	for name, v := range raw {
		if !slices.Contains(harmless, name) && !isNull(v) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	sort.Strings(unknown)
	return fmt.Errorf("%s: unknown field; it may change what the model computes, so it is not ignored: remove it if it does not", strings.Join(unknown, ", "))
}
