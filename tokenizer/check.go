package tokenizer

import (
	"strings"
	"unicode"
)

// Limits that no real tokenizer comes near and that keep a hostile one cheap.
const (
	maxFile   = 256 << 20 // bytes of tokenizer.json
	maxVocab  = 4 << 20   // tokens
	maxToken  = 1 << 16   // bytes of one token
	maxAdded  = 1 << 14   // added tokens: the library compares each with each
	maxSteps  = 16        // steps of a normalizer, pre-tokenizer or decoder
	maxPiece  = 64        // bytes of a pattern or a prefix in such a step
	maxExpand = 3         // bytes that a normalizer may put for one: "▁" for " "
)

// spec is a tokenizer.json whose every part is known and checked.
type spec struct {
	added      []addedToken
	normalizer []step
	pre        []step
	post       []step // only what moves offsets; special tokens are never added by the library
	decoder    []decodeStep
	hasDecoder bool
	model      bpe
	bos, eos   string // what the post-processor's template puts around a text, "" for nothing
}

// step is one normalizer, pre-tokenizer or post-processor in the library's JSON.
type step map[string]any

type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// bpe is a byte-pair model. Dropout would make ids random, and prefixes and suffixes of subwords
// belong to other families of models: neither is taken.
type bpe struct {
	Type         string           `json:"type"`
	UnkToken     *string          `json:"unk_token"`
	FuseUnk      bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
	Vocab        map[string]int32 `json:"vocab"`
	Merges       [][2]string      `json:"merges"`
}

// check reads a tokenizer.json and returns what it says, or an error that names the field at fault.
func check(file []byte) (*spec, error) {
	if len(file) > maxFile {
		return nil, invalid("", "%d bytes, more than %d", len(file), maxFile)
	}
	root, err := parseJSON(file)
	if err != nil {
		return nil, err
	}
	o := asObject(root, "", &err, "version", "truncation", "padding", "added_tokens", "normalizer",
		"pre_tokenizer", "post_processor", "decoder", "model")
	if v := o.text("version"); err == nil && v != "1.0" {
		return nil, unsupported("version", "is %s, only \"1.0\" is known", quote(v))
	}
	// Truncation and padding are habits of one caller, saved along; a text is always encoded whole.
	for _, key := range []string{"truncation", "padding"} {
		if k := o.get(key).kind; k != kindNull && k != kindObject {
			o.fail(invalid(key, "is %v, not an object or null", k))
		}
	}
	if err != nil {
		return nil, err
	}
	s := &spec{}
	if s.model, err = checkModel(o.get("model")); err != nil {
		return nil, err
	}
	if s.added, err = checkAdded(o.get("added_tokens"), s.model.Vocab); err != nil {
		return nil, err
	}
	if s.normalizer, err = checkNormalizer(o.get("normalizer"), "normalizer", nil); err != nil {
		return nil, err
	}
	if s.pre, err = checkPreTokenizer(o.get("pre_tokenizer"), "pre_tokenizer", nil); err != nil {
		return nil, err
	}
	if err = s.checkPost(o.get("post_processor"), "post_processor"); err != nil {
		return nil, err
	}
	s.hasDecoder = o.get("decoder").kind != kindNull
	s.decoder, err = checkDecoder(o.get("decoder"), "decoder", nil)
	return s, err
}

// checkAdded reads the added tokens. The library numbers those that the model does not have itself,
// one after another in file order from the vocabulary's end; a file that says otherwise would be
// encoded to other ids than it shows.
func checkAdded(n node, vocab map[string]int32) ([]addedToken, error) {
	if n.kind == kindNull {
		return nil, nil
	}
	if n.kind != kindArray {
		return nil, invalid("added_tokens", "is %v, not an array", n.kind)
	}
	if len(n.items) > maxAdded {
		return nil, unsupported("added_tokens", "has %d tokens, more than %d", len(n.items), maxAdded)
	}
	var added []addedToken
	seen := map[string]bool{}
	next := int32(len(vocab))
	for i, item := range n.items {
		path := element("added_tokens", i)
		t, err := checkAddedToken(item, path)
		if err != nil {
			return nil, err
		}
		if seen[t.Content] {
			return nil, invalid(path, "token %s stands twice", quote(t.Content))
		}
		seen[t.Content] = true
		want, inModel := vocab[t.Content]
		if !inModel {
			want, next = next, next+1
		}
		if t.ID != want {
			return nil, invalid(path, "token %s has id %d, but the library numbers it %d", quote(t.Content), t.ID, want)
		}
		added = append(added, t)
	}
	return added, checkStrips(added)
}

func checkAddedToken(n node, path string) (t addedToken, err error) {
	o := asObject(n, path, &err, "id", "content", "single_word", "lstrip", "rstrip", "normalized", "special")
	t = addedToken{
		ID: int32(o.integer("id", maxVocab)), Content: o.text("content"),
		SingleWord: o.flagOr("single_word", false), LStrip: o.flagOr("lstrip", false), RStrip: o.flagOr("rstrip", false),
		Special: o.flagOr("special", false),
	}
	t.Normalized = o.flagOr("normalized", !t.Special)
	switch {
	case err != nil:
	case t.Content == "":
		err = invalid(path, "empty content")
	case len(t.Content) > maxToken:
		err = invalid(path, "content of %d bytes, more than %d", len(t.Content), maxToken)
	case strings.ContainsAny(t.Content, "\x00"+escapeChars):
		err = unsupported(path, "content %s has a NUL or one of U+FDD0 to U+FDD7, under which NUL bytes travel", quote(t.Content))
	}
	return t, err
}

// checkStrips refuses a token that swallows blanks beside one that begins or ends with them: their
// matches overlap, and the library counts on it that none do.
func checkStrips(added []addedToken) error {
	strips, blank := -1, -1
	for i, t := range added {
		if t.LStrip || t.RStrip {
			strips = i
		}
		if strings.TrimFunc(t.Content, unicode.IsSpace) != t.Content {
			blank = i
		}
	}
	if strips >= 0 && blank >= 0 {
		return unsupported(element("added_tokens", strips), "lstrip or rstrip beside token %s, which has blanks at an end",
			quote(added[blank].Content))
	}
	return nil
}
