package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// byteOf maps the characters of byte-level vocabularies to the bytes they stand for: printable
// Latin-1 characters are themselves, the others follow one another from U+0100 (GPT-2's
// bytes_to_unicode).
var byteOf = func() map[rune]byte {
	m := make(map[rune]byte, 256)
	next := rune(0x100)
	for b := 0; b < 256; b++ {
		if '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b {
			m[rune(b)] = byte(b)
			continue
		}
		m[next] = byte(b)
		next++
	}
	return m
}()

// Decode returns the text of ids as Hugging Face's decode does, without any cleaning up of blanks;
// skipSpecial leaves special tokens out. An id outside the vocabulary is an error.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) (string, error) {
	tokens := make([]string, 0, len(ids))
	for i, id := range ids {
		token, ok := t.Token(id)
		if !ok {
			return "", fmt.Errorf("%w: %d at position %d, %s has ids 0 to %d", ErrUnknownID, id, i, t.name, t.VocabSize()-1)
		}
		if skipSpecial && t.special[id] {
			continue
		}
		tokens = append(tokens, token)
	}
	if !t.spec.hasDecoder {
		return strings.Join(tokens, " "), nil
	}
	for _, step := range t.spec.decoder {
		tokens = step.apply(tokens)
	}
	return strings.Join(tokens, ""), nil
}

// apply runs one decoder over the tokens of a text.
func (d decodeStep) apply(tokens []string) []string {
	switch d.typ {
	case "ByteLevel":
		var b []byte
		for _, token := range tokens {
			b = append(b, byteLevelBytes(token)...)
		}
		return []string{lossy(b)}
	case "ByteFallback":
		return joinFallback(tokens)
	case "Fuse":
		return []string{strings.Join(tokens, "")}
	}
	out := make([]string, len(tokens))
	for i, token := range tokens {
		out[i] = d.one(token, i == 0)
	}
	return out
}

// one runs a decoder that looks at each token alone.
func (d decodeStep) one(token string, first bool) string {
	switch d.typ {
	case "Replace":
		return strings.ReplaceAll(token, d.pattern, d.content)
	case "Metaspace":
		if first && !d.keepFirst {
			return strings.ReplaceAll(token, d.content, "")
		}
		return strings.ReplaceAll(token, d.content, " ")
	case "Strip":
		for n := 0; n < d.start && strings.HasPrefix(token, d.content); n++ {
			token = token[len(d.content):]
		}
		for n := 0; n < d.stop && strings.HasSuffix(token, d.content); n++ {
			token = token[:len(token)-len(d.content)]
		}
		return token
	}
	return token
}

// byteLevelBytes returns the bytes of a token of a byte-level vocabulary. An added token with a
// character that stands for no byte is ordinary text.
func byteLevelBytes(token string) []byte {
	b := make([]byte, 0, len(token))
	for _, r := range token {
		c, ok := byteOf[r]
		if !ok {
			return []byte(token)
		}
		b = append(b, c)
	}
	return b
}

// fallbackByte reads <0xE2>, the token of one byte.
func fallbackByte(token string) (byte, bool) {
	if len(token) != 6 || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	v, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(v), err == nil
}

// joinFallback turns each run of byte tokens into the text it spells, or, if the run as a whole is
// not UTF-8, into one U+FFFD a byte.
func joinFallback(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			out = append(out, strings.Repeat(replacementChar, len(run)))
		}
		run = run[:0]
	}
	for _, token := range tokens {
		if b, ok := fallbackByte(token); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out
}

// TokenBytes returns what the token adds to a text that has begun: bytes, perhaps a part of a
// character only. What a decoder does at the start of a text alone, such as dropping the blank
// there, is not in it. It is nil for an id outside the vocabulary and must not be changed.
func (t *Tokenizer) TokenBytes(id int32) []byte {
	if id < 0 || int(id) >= len(t.tokens) {
		return nil
	}
	t.bytesOnce.Do(t.fillBytes)
	return t.bytes[id]
}

func (t *Tokenizer) fillBytes() {
	t.bytes = make([][]byte, len(t.tokens))
	for id, token := range t.tokens {
		t.bytes[id] = t.spec.tokenBytes(token)
	}
}

func (s *spec) tokenBytes(token string) []byte {
	if !s.hasDecoder {
		return []byte(" " + token) // Decode joins with blanks
	}
	for _, d := range s.decoder {
		switch d.typ {
		case "ByteLevel":
			return byteLevelBytes(token)
		case "ByteFallback":
			if b, ok := fallbackByte(token); ok {
				return []byte{b}
			}
		case "Strip":
			// works on the whole text once it is fused
		default:
			token = d.one(token, false)
		}
	}
	return []byte(token)
}
