package tokenizer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Tokenizer is one tokenizer.json, ready to encode and decode.
type Tokenizer struct {
	name    string // file or model it came from, for messages
	json    []byte
	spec    *spec
	cuts    *cuts    // nil where texts are not cut
	tokens  []string // by id
	special []bool   // by id
	ids     map[string]int32
	bos     int32 // -1: none
	eos     int32

	bytesOnce sync.Once
	bytes     [][]byte // by id: TokenBytes

	mu      sync.RWMutex // held for reading while the library works
	closed  bool
	openMu  sync.Mutex // guards handles; taken with mu held
	handles map[variant]opened
}

// opened is the library's tokenizer of one variant, and the words it was asked about; nil where texts are not cut.
type opened struct {
	handle
	words *words
}

// Open reads a tokenizer.json, or the one in the folder at path. A tokenizer_config.json beside it
// says which tokens begin and end a text.
func Open(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if info.IsDir() {
		path = filepath.Join(path, "tokenizer.json")
	}
	b, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	config, err := readFile(filepath.Join(filepath.Dir(path), "tokenizer_config.json"), maxFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return newTokenizer(path, b, config)
}

// FromBytes makes a tokenizer from the bytes of a tokenizer.json; name stands for it in messages.
func FromBytes(name string, b []byte) (*Tokenizer, error) {
	return newTokenizer(name, b, nil)
}

// readFile reads a regular file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

func newTokenizer(name string, b, config []byte) (*Tokenizer, error) {
	s, err := check(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t := &Tokenizer{name: name, json: b, spec: s, cuts: cutsOf(s), handles: map[variant]opened{}}
	t.index()
	if err := t.chooseEnds(config); err != nil {
		return nil, fmt.Errorf("%s: tokenizer_config.json: %w", name, err)
	}
	if _, err := t.handle(variant{}); err != nil { // what the library refuses comes out now
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// index fills the tables by id and by token. The checks have made ids dense.
func (t *Tokenizer) index() {
	n := len(t.spec.model.Vocab)
	for _, a := range t.spec.added {
		n = max(n, int(a.ID)+1)
	}
	t.tokens, t.special, t.ids = make([]string, n), make([]bool, n), make(map[string]int32, n)
	for token, id := range t.spec.model.Vocab {
		t.tokens[id], t.ids[token] = token, id
	}
	for _, a := range t.spec.added {
		t.tokens[a.ID], t.ids[a.Content], t.special[a.ID] = a.Content, a.ID, a.Special
	}
}

// handle returns the library's tokenizer of one variant, opening it at its first use: few texts
// have a NUL, and many programs encode in one way only.
func (t *Tokenizer) handle(v variant) (opened, error) {
	t.openMu.Lock()
	defer t.openMu.Unlock()
	if o, ok := t.handles[v]; ok {
		return o, nil
	}
	h, err := t.spec.open(v)
	if err != nil {
		return opened{}, err
	}
	o := opened{handle: h}
	if t.cuts != nil && v.escape == 0 { // under an escape, characters are not what they seem
		o.words = &words{cuts: t.cuts, handle: h}
	}
	t.handles[v] = o
	return o, nil
}

// Close frees the library's memory. It waits for encodings under way; later ones fail.
func (t *Tokenizer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	t.closed = true
	for _, h := range t.handles {
		h.close()
	}
	clear(t.handles)
	return nil
}

// JSON returns the tokenizer.json as it was read, for copying into a model folder. It must not be
// changed.
func (t *Tokenizer) JSON() []byte { return t.json }

// VocabSize returns the number of ids, added tokens included: ids are 0 to VocabSize()-1.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// ID returns the id of a token as the vocabulary spells it.
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Token returns the token of an id as the vocabulary spells it.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(t.tokens) {
		return "", false
	}
	return t.tokens[id], true
}

// SpecialTexts returns the texts of the special tokens, in the order of the file: those that Encode
// turns into one id wherever they stand and EncodePlain does not.
func (t *Tokenizer) SpecialTexts() []string {
	var texts []string
	for _, a := range t.spec.added {
		if a.Special {
			texts = append(texts, a.Content)
		}
	}
	return texts
}
