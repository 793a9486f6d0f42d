package tokenizer

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Stream decodes ids one by one, for text that is shown as it is generated. What it has returned
// when Flush has been called is what Decode returns for all ids, with two exceptions that only
// broken output and unusual decoders have: bytes of a byte-fallback tokenizer that are no UTF-8
// become one U+FFFD for each maximal subpart, where Decode has one for each byte of the run; and
// what a decoder strips at the end of a text stays.
type Stream struct {
	t           *Tokenizer
	skipSpecial bool
	begun       bool   // a token has been decoded
	strip       int    // characters that the decoder may still strip at the start
	stripped    string // which ones
	pending     []byte // the start of a character that is not complete
}

// NewStream returns a stream at the start of a text; skipSpecial leaves special tokens out.
func (t *Tokenizer) NewStream(skipSpecial bool) *Stream {
	s := &Stream{t: t, skipSpecial: skipSpecial}
	for _, d := range t.spec.decoder {
		if d.typ == "Strip" {
			s.strip, s.stripped = d.start, d.content
		}
	}
	return s
}

// Next takes the next id and returns the text that is complete with it, perhaps none: always whole
// characters.
func (s *Stream) Next(id int32) (string, error) {
	piece := s.t.TokenBytes(id)
	if piece == nil {
		return "", fmt.Errorf("%w: %d, %s has ids 0 to %d", ErrUnknownID, id, s.t.name, s.t.VocabSize()-1)
	}
	if s.skipSpecial && s.t.special[id] {
		return "", nil
	}
	if !s.begun {
		piece = s.t.spec.firstBytes(s.t.tokens[id], piece)
		s.begun = true
	}
	for s.strip > 0 && len(piece) > 0 {
		if !bytes.HasPrefix(piece, []byte(s.stripped)) {
			s.strip = 0
			break
		}
		piece, s.strip = piece[len(s.stripped):], s.strip-1
	}
	s.pending = append(s.pending, piece...)
	n := len(s.pending) - incomplete(s.pending)
	text := lossy(s.pending[:n])
	s.pending = append(s.pending[:0], s.pending[n:]...)
	return text, nil
}

// Flush ends the text and returns what was held back: U+FFFD for a character that was never completed.
func (s *Stream) Flush() string {
	text := lossy(s.pending)
	s.pending = s.pending[:0]
	return text
}

// firstBytes is tokenBytes for the first token of a text, whose other bytes are given.
func (s *spec) firstBytes(token string, bytes []byte) []byte {
	if !s.hasDecoder {
		return []byte(token)
	}
	for _, d := range s.decoder {
		if d.typ == "Metaspace" && !d.keepFirst {
			return []byte(d.one(token, true))
		}
	}
	return bytes
}

// incomplete returns the length of the valid start of a character that ends b.
func incomplete(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		tail := b[len(b)-n:]
		if utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}
