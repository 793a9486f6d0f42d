package synth

import (
	"fmt"

	"github.com/primer-lm/primer/data"
)

// Tokenizer is what the synthesizer needs of a tokenizer; *tokenizer.Tokenizer has it.
type Tokenizer interface {
	// Encode maps the texts of special tokens to their ids and adds none of its own.
	Encode(text string) ([]int32, error)
	Decode(ids []int32, skipSpecial bool) (string, error)
	BOS() (int32, bool)
	EOS() (int32, bool)
	Token(id int32) (string, bool)
	SpecialTexts() []string
}

// Codec turns examples into tokens. It is safe for concurrent use.
type Codec struct {
	Format *Format
	tok    Tokenizer
	bos    string
	eos    string
	eosID  int32
}

// NewCodec checks that tok can write examples.
func NewCodec(tok Tokenizer) (*Codec, error) {
	format, err := NewFormat(tok.SpecialTexts())
	if err != nil {
		return nil, err
	}
	c := &Codec{Format: format, tok: tok}
	bosID, okB := tok.BOS()
	eosID, okE := tok.EOS()
	c.bos, _ = tok.Token(bosID)
	c.eos, _ = tok.Token(eosID)
	if c.eosID = eosID; !okB || !okE || c.bos == "" || c.eos == "" {
		return nil, ErrNoSpecials
	}
	return c, nil
}

// EOS is the id that ends an example.
func (c *Codec) EOS() int32 { return c.eosID }

// Example encodes an example whole, as the tokenizer merges it, never text and pairs apart. prompt is the number of tokens
// before the first <QUE>: what follows has a loss in tuning.
func (c *Codec) Example(ex data.Example) (ids []int32, prompt int, err error) {
	head := c.bos + c.Format.Context(ex.Text)
	ids, err = c.tok.Encode(head + c.Format.Pairs(ex.Pairs) + c.eos)
	if err != nil {
		return nil, 0, fmt.Errorf("encoding example %q: %w", ex.ID, err)
	}
	before, err := c.tok.Encode(head)
	if err != nil {
		return nil, 0, fmt.Errorf("encoding example %q: %w", ex.ID, err)
	}
	// Where a merge spans the border, the first token that differs from the prompt's is the first with a loss.
	for prompt < len(before) && prompt < len(ids) && before[prompt] == ids[prompt] {
		prompt++
	}
	return ids, prompt, nil
}

// Context encodes <s> and a raw text, ending after </CON>\n\n: the end of a prompt.
func (c *Codec) Context(text string) ([]int32, error) {
	return c.tok.Encode(c.bos + c.Format.Context(text))
}

// Question encodes the prompt of response accuracy: the text and the opening of a pair, through <ANS>.
func (c *Codec) Question(text, instruction string) ([]int32, error) {
	return c.tok.Encode(c.bos + c.Format.Question(text, instruction))
}

// Decode turns generated ids into the text that Format.Parse reads.
func (c *Codec) Decode(ids []int32) (string, error) { return c.tok.Decode(ids, true) }
