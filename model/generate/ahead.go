package generate

import "github.com/primer-lm/primer/model"

// Where a decode step is one launch, the host would be what the device waits for: it takes tokens, decides who goes on, sends the
// next inputs. But the next step needs nothing of that as long as all sequences go on: its tokens are on the device, all else is
// known. So it is issued before the host looks. A sequence that turns out to have ended has one row in it for nothing, which is
// dropped; where the host itself computes that would cost as much as it saves, so steps are issued ahead only by graphs.

// follows says whether a step that decodes one token for each of the same sequences can come next without a look at the tokens
// that b draws: none is at its last token, none has come or gone, the request edits no logits, and there are pages.
func (e *Engine) follows(b *batch, running []*sequence) bool {
	if len(running) != len(b.seqs) || len(b.wants) != len(b.seqs) || len(b.in.Tokens) != len(b.seqs) {
		return false
	}
	pages := 0
	for i, s := range running {
		next := b.wants[i].position
		if s != b.seqs[i] || b.wants[i].given || s.edits.active() || next+1 >= len(s.req.Prompt)+s.req.MaxNewTokens {
			return false
		}
		if next/e.pool.size >= len(s.pages) {
			pages++
		}
	}
	return pages <= e.pool.available()
}

// planAhead is the step behind b: everything is a position further.
func (e *Engine) planAhead(b *batch) *batch {
	n := len(b.seqs)
	next := &batch{seqs: b.seqs, takes: b.takes, in: model.StepInput{CuLens: b.in.CuLens, Rows: b.in.Rows, Top: b.in.Top,
		Tokens: make([]int32, n), K: e.k, V: e.v, Follow: true}}
	for i, s := range b.seqs {
		position := b.wants[i].position
		if position/e.pool.size >= len(s.pages) {
			s.pages = append(s.pages, e.pool.take())
		}
		next.in.Positions = append(next.in.Positions, int32(position))
		next.in.Slots = append(next.in.Slots, e.slot(s, position))
		next.in.Lens = append(next.in.Lens, int32(position)+1)
		next.in.Draws = append(next.in.Draws, s.draw(position+1))
		next.wants = append(next.wants, want{seq: s, position: position + 1})
	}
	next.putPages(e.pool.size)
	return next
}
