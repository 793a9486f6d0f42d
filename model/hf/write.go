package hf

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/model"
)

// Output is a model to be written as a folder.
type Output struct {
	Config    *model.Config
	DType     string // of the stored tensors: "F32", "BF16" or "F16"; config.json says the same
	MaxShard  int64  // bytes of tensors in one file; 0: all in model.safetensors
	Tokenizer []byte // tokenizer.json, copied as it is; nil: none
	// Tensor writes the numbers of one tensor, row-major and little-endian, in DType.
	Tensor func(view model.View, w io.Writer) error
}

var dtypeLong = map[string]string{"F32": "float32", "BF16": "bfloat16", "F16": "float16"}

// WriteFolder writes config.json, generation_config.json, the tensors and tokenizer.json into a folder that is being
// committed. transformers 4 and 5 load it unchanged; so does OpenFolder.
func WriteFolder(dir *durable.Dir, out Output) error {
	c := *out.Config
	long, ok := dtypeLong[out.DType]
	if !ok {
		return fmt.Errorf("%w: tensors cannot be written as %q, only as F32, BF16 or F16", ErrTensor, out.DType)
	}
	c.DType = long
	if err := c.Validate(); err != nil {
		return err
	}
	small := map[string][]byte{ConfigName: FormatConfig(&c), GenerationName: formatGeneration(&c)}
	if out.Tokenizer != nil {
		small[TokenizerName] = out.Tokenizer
	}
	shards := planShards(&c, dtypeBytes[out.DType], out.MaxShard)
	if len(shards) > 1 {
		small[IndexName] = formatIndex(shards, dtypeBytes[out.DType])
	}
	for _, name := range []string{ConfigName, GenerationName, TokenizerName, IndexName} {
		if b, ok := small[name]; ok {
			if err := dir.WriteFile(name, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
				return err
			}
		}
	}
	for _, s := range shards {
		if err := dir.WriteFile(s.name, func(w io.Writer) error { return s.write(w, out) }); err != nil {
			return err
		}
	}
	return nil
}

// shard is one safetensors file to be written.
type shard struct {
	name  string
	views []model.View
}

// planShards fills files of at most limit bytes in forward order; a tensor larger than the limit has a file of its own.
func planShards(c *model.Config, elem, limit int64) []shard {
	var out []shard
	used := int64(0)
	for _, p := range c.Params() {
		for _, v := range p.Views {
			if v.Alias {
				continue
			}
			n := elements(v) * elem
			if len(out) == 0 || (limit > 0 && used+n > limit) {
				out = append(out, shard{name: SingleName})
				used = 0
			}
			out[len(out)-1].views = append(out[len(out)-1].views, v)
			used += n
		}
	}
	if len(out) > 1 {
		for i := range out {
			out[i].name = fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(out))
		}
	}
	return out
}

func elements(v model.View) int64 {
	n := int64(1)
	for _, d := range v.Shape {
		n *= d
	}
	return n
}

