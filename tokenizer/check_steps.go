package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// The allow-lists of what may happen to a text around the model. Every type that Llama, Mistral,
// GPT-2, Qwen, Gemma, DeepSeek and Phi tokenizers use is here; sequences are flattened.

// splitPatterns are the regular expressions that pre-tokenizers may use. Any other is refused: the
// library backtracks without bound and ends the process when its stack of choices is full.
var splitPatterns = append([]string{
	// digits, beside another step
	`\p{N}{1,3}`, `\p{N}`, `\d{1,3}`, `\d`, `[0-9]`,
}, textPatterns...)

// textPatterns are those that split all of a text. words.go counts on it that none of their tokens has a blank behind another character.
var textPatterns = []string{
	// GPT-2
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	// Llama 3
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	// Qwen 2
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	// cl100k, in two spellings
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
	`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
	// Mistral's tekken, and o200k
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	// the embedded sample: the tags of the synthesizer in one piece
	` ?</?[A-Z]{3}>| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|[\r\n]+|\s+(?!\S)|\s+`,
}

var splitBehaviors = []string{"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"}

// sequence calls one for n, or for each of its members if n is a Sequence of the given key.
func sequence(n node, path, key string, one func(n node, path string) error) error {
	var err error
	o := asObject(n, path, &err, "type", key)
	parts := o.array(key)
	for i, part := range parts {
		if err == nil {
			err = one(part, element(join(path, key), i))
		}
	}
	return err
}

// stepType returns the type of a step and refuses more of them than any tokenizer has.
func stepType(n node, path string, have int) (string, error) {
	if n.kind != kindObject {
		return "", invalid(path, "is %v, not an object", n.kind)
	}
	if have >= maxSteps {
		return "", unsupported(path, "more than %d steps", maxSteps)
	}
	var err error
	typ := object{path: path, node: n, err: &err}.text("type")
	return typ, err
}

// walk reads a step, or all of a Sequence, which lists them under the name list; null is no step where the whole key is null.
func walk[S any](n node, path, key, list string, steps []S, one func(typ string, n node, path string, steps []S) ([]S, error)) ([]S, error) {
	if n.kind == kindNull && path == key {
		return nil, nil
	}
	typ, err := stepType(n, path, len(steps))
	if err != nil {
		return nil, err
	}
	if typ != "Sequence" {
		return one(typ, n, path, steps)
	}
	err = sequence(n, path, list, func(n node, path string) (err error) {
		steps, err = walk(n, path, key, list, steps, one)
		return err
	})
	return steps, err
}

func checkNormalizer(n node, path string, steps []step) ([]step, error) {
	return walk(n, path, "normalizer", "normalizers", steps, normalizerStep)
}

func normalizerStep(typ string, n node, path string, steps []step) (_ []step, err error) {
	switch typ {
	case "NFC", "NFD", "NFKC", "NFKD", "Lowercase":
		asObject(n, path, &err, "type")
		return append(steps, step{"type": typ}), err
	case "Prepend":
		o := asObject(n, path, &err, "type", "prepend")
		prefix := o.text("prepend")
		if len(prefix) == 0 || len(prefix) > maxPiece {
			o.fail(unsupported(path+".prepend", "has %d bytes, not 1 to %d", len(prefix), maxPiece))
		}
		return append(steps, step{"type": typ, "prepend": prefix}), err
	case "Replace":
		o := asObject(n, path, &err, "type", "pattern", "content")
		pattern, content := stringPattern(o), o.text("content")
		if content == "" || len(content) > max(maxExpand, len(pattern)) {
			o.fail(unsupported(path+".content", "puts %d bytes for %d, not 1 to %d", len(content), len(pattern), max(maxExpand, len(pattern))))
		}
		if countType(steps, typ) >= 4 {
			o.fail(unsupported(path, "more than 4 replacements"))
		}
		return append(steps, step{"type": typ, "pattern": step{"String": pattern}, "content": content}), err
	}
	return nil, unsupported(path, "normalizer %s is not known", quote(typ))
}

func countType(steps []step, typ string) (n int) {
	for _, s := range steps {
		if s["type"] == typ {
			n++
		}
	}
	return n
}

// stringPattern reads {"String": "…"}. The library makes a regular expression of it by escaping,
// for another dialect than it then compiles: only characters that need no escape are taken.
func stringPattern(o object) string {
	path := o.path + ".pattern"
	p := asObject(o.get("pattern"), path, o.err, "String")
	s := p.text("String")
	if s == "" || len(s) > maxPiece {
		o.fail(unsupported(path, "has %d bytes, not 1 to %d", len(s), maxPiece))
	}
	if strings.ContainsAny(s, `\.+*?()|[]{}^$#&-~`) || strings.IndexFunc(s, func(r rune) bool { return r < ' ' }) >= 0 {
		o.fail(unsupported(path, "%s has characters that are special in regular expressions", quote(s)))
	}
	return s
}

