package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// variant is one of the ways in which a tokenizer is given to the library.
type variant struct {
	plain  bool // the text of special tokens is ordinary text
	escape int  // texts carry NUL bytes under this escape of text.go; 0 for none
}

// libraryJSON writes the tokenizer.json that the library sees: only what was checked, in today's
// form, without truncation, padding, template and decoder.
func (s *spec) libraryJSON(escape int) ([]byte, error) {
	normalizer := s.normalizer
	if escape > 0 {
		normalizer = append(escapes[escape-1].undo(), normalizer...)
	}
	added := s.added
	if added == nil {
		added = []addedToken{}
	}
	file := struct {
		Version       string       `json:"version"`
		AddedTokens   []addedToken `json:"added_tokens"`
		Normalizer    step         `json:"normalizer"`
		PreTokenizer  step         `json:"pre_tokenizer"`
		PostProcessor step         `json:"post_processor"`
		Model         bpe          `json:"model"`
	}{
		"1.0", added,
		asSequence("normalizers", normalizer), asSequence("pretokenizers", s.pre), asSequence("processors", s.post),
		s.model,
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(file)
	return out.Bytes(), err
}

func asSequence(key string, steps []step) step {
	switch len(steps) {
	case 0:
		return nil // JSON null
	case 1:
		return steps[0]
	}
	return step{"type": "Sequence", key: steps}
}

func (s *spec) open(v variant) (handle, error) {
	b, err := s.libraryJSON(v.escape)
	if err != nil {
		return handle{}, fmt.Errorf("write the tokenizer for its library: %w", err)
	}
	return openHandle(b, v.plain)
}
