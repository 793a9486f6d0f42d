package curate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"

	"github.com/zeebo/xxh3"

	"github.com/primer-lm/primer/data"
)

// EvaluationSet is one set of examples that nothing should be trained on: a table [[decontaminate.set]].
type EvaluationSet struct {
	Name  string       `toml:"name" json:"name"`
	Paths []string     `toml:"paths" json:"-"` // files, globs, folders of examples
	Read  data.Options `toml:"-" json:"-"`     // how they are read
}

// examples reads the set. A broken line is always an error: what is not read would pass as not overlapping.
func (s *EvaluationSet) examples() iter.Seq2[data.Example, error] {
	opt := s.Read
	opt.Strict = true
	return data.Examples(s.Paths, opt)
}

// part of an evaluation item: its context, which several items may share, or its question. Answers are not looked at.
type part struct {
	kind  string // "context" or "question"
	text  string
	items []int32
}

// Parts of an item, as a Hit names them.
const (
	contextPart  = "context"
	questionPart = "question"
)

// item is one question about one context; an example without pairs is an item of a context alone.
type item struct {
	set   int32
	id    string // of the example; "#2" is its second pair
	parts []int32
}

// items is what evaluation sets hold, and what is looked for of it.
type items struct {
	known  map[xxh3.Uint128]int32 // parts, while they are read: equal ones of a set are one
	key    string                 // names their content
	names  []string
	list   []item
	parts  []part
	pieces *pieces // nil where none is looked for
	grams  *grams  // the same
}

// loadItems reads evaluation sets and prepares what is looked for of them.
func loadItems(ctx context.Context, opt *CleanOptions, seed uint64) (*items, error) {
	it, err := readItems(ctx, opt.Sets)
	if err != nil {
		return nil, err
	}
	if opt.OnPiece != Off {
		it.pieces = drawPieces(it, opt.Pieces, opt.PieceLength, seed)
	}
	if opt.OnGram != Off {
		it.grams = indexGrams(it, opt.NGram)
	}
	return it, nil
}

func readItems(ctx context.Context, sets []EvaluationSet) (*items, error) {
	it := &items{known: map[xxh3.Uint128]int32{}}
	h := sha256.New()
	for i := range sets {
		set := &sets[i]
		files, err := inputs(set.Paths, set.Read)
		if err != nil {
			return nil, fmt.Errorf("evaluation set %s: %w", set.Name, err)
		}
		key, err := filesKey(ctx, files, set.Read)
		if err != nil {
			return nil, fmt.Errorf("evaluation set %s: %w", set.Name, err)
		}
		fmt.Fprintf(h, "%q %s\n", set.Name, key)
		it.names = append(it.names, set.Name)
		for ex, err := range set.examples() {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, fmt.Errorf("evaluation set %s: %w", set.Name, err)
			}
			it.add(int32(i), &ex)
		}
	}
	it.known = nil
	it.key = hex.EncodeToString(h.Sum(nil))
	return it, nil
}

// add makes items of an example.
func (it *items) add(set int32, ex *data.Example) {
	context := int32(-1)
	if ex.Text != "" {
		context = it.addPart(set, contextPart, ex.Text)
	}
	give := func(id string, question int32) {
		n := int32(len(it.list))
		x := item{set: set, id: id}
		for _, p := range []int32{context, question} {
			if p >= 0 {
				x.parts = append(x.parts, p)
				it.parts[p].items = append(it.parts[p].items, n)
			}
		}
		it.list = append(it.list, x)
	}
	if len(ex.Pairs) == 0 {
		give(ex.ID, -1)
		return
	}
	for i := range ex.Pairs {
		give(fmt.Sprintf("%s#%d", ex.ID, i+1), it.addPart(set, questionPart, ex.Pairs[i].Instruction))
	}
}

func (it *items) addPart(set int32, kind, text string) int32 {
	key := xxh3.HashString128Seed(text, uint64(set)<<1|uint64(len(kind)&1)) // "context" or "question", of one set
	if n, there := it.known[key]; there {
		return n
	}
	n := int32(len(it.parts))
	it.parts = append(it.parts, part{kind: kind, text: text})
	it.known[key] = n
	return n
}
