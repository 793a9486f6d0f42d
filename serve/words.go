package serve

import (
	"context"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/primer-lm/primer/tokenizer"
)

// words is what the server knows of its tokenizer.
type words struct {
	*tokenizer.Tokenizer
	special map[int32]bool
	longest int // bytes of a token
	prefix  int32
	hasEnd  bool // prefix is a token
	eos     []int32
}

func newWords(t *tokenizer.Tokenizer) *words {
	w := &words{Tokenizer: t, special: specialsOf(t)}
	for id := range t.VocabSize() {
		w.longest = max(w.longest, len(t.TokenBytes(int32(id))), len(w.raw(int32(id))))
	}
	if id, ok := t.EOS(); ok {
		w.prefix, w.hasEnd, w.eos = id, true, []int32{id}
	}
	if id, ok := t.BOS(); ok {
		w.prefix, w.hasEnd = id, true
	}
	return w
}

func specialsOf(t *tokenizer.Tokenizer) map[int32]bool {
	special := map[int32]bool{}
	for _, text := range t.SpecialTexts() {
		if id, ok := t.ID(text); ok {
			special[id] = true
		}
	}
	return special
}

func (w *words) raw(id int32) string { t, _ := w.Token(id); return t }

// VisibleBytes is what a token adds to the text that clients see: nothing, if it is special. Stop strings are looked for in it.
func VisibleBytes(t *tokenizer.Tokenizer) func(id int32) []byte {
	w := &words{Tokenizer: t, special: specialsOf(t)}
	return w.visible
}

func (w *words) visible(id int32) []byte {
	if w.special[id] {
		return nil
	}
	return w.TokenBytes(id)
}

// show is a token's own text in lists of tokens. A token that holds a part of a character only is written bytes:\xe2\x82, as OpenAI
// has it, so that different tokens stay different.
func (w *words) show(id int32) string {
	b := w.TokenBytes(id)
	if utf8.Valid(b) {
		return string(b)
	}
	out := "bytes:"
	for _, c := range b {
		out += fmt.Sprintf(`\x%02x`, c)
	}
	return out
}

// encode turns a client's text into ids, as many texts at a time as there are cores. What cannot fit the window is refused before
// that: no token is longer than the longest.
func (s *Server) encode(ctx context.Context, param, t string, most int, encode func(string) ([]int32, error)) ([]int32, error) {
	if s.words.longest > 0 && len(t)/s.words.longest > most {
		return nil, s.tooLong(param, fmt.Sprintf("at least %d", len(t)/s.words.longest), 0)
	}
	select {
	case s.encodes <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.encodes }()
	return encode(t)
}

func (s *Server) tooLong(param, have string, asked int) *Error {
	e := refuse(http.StatusBadRequest, codeTooLong, "the model's window is %d tokens, but the prompt has %s and %d are asked for",
		s.parts.Window, have, asked)
	e.Param = param
	return e
}

// maxTokenize bounds what /tokenize and /detokenize take, in tokens: an answer of some megabytes.
const maxTokenize = 1 << 20

// tokenize answers with the ids of a text. The texts of special tokens become their ids, and nothing is added unless it is asked for.
func (s *Server) tokenize(c *call) error {
	var model, prompt string
	var given, add bool
	if err := (fields{"model": text(&model, maxName), "prompt": then(text(&prompt, 0), func() { given = true }),
		"add_special_tokens": boolean(&add)}).read(c.body); err != nil {
		return err
	}
	if !given {
		return badField("prompt", "prompt is missing")
	}
	ids, err := s.encode(c.ctx, "prompt", prompt, maxTokenize, s.words.Encode)
	if err != nil {
		return err
	}
	if add && s.words.AddsBOS() {
		ids = s.words.WithBOS(ids)
	}
	if ids == nil {
		ids = []int32{}
	}
	return c.json(struct {
		Tokens      []int32 `json:"tokens"`
		Count       int     `json:"count"`
		MaxModelLen int     `json:"max_model_len"`
	}{ids, len(ids), s.parts.Window})
}

// detokenize answers with the text of ids, special tokens included.
func (s *Server) detokenize(c *call) error {
	var model string
	var ids []int32
	var given bool
	if err := (fields{"model": text(&model, maxName), "tokens": func(d *decoder) (err error) {
		given = true
		var n int
		if ids, n, err = d.ids(s.words.VocabSize(), maxTokenize); err == nil && n > maxTokenize {
			return d.bad("tokens has %d ids, more than %d", n, maxTokenize)
		}
		return err
	}}).read(c.body); err != nil {
		return err
	}
	if !given {
		return badField("tokens", "tokens is missing")
	}
	t, err := s.words.Decode(ids, false)
	if err != nil {
		return err
	}
	return c.json(struct {
		Prompt string `json:"prompt"`
	}{t})
}
