package tokenizer

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestStream: token by token gives what Decode gives at once, in whole characters.
func TestStream(t *testing.T) {
	g := readGoldens(t)
	for style, want := range g.Styles {
		tok := open(t, stylePath(style))
		for _, w := range want.Texts {
			streamAgrees(t, tok, w.IDs)
		}
		if fallback := style == "llama2" || style == "mistral"; !fallback {
			for _, w := range want.Drawn { // broken UTF-8
				streamAgrees(t, tok, w.IDs)
			}
		}
	}
}

func streamAgrees(t *testing.T, tok *Tokenizer, ids []int32) {
	t.Helper()
	for _, skip := range []bool{false, true} {
		s := tok.NewStream(skip)
		var text strings.Builder
		for _, id := range ids {
			piece, err := s.Next(id)
			if err != nil || !utf8.ValidString(piece) {
				t.Fatalf("%v: piece %q, %v", ids, piece, err)
			}
			text.WriteString(piece)
		}
		text.WriteString(s.Flush())
		if want, err := tok.Decode(ids, skip); err != nil || text.String() != want {
			t.Errorf("%v: streamed %q, decoded %q, %v", ids, text.String(), want, err)
		}
	}
}

// TestStreamHolds: nothing comes out before a character is complete.
func TestStreamHolds(t *testing.T) {
	tok := open(t, stylePath("llama2"))
	s := tok.NewStream(false)
	for i, token := range []string{"<0xF0>", "<0x9F>", "<0x99>", "<0x82>"} {
		id, ok := tok.ID(token)
		if !ok {
			t.Fatalf("no token %s", token)
		}
		piece, err := s.Next(id)
		if want := map[bool]string{true: "🙂"}[i == 3]; err != nil || piece != want {
			t.Errorf("byte %d: %q, %v", i, piece, err)
		}
	}
	if _, err := s.Next(-1); !errors.Is(err, ErrUnknownID) {
		t.Errorf("id -1: %v", err)
	}
}
