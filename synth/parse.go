package synth

import (
	"strings"

	"github.com/primer-lm/primer/data"
)

// Reason says why a generated piece is no pair.
type Reason string

// The reasons, as reports print them.
const (
	DropUnfinished  Reason = "unfinished"           // no </END>: the token budget ran out
	DropNoQuestion  Reason = "no <QUE>"             // does not start with <QUE>
	DropAnswers     Reason = "not one <ANS>"        // none, or several
	DropInstruction Reason = "empty instruction"    // nothing between <QUE> and <ANS>
	DropResponse    Reason = "empty response"       // nothing between <ANS> and </END>
	DropThought     Reason = "thought, no answer"   // asked to think step by step, never says the answer
	DropRepeat      Reason = "repeated instruction" // trimmed and lower-cased, within one text
	DropTag         Reason = "stray tag"            // a tag inside the instruction or the response
)

// Parsed is what came out of one generated text: the pairs, and what was dropped, by reason. Pieces counts all.
type Parsed struct {
	Pairs   []data.Pair
	Pieces  int
	Dropped map[Reason]int
}

// Parse reads what a model wrote after </CON>\n\n. Pieces end at </END>; an unfinished last piece is dropped; what a pair
// must be is METHOD's "Synthesis in rounds". Parse(Pairs(x)) gives x back, whatever its texts hold.
func (f *Format) Parse(generated string) Parsed {
	out := Parsed{Dropped: map[Reason]int{}}
	pieces := strings.Split(generated, TagEnd)
	last := len(pieces) - 1
	seen := map[string]bool{}
	for i, piece := range pieces {
		piece = strings.TrimLeft(piece, " \n")
		if i == last && strings.TrimSpace(piece) == "" {
			break
		}
		out.Pieces++
		if i == last {
			out.Dropped[DropUnfinished]++
			break
		}
		pair, why := f.parsePiece(piece)
		if key := strings.ToLower(strings.TrimSpace(pair.Instruction)); why == "" && seen[key] {
			why = DropRepeat
		} else if why == "" {
			seen[key] = true
		}
		if why != "" {
			out.Dropped[why]++
			continue
		}
		out.Pairs = append(out.Pairs, pair)
	}
	return out
}

// filter drops the pairs that keep gives a reason for, and counts them under it.
func (p *Parsed) filter(text data.Document, keep PairFilter) {
	kept := make([]data.Pair, 0, len(p.Pairs))
	for _, pair := range p.Pairs {
		if why := keep(text, pair); why != "" {
			p.Dropped[why]++
			continue
		}
		kept = append(kept, pair)
	}
	p.Pairs = kept
}

func (f *Format) parsePiece(piece string) (data.Pair, Reason) {
	body, ok := strings.CutPrefix(piece, TagQuestion)
	if !ok {
		return data.Pair{}, DropNoQuestion
	}
	if strings.Count(body, TagAnswer) != 1 {
		return data.Pair{}, DropAnswers
	}
	question, answer, _ := strings.Cut(body, TagAnswer)
	question, answer = trimOne(question), trimOne(answer)
	for _, tag := range []string{TagContext, TagContextEnd, TagQuestion} {
		if strings.Contains(question, tag) || strings.Contains(answer, tag) {
			return data.Pair{}, DropTag
		}
	}
	pair, why := f.parseQuestion(question, answer)
	switch {
	case why != "":
		return data.Pair{}, why
	case strings.TrimSpace(pair.Instruction) == "":
		return data.Pair{}, DropInstruction
	case strings.TrimSpace(pair.Response) == "":
		return data.Pair{}, DropResponse
	}
	return pair, ""
}

// parseQuestion takes options and thought apart; the phrases that frame them are escaped wherever they are not frame.
func (f *Format) parseQuestion(question, answer string) (data.Pair, Reason) {
	var pair data.Pair
	question, thinks := strings.CutSuffix(question, thoughtPhrase)
	if thinks {
		thought, response, ok := strings.Cut(answer, answerPhrase)
		if !ok || strings.TrimSpace(thought) == "" {
			return pair, DropThought
		}
		pair.Thought, answer = f.thought.unescape(thought), response
	}
	if head, options, ok := strings.Cut(question, optionsHead); ok {
		for _, o := range strings.Split(options, optionNext) {
			pair.Options = append(pair.Options, f.option.unescape(o))
		}
		question = head
	}
	pair.Instruction, pair.Response = f.instruction.unescape(question), f.text.unescape(answer)
	return pair, ""
}

// trimOne removes the one space that rendering puts on each side.
func trimOne(s string) string { return strings.TrimSuffix(strings.TrimPrefix(s, " "), " ") }
