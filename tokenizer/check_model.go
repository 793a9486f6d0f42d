package tokenizer

import (
	"strings"
)

// checkModel reads a byte-pair model: tokens numbered 0 to n-1 without a gap, merges whose parts
// and whole are tokens. The library looks tokens up by such numbers without asking.
func checkModel(n node) (m bpe, err error) {
	o := asObject(n, "model", &err, "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
		"fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges")
	if n.kind == kindObject { // say first that it is another model, not that a field of it is unknown
		switch typ := o.get("type"); {
		case typ.kind != kindString:
			return m, invalid("model.type", "is %v, not a string", typ.kind)
		case typ.text != "BPE":
			return m, unsupported("model.type", "is %s, only BPE is supported", quote(typ.text))
		}
	}
	m = bpe{
		Type:    "BPE",
		FuseUnk: o.flagOr("fuse_unk", false), ByteFallback: o.flagOr("byte_fallback", false),
		IgnoreMerges: o.flagOr("ignore_merges", false),
	}
	if d := o.get("dropout"); d.kind != kindNull && !(d.kind == kindNumber && strings.Trim(d.text, "0.") == "") {
		o.fail(unsupported("model.dropout", "must be null or 0: ids would be random"))
	}
	for _, key := range []string{"continuing_subword_prefix", "end_of_word_suffix"} {
		if o.textOr(key, "") != "" {
			o.fail(unsupported("model."+key, "must be null or empty"))
		}
	}
	vocab, merges := o.want("vocab", kindObject), o.array("merges")
	if err != nil {
		return m, err
	}
	if m.Vocab, err = checkVocab(vocab); err != nil {
		return m, err
	}
	if o.get("unk_token").kind != kindNull {
		unk := o.text("unk_token")
		if _, ok := m.Vocab[unk]; !ok && err == nil {
			err = invalid("model.unk_token", "%s is not in the vocabulary", quote(unk))
		}
		m.UnkToken = &unk
	}
	if err != nil {
		return m, err
	}
	m.Merges, err = checkMerges(merges, m.Vocab)
	return m, err
}

func checkVocab(n node) (map[string]int32, error) {
	if len(n.keys) == 0 || len(n.keys) > maxVocab {
		return nil, invalid("model.vocab", "has %d tokens, not 1 to %d", len(n.keys), maxVocab)
	}
	vocab := make(map[string]int32, len(n.keys))
	taken := make([]bool, len(n.keys))
	for i, token := range n.keys {
		path := "model.vocab[" + quote(token) + "]"
		id, problem := integer(n.items[i], len(n.keys))
		switch {
		case problem != "":
			return nil, invalid(path, "id %s; ids must be 0 to %d without a gap", problem, len(n.keys)-1)
		case taken[id]:
			return nil, invalid(path, "id %d stands twice", id)
		case token == "" || len(token) > maxToken:
			return nil, invalid(path, "a token of %d bytes, not 1 to %d", len(token), maxToken)
		}
		taken[id] = true
		vocab[token] = int32(id)
	}
	return vocab, nil
}

// checkMerges reads merges in both forms: "a b", and ["a", "b"] as newer files have it.
func checkMerges(items []node, vocab map[string]int32) ([][2]string, error) {
	merges := make([][2]string, 0, len(items))
	seen := make(map[[2]int32]bool, len(items))
	for i, item := range items {
		path := element("model.merges", i)
		var pair [2]string
		switch {
		case item.kind == kindString && strings.HasPrefix(item.text, "#version"):
			continue // first line of a merges.txt
		case item.kind == kindString && strings.Count(item.text, " ") == 1:
			pair[0], pair[1], _ = strings.Cut(item.text, " ")
		case item.kind == kindArray && len(item.items) == 2 &&
			item.items[0].kind == kindString && item.items[1].kind == kindString:
			pair[0], pair[1] = item.items[0].text, item.items[1].text
		default:
			return nil, invalid(path, "is neither \"a b\" nor [\"a\", \"b\"]")
		}
		a, okA := vocab[pair[0]]
		b, okB := vocab[pair[1]]
		if !okA || !okB {
			return nil, invalid(path, "%s and %s are not both in the vocabulary", quote(pair[0]), quote(pair[1]))
		}
		if _, ok := vocab[pair[0]+pair[1]]; !ok {
			return nil, invalid(path, "makes %s, which is not in the vocabulary", quote(pair[0]+pair[1]))
		}
		if seen[[2]int32{a, b}] {
			return nil, invalid(path, "%s and %s are merged twice", quote(pair[0]), quote(pair[1]))
		}
		seen[[2]int32{a, b}] = true
		merges = append(merges, pair)
	}
	return merges, nil
}
