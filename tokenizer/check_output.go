package tokenizer

import (
	"unicode/utf8"
)

// What happens after the model: the post-processor, of which the library is given only the part
// that moves offsets, and the decoder, which is ours.

// checkPost reads the post-processor. Its template says which special tokens surround a text.
func (s *spec) checkPost(n node, path string) error {
	if n.kind == kindNull && path == "post_processor" {
		return nil
	}
	typ, err := stepType(n, path, len(s.post))
	if err != nil {
		return err
	}
	switch typ {
	case "Sequence":
		return sequence(n, path, "processors", s.checkPost)
	case "ByteLevel":
		s.post = append(s.post, checkByteLevel(n, path, &err))
		return err
	case "TemplateProcessing":
		return s.checkTemplate(n, path)
	}
	return unsupported(path, "post-processor %s is not known", quote(typ))
}

// checkTemplate reads [BOS…] text [EOS…] from the template for one text. The template for pairs is
// not used and not looked at.
func (s *spec) checkTemplate(n node, path string) (err error) {
	o := asObject(n, path, &err, "type", "single", "pair", "special_tokens")
	ids, single := o.want("special_tokens", kindObject), o.array("single")
	if err != nil {
		return err
	}
	for i, key := range ids.keys {
		if err := s.checkTemplateToken(key, ids.items[i], join(path+".special_tokens", key)); err != nil {
			return err
		}
	}
	seenText := false
	for i, item := range single {
		at := element(path+".single", i)
		p := asObject(item, at, &err, "SpecialToken", "Sequence")
		if len(item.keys) != 1 {
			p.fail(invalid(at, "is neither a SpecialToken nor a Sequence"))
		}
		if err != nil {
			return err
		}
		part := asObject(item.items[0], join(at, item.keys[0]), &err, "id", "type_id")
		id := part.text("id")
		switch {
		case item.keys[0] == "Sequence":
			seenText = true
		case !contains(ids.keys, id):
			part.fail(invalid(at, "token %s is not among special_tokens", quote(id)))
		case seenText && s.eos == "":
			s.eos = id
		case !seenText:
			s.bos = id // of several, the one next to the text comes last
		}
	}
	return err
}

// checkTemplateToken checks {"id": name, "ids": [n], "tokens": [name]} against the vocabulary.
func (s *spec) checkTemplateToken(name string, n node, path string) (err error) {
	o := asObject(n, path, &err, "id", "ids", "tokens")
	ids, tokens := o.array("ids"), o.array("tokens")
	if o.text("id") != name || len(ids) != 1 || len(tokens) != 1 || tokens[0].text != name {
		o.fail(unsupported(path, "does not stand for the one token %s", quote(name)))
	}
	if err != nil {
		return err
	}
	id, problem := integer(ids[0], maxVocab)
	if problem != "" {
		return invalid(path+".ids", "%s", problem)
	}
	if want, ok := s.id(name); !ok || int(want) != id {
		return invalid(path, "token %s has id %d here and another one, or none, in the vocabulary", quote(name), id)
	}
	return nil
}

// id returns the id of a token, added or of the model.
func (s *spec) id(token string) (int32, bool) {
	for _, t := range s.added {
		if t.Content == token {
			return t.ID, true
		}
	}
	id, ok := s.model.Vocab[token]
	return id, ok
}

// decodeStep is one decoder; which fields count depends on typ.
type decodeStep struct {
	typ              string
	pattern, content string // Replace; of Strip and Metaspace, content is the character
	start, stop      int    // Strip
	keepFirst        bool   // Metaspace: the first token's blanks are text
}

func checkDecoder(n node, path string, steps []decodeStep) ([]decodeStep, error) {
	return walk(n, path, "decoder", "decoders", steps, decoderStep)
}

func decoderStep(typ string, n node, path string, steps []decodeStep) (_ []decodeStep, err error) {
	switch typ {
	case "ByteLevel":
		checkByteLevel(n, path, &err)
		return append(steps, decodeStep{typ: typ}), err
	case "ByteFallback", "Fuse":
		asObject(n, path, &err, "type")
		return append(steps, decodeStep{typ: typ}), err
	case "Metaspace":
		m := checkMetaspace(n, path, &err)
		content, _ := m["replacement"].(string)
		return append(steps, decodeStep{typ: typ, content: content, keepFirst: m["prepend_scheme"] == "never"}), err
	case "Replace":
		o := asObject(n, path, &err, "type", "pattern", "content")
		d := decodeStep{typ: typ, pattern: stringPattern(o), content: o.text("content")}
		if len(d.content) > maxPiece {
			o.fail(unsupported(path+".content", "has %d bytes, more than %d", len(d.content), maxPiece))
		}
		return append(steps, d), err
	case "Strip":
		o := asObject(n, path, &err, "type", "content", "start", "stop")
		d := decodeStep{typ: typ, content: o.text("content"), start: o.integer("start", 1<<16), stop: o.integer("stop", 1<<16)}
		if utf8.RuneCountInString(d.content) != 1 {
			o.fail(invalid(path+".content", "is %s, not one character", quote(d.content)))
		}
		return append(steps, d), err
	}
	return nil, unsupported(path, "decoder %s is not known", quote(typ))
}
