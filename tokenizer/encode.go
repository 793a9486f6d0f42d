package tokenizer

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// MaxText is the largest text, in bytes, that is encoded in one piece: the library takes some
// hundred bytes for each.
const MaxText = 64 << 20

// Encode returns the ids of text. The text of a special token becomes that token's id; nothing is
// added at the ends (Hugging Face's encode with add_special_tokens=False).
func (t *Tokenizer) Encode(text string) ([]int32, error) {
	ids, _, err := t.encode(text, false, false)
	return ids, err
}

// EncodePlain is Encode for text that is nobody's markup: the text of a special token stays
// ordinary text.
func (t *Tokenizer) EncodePlain(text string) ([]int32, error) {
	ids, _, err := t.encode(text, true, false)
	return ids, err
}

// EncodeOffsets is Encode with the place in text of each token: from byte offsets[i][0] up to
// offsets[i][1]. Tokens that share a character have the whole of it; tokenizers that ask for it
// leave leading blanks out.
func (t *Tokenizer) EncodeOffsets(text string) (ids []int32, offsets [][2]int, err error) {
	return t.encode(text, false, true)
}

// EncodePlainOffsets is EncodePlain with the place in text of each token.
func (t *Tokenizer) EncodePlainOffsets(text string) (ids []int32, offsets [][2]int, err error) {
	return t.encode(text, true, true)
}

func (t *Tokenizer) encode(text string, plain, wantOffsets bool) ([]int32, [][2]int, error) {
	if len(text) > MaxText {
		return nil, nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTextTooLong, len(text), MaxText)
	}
	p := prepare(text)
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return nil, nil, ErrClosed
	}
	h, err := t.handle(variant{plain: plain, escape: p.escape})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.name, err)
	}
	var ids []int32
	var offsets [][2]int
	if h.words != nil && !wantOffsets {
		ids, err = h.words.encode(p.text)
	} else {
		ids, offsets, err = h.encode(p.text, wantOffsets)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.name, err)
	}
	if len(p.edits) > 0 {
		for i, o := range offsets {
			offsets[i] = [2]int{p.original(o[0], false), p.original(o[1], true)}
		}
	}
	return ids, offsets, nil
}

// EncodeBatch encodes texts on all cores, in order; plain as in EncodePlain. The first failure, by
// position, is returned.
func (t *Tokenizer) EncodeBatch(texts []string, plain bool) ([][]int32, error) {
	ids, errs := make([][]int32, len(texts)), make([]error, len(texts))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.NumCPU(), len(texts)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(texts)); i = next.Add(1) - 1 {
				ids[i], _, errs[i] = t.encode(texts[i], plain, false)
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("text %d of %d: %w", i+1, len(texts), err)
		}
	}
	return ids, nil
}