// write puts length, header and tensors into one file. The header is padded so that the data section is 64-byte aligned,
// which lets generation use it in place.
func (s shard) write(w io.Writer, out Output) error {
	elem := dtypeBytes[out.DType]
	var head strings.Builder
	head.WriteString(`{"__metadata__":{"format":"pt"}`)
	at := int64(0)
	for _, v := range s.views {
		end := at + elements(v)*elem
		fmt.Fprintf(&head, `,%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, mustJSON(v.Name), out.DType, mustJSON(v.Shape), at, end)
		at = end
	}
	head.WriteByte('}')
	for (head.Len()+8)%64 != 0 {
		head.WriteByte(' ')
	}
	length := binary.LittleEndian.AppendUint64(nil, uint64(head.Len()))
	if _, err := w.Write(append(length, head.String()...)); err != nil {
		return err
	}
	for _, v := range s.views {
		counted := &countingWriter{w: w}
		if err := out.Tensor(v, counted); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		if want := elements(v) * elem; counted.n != want {
			return fmt.Errorf("%w: %s: %d bytes were given, its shape takes %d", ErrTensor, v.Name, counted.n, want)
		}
	}
	return nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func formatIndex(shards []shard, elem int64) []byte {
	total, weights := int64(0), map[string]string{}
	for _, s := range shards {
		for _, v := range s.views {
			weights[v.Name] = s.name
			total += elements(v) * elem
		}
	}
	return indented(map[string]any{"metadata": map[string]int64{"total_size": total}, "weight_map": weights})
}

// FormatConfig writes config.json in both layouts at once: rope_parameters and dtype for transformers 5, and the same said
// as rope_theta, rope_scaling and torch_dtype for transformers 4, which would otherwise take its defaults in silence.
func FormatConfig(c *model.Config) []byte {
	architecture := "LlamaForCausalLM"
	if c.ModelType == model.Mistral {
		architecture = "MistralForCausalLM"
	}
	out := map[string]any{
		"architectures": []string{architecture}, "model_type": c.ModelType,
		"vocab_size": c.VocabSize, "hidden_size": c.HiddenSize, "intermediate_size": c.IntermediateSize,
		"num_hidden_layers": c.NumHiddenLayers, "num_attention_heads": c.NumHeads, "num_key_value_heads": c.NumKeyValueHeads,
		"head_dim": c.HeadDim, "max_position_embeddings": c.MaxPositions, "hidden_act": c.HiddenAct,
		"rms_norm_eps": c.RMSNormEps, "tie_word_embeddings": c.TieWordEmbeddings, "initializer_range": c.InitializerRange,
		"attention_dropout": 0.0, "use_cache": true,
		"rope_parameters": ropeObject(c.Rope, true), "rope_theta": number(c.Rope.Theta), "rope_scaling": nil,
		"bos_token_id": ids(c.BOS), "eos_token_id": ids(c.EOS), "pad_token_id": ids(c.Pad),
	}
	if c.Rope.Type != model.RopeDefault {
		out["rope_scaling"] = ropeObject(c.Rope, false)
	}
	if c.DType != "" {
		out["dtype"], out["torch_dtype"] = c.DType, c.DType
	}
	if c.ModelType == model.Mistral {
		out["sliding_window"] = nil
		if c.SlidingWindow > 0 {
			out["sliding_window"] = c.SlidingWindow
		}
	} else {
		out["attention_bias"], out["mlp_bias"], out["pretraining_tp"] = false, false, 1
	}
	return indented(out)
}

func ropeObject(r model.Rope, theta bool) map[string]any {
	out := map[string]any{"rope_type": r.Type}
	if theta {
		out["rope_theta"] = number(r.Theta)
	}
	if r.Type == model.RopeLlama3 {
		out["factor"], out["low_freq_factor"], out["high_freq_factor"] = number(r.Factor), number(r.LowFreq), number(r.HighFreq)
		out["original_max_position_embeddings"] = r.OriginalMax
	}
	return out
}

// number writes a whole number as 8.0: transformers warns where it expects a float and finds an integer.
func number(x float64) json.RawMessage {
	b := mustJSON(x)
	if !bytes.ContainsAny(b, ".e") {
		b = append(b, ".0"...)
	}
	return b
}

func formatGeneration(c *model.Config) []byte {
	out := map[string]any{"_from_model_config": true}
	for name, list := range map[string][]int32{"bos_token_id": c.BOS, "eos_token_id": c.EOS, "pad_token_id": c.Pad} {
		if len(list) > 0 {
			out[name] = ids(list)
		}
	}
	return indented(out)
}

// ids is null, one id, or a list, as transformers writes them.
func ids(list []int32) any {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return list
}

func indented(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("hf: a value of our own does not encode") // finite numbers, strings and lists only
	}
	return append(b, '\n')
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("hf: a value of our own does not encode")
	}
	return b
}