func checkPreTokenizer(n node, path string, steps []step) ([]step, error) {
	return walk(n, path, "pre_tokenizer", "pretokenizers", steps, preTokenizerStep)
}

func preTokenizerStep(typ string, n node, path string, steps []step) (_ []step, err error) {
	switch typ {
	case "ByteLevel":
		return append(steps, checkByteLevel(n, path, &err)), err
	case "Metaspace":
		return append(steps, checkMetaspace(n, path, &err)), err
	case "Digits":
		o := asObject(n, path, &err, "type", "individual_digits")
		return append(steps, step{"type": typ, "individual_digits": o.flag("individual_digits")}), err
	case "Punctuation":
		o := asObject(n, path, &err, "type", "behavior")
		return append(steps, step{"type": typ, "behavior": behavior(o)}), err
	case "Split":
		o := asObject(n, path, &err, "type", "pattern", "behavior", "invert")
		return append(steps, step{
			"type": typ, "pattern": splitPattern(o), "behavior": behavior(o), "invert": o.flag("invert"),
		}), err
	}
	return nil, unsupported(path, "pre-tokenizer %s is not known", quote(typ))
}

func behavior(o object) string {
	b := o.text("behavior")
	if !contains(splitBehaviors, b) {
		o.fail(invalid(o.path+".behavior", "is %s, not one of %s", quote(b), strings.Join(splitBehaviors, ", ")))
	}
	return b
}

func splitPattern(o object) step {
	if p := o.get("pattern"); p.kind == kindObject && len(p.keys) == 1 && p.keys[0] == "Regex" {
		regex := object{path: o.path + ".pattern", node: p, err: o.err}.text("Regex")
		if !contains(splitPatterns, regex) {
			o.fail(unsupported(o.path+".pattern", "regular expression %s is not one of those that are known to be safe", quote(regex)))
		}
		return step{"Regex": regex}
	}
	return step{"String": stringPattern(o)}
}

func checkByteLevel(n node, path string, err *error) step {
	o := asObject(n, path, err, "type", "add_prefix_space", "trim_offsets", "use_regex")
	return step{
		"type": "ByteLevel", "add_prefix_space": o.flag("add_prefix_space"),
		"trim_offsets": o.flag("trim_offsets"), "use_regex": o.flagOr("use_regex", true),
	}
}

// checkMetaspace reads the settings that the pre-tokenizer and the decoder share. Older files say
// add_prefix_space instead of prepend_scheme, which must not contradict it.
func checkMetaspace(n node, path string, err *error) step {
	o := asObject(n, path, err, "type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep")
	replacement, scheme := o.text("replacement"), o.textOr("prepend_scheme", "always")
	if utf8.RuneCountInString(replacement) != 1 || replacement == "\x00" {
		o.fail(invalid(path+".replacement", "is %s, not one character", quote(replacement)))
	}
	if !contains([]string{"always", "first", "never"}, scheme) {
		o.fail(invalid(path+".prepend_scheme", "is %s, not always, first or never", quote(scheme)))
	}
	if !o.flagOr("add_prefix_space", true) && scheme != "never" {
		o.fail(invalid(path+".add_prefix_space", "is false, but prepend_scheme is %s", scheme))
	}
	return step{"type": "Metaspace", "replacement": replacement, "prepend_scheme": scheme, "split": o.flagOr("split", true)}
}
