package tokenizer

import (
	"strings"
)

// Names that special tokens at the start and end of texts have, asked for when no file says it.
var (
	bosNames = []string{"<s>", "<|begin_of_text|>", "<bos>", "[BOS]", "<|startoftext|>"}
	eosNames = []string{"</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>", "[EOS]"}
)

// chooseEnds settles the tokens that begin and end a text: what tokenizer_config.json says, else
// what the post-processor's template puts there, else a special token with a usual name.
func (t *Tokenizer) chooseEnds(config []byte) (err error) {
	root := node{kind: kindObject}
	if config != nil {
		if root, err = parseJSON(config); err != nil {
			return err
		}
		if root.kind != kindObject {
			return invalid("", "is %v, not an object", root.kind)
		}
	}
	if t.bos, err = t.chooseEnd(root, "bos_token", t.spec.bos, bosNames); err != nil {
		return err
	}
	t.eos, err = t.chooseEnd(root, "eos_token", t.spec.eos, eosNames)
	return err
}

func (t *Tokenizer) chooseEnd(config node, key, template string, names []string) (int32, error) {
	for i, k := range config.keys {
		if k != key {
			continue
		}
		n := config.items[i]
		if n.kind == kindObject { // {"content": "<s>", …}
			n = object{node: n}.get("content")
		}
		switch id, ok := t.ids[n.text]; {
		case n.kind == kindNull:
			return -1, nil
		case n.kind != kindString:
			return -1, invalid(key, "is %v, not a string", n.kind)
		case !ok:
			return -1, invalid(key, "token %s is not in the vocabulary", quote(n.text))
		default:
			return id, nil
		}
	}
	if template != "" {
		return t.ids[template], nil // checked with the template
	}
	for _, name := range names {
		if id, ok := t.ids[name]; ok && t.special[id] {
			return id, nil
		}
	}
	return -1, nil
}

// BOS returns the token that begins a text, if there is one.
func (t *Tokenizer) BOS() (int32, bool) { return t.bos, t.bos >= 0 }

// EOS returns the token that ends a text, if there is one.
func (t *Tokenizer) EOS() (int32, bool) { return t.eos, t.eos >= 0 }

// AddsBOS reports whether tokenizer.json itself puts BOS before every text: whether Hugging Face's encode does by default.
func (t *Tokenizer) AddsBOS() bool { return t.spec.bos != "" }

// WithBOS returns ids with the token that begins a text in front, unless it is there already or the
// tokenizer has none. ids itself is not changed.
func (t *Tokenizer) WithBOS(ids []int32) []int32 {
	if t.bos < 0 || len(ids) > 0 && ids[0] == t.bos {
		return ids
	}
	return append([]int32{t.bos}, ids...)
}

// WithEOS returns ids with the token that ends a text behind, unless it is there already or the
// tokenizer has none. ids itself is not changed.
func (t *Tokenizer) WithEOS(ids []int32) []int32 {
	if t.eos < 0 || len(ids) > 0 && ids[len(ids)-1] == t.eos {
		return ids
	}
	return append(ids[:len(ids):len(ids)], t.eos)
}

// HasSpecialText reports whether the text of a special token stands in text: such a text encodes
// differently by Encode and EncodePlain.
func (t *Tokenizer) HasSpecialText(text string) bool {
	for _, a := range t.spec.added {
		if a.Special && strings.Contains(text, a.Content) {
			return true
		}
	}
	return false
}
