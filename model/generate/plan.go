package generate

import "github.com/primer-lm/primer/model"

// batch is one step being put together.
type batch struct {
	in    model.StepInput
	seqs  []*sequence // in the order of the batch
	takes []int       // new rows of each
	wants []want      // in the order of in.Rows
}

// want is a row whose logits say something of the token at a position: how probable the one that is given there is, or which it is.
type want struct {
	seq      *sequence
	position int
	given    bool
}

// room is what a step still has for more than one row of each sequence.
type room struct{ rows, logits, edits int }

// plan gives every sequence a row before any gets a chunk: decoding goes on while prompts are read. A chunk ends before its rows
// want more logits than the model has room for, and a sequence whose edits have no room left waits for the next step; the first one's
// always fit.
func (e *Engine) plan(running []*sequence) *batch {
	o := e.m.Options()
	b := &batch{in: model.StepInput{CuLens: []int32{0}, K: e.k, V: e.v}}
	left := room{int(o.Tokens) - len(running), int(o.LogitRows) - len(running), int(e.m.MaxEdits())}
	for _, s := range running {
		if len(b.in.Tokens) >= int(o.Tokens) {
			break
		}
		wanted := max(s.want, s.done) // the first row of those to come whose logits are wanted
		take := min(1+max(left.rows, 0), s.rows()-s.done, wanted-s.done+1+left.logits)
		edits := s.edits.now()
		if draws := s.done+take == len(s.tokens); !draws {
			edits = nil
		} else if len(edits) > left.edits {
			continue
		}
		left.edits -= len(edits)
		left.rows -= take - 1
		left.logits -= max(s.done+take-wanted-1, 0)
		e.add(b, s, take, edits)
	}
	b.putPages(e.pool.size)
	return b
}

// add adds the next rows of a sequence to a step.
func (e *Engine) add(b *batch, s *sequence, take int, edits []model.Edit) {
	b.seqs, b.takes = append(b.seqs, s), append(b.takes, take)
	for p := s.done; p < s.done+take; p++ {
		b.in.Tokens = append(b.in.Tokens, s.tokens[p])
		b.in.Positions = append(b.in.Positions, int32(p))
		b.in.Slots = append(b.in.Slots, e.slot(s, p))
		if p < s.want {
			continue
		}
		w, draw := want{s, p + 1, p+1 < len(s.tokens)}, s.draw(p+1)
		if w.given {
			draw = model.Draw{Given: true, Token: s.tokens[p+1]}
		} else {
			draw.Edits = edits
		}
		b.in.Rows, b.in.Draws = append(b.in.Rows, int32(len(b.in.Tokens)-1)), append(b.in.Draws, draw)
		b.in.Top = max(b.in.Top, s.req.TopLogProbs)
		b.wants = append(b.wants, w)
	}
	b.in.CuLens = append(b.in.CuLens, int32(len(b.in.Tokens)))
	b.in.Lens = append(b.in.Lens, int32(s.done+take))
}

// slot is where a sequence's position lies in the cache.
func (e *Engine) slot(s *sequence, position int) int64 {
	size := e.pool.size
	return int64(s.pages[position/size])*int64(size) + int64(position%size)
}

// putPages fills the page table: as many columns for every sequence.
func (b *batch) putPages(size int) {
	columns := 0
	for _, n := range b.in.Lens {
		columns = max(columns, (int(n)+size-1)/size)
	}
	for _, s := range b.seqs {
		for c := range columns {
			b.in.PageTable = append(b.in.PageTable, s.pages[min(c, len(s.pages)-1)])
		}
	}
}

// tokenOf is one of the tokens that a step drew, with so many of the tops beside it.
func tokenOf(d *model.Drawn, i, top int) Token {
	t := Token{ID: d.Tokens[i], LogProb: d.LogProbs[i]}
	for k := i * d.Top; k < i*d.Top+top; k++ {
		t.Top = append(t.Top, TokenProb{d.TopTokens[k], d.TopLogProbs[k]})
	}
	return t
}
