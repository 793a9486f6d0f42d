package generate

import (
	"math"
	"slices"

	"github.com/primer-lm/primer/model"
)

// editor keeps the edits of a request's logits: one for each token that penalties, biases or the least number of tokens change.
// It follows from the request and the tokens generated alone, so a sequence that is computed again has the same.
type editor struct {
	r         *Request
	at        map[int32]int
	list      []model.Edit
	inText    []bool // of list: the token is in the prompt, where that counts, or was generated
	count     []int  // of list: how often it was generated
	generated int
}

// newEditor returns nil where a request edits nothing.
func newEditor(r *Request, vocab int64) *editor {
	forbids := r.MinNewTokens > 0 && len(r.StopIDs) > 0
	if !r.penalises() && len(r.LogitBias) == 0 && !forbids {
		return nil
	}
	d := &editor{r: r, at: map[int32]int{}}
	for t := range r.LogitBias {
		d.put(d.find(t))
	}
	if forbids {
		for _, t := range r.StopIDs {
			if t >= 0 && int64(t) < vocab { // others, which stand for none, cannot come anyway
				d.put(d.find(t))
			}
		}
	}
	if r.repetition() != 1 {
		for _, t := range r.Prompt {
			i := d.find(t)
			d.inText[i] = true
			d.put(i)
		}
	}
	return d
}

func (r *Request) penalises() bool {
	return r.repetition() != 1 || r.PresencePenalty != 0 || r.FrequencyPenalty != 0
}

func (r *Request) repetition() float32 {
	if r.RepetitionPenalty == 0 {
		return 1
	}
	return r.RepetitionPenalty
}

// find returns the place of a token's edit.
func (d *editor) find(t int32) int {
	i, ok := d.at[t]
	if !ok {
		i = len(d.list)
		d.at[t], d.list = i, append(d.list, model.Edit{Token: t})
		d.inText, d.count = append(d.inText, false), append(d.count, 0)
	}
	return i
}

// put computes an edit anew.
func (d *editor) put(i int) {
	r, e := d.r, &d.list[i]
	add := float64(r.LogitBias[e.Token])
	if d.count[i] > 0 {
		add -= float64(r.PresencePenalty) + float64(r.FrequencyPenalty)*float64(d.count[i])
	}
	if d.generated < r.MinNewTokens && slices.Contains(r.StopIDs, e.Token) {
		add = math.Inf(-1)
	}
	e.Factor, e.Add = 1, float32(add)
	if d.inText[i] {
		e.Factor = r.repetition()
	}
}

// wrote counts a generated token.
func (d *editor) wrote(t int32) {
	if d == nil {
		return
	}
	d.generated++
	if d.r.penalises() {
		i := d.find(t)
		d.inText[i] = true
		d.count[i]++
		d.put(i)
	}
	if d.generated == d.r.MinNewTokens {
		for _, stop := range d.r.StopIDs { // they may come from now on
			if i, ok := d.at[stop]; ok {
				d.put(i)
			}
		}
	}
}

// active says whether logits are edited, be it only by tokens that are drawn yet.
func (d *editor) active() bool {
	return d != nil && (d.generated < d.r.MinNewTokens || d.r.penalises() || len(d.r.LogitBias) > 0)
}

// now are the edits of the next token; they stand until wrote.
func (d *editor) now() []model.Edit {
	if !d.active() {
		return nil
	}
	return d.list
}
