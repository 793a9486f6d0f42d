package mine

import (
	"strings"

	"github.com/primer-lm/primer/data"
)

// In a wording, %a is what comes first (premise, cause, term), %b what follows from
// it (conclusion, effect, definition) and %w a list of words.
type wording struct {
	ask    string
	labels []string // of follows, adds, against
}

var (
	relationNames = []string{"It follows from it", "It adds something to it", "It stands against it"}
	relationWords = []string{"conclusion", "addition", "contrast"}
	entailments   = []wording{
		{"First statement: %a\nSecond statement: %b\nHow does the second relate to the first?", relationNames},
		{"Take these two sentences.\n1. %a\n2. %b\nWhat is the second one to the first?", relationWords},
		{"Given: %a\nThen comes this: %b\nIs that a conclusion, an addition or a contrast?", relationWords},
		{"%a\nNow consider this: %b\nDoes it follow, is it a further point, or is it opposed?", []string{"it follows", "it is a further point", "it is opposed"}},
		{"Does the second sentence follow from the first, add to it, or stand against it?\n%a\n%b", relationNames},
	}
	reasons = []string{
		"Why is this so? %b",
		"What is given as the reason for the following? %b",
		"%b What brought this about?",
		"Find the cause in the text.\nEffect: %b",
		"Explain why. %b",
	}
	effects = []string{
		"What did this lead to? %a",
		"Cause: %a\nWhat is the effect?",
		"Name the consequence that the text gives. %a",
		"%a And so?",
	}
	rephrasings = []string{
		"Say this in other words: %a",
		"How else does the text put this? %a",
		"Rephrase the sentence. %a",
		"Which sentence explains what is meant here? %a",
	}
	samenesses = []string{
		"Do these two sentences say the same?\n1. %a\n2. %b",
		"Sentence A: %a\nSentence B: %b\nIs B another way of saying A?",
		"%a\n%b\nIs the second sentence a rewording of the first?",
	}
	meanings = []string{
		"What is meant by \"%a\"?",
		"How does the text define \"%a\"?",
		"Give the meaning of \"%a\" as it is used here.",
		"Explain the term \"%a\".",
	}
	terms = []string{
		"Which term fits this description? %b",
		"What is the name for the following? %b",
	}
	sentences = []string{
		"Write a sentence with these words: %w",
		"Make one sentence about the topic that has all of these in it: %w",
		"Key words: %w\nSentence:",
		"Put these words to use in a statement that is true to the text: %w",
	}
	titles = []string{
		"Give the text a title.",
		"What could stand over this text as a headline?",
		"In a few words, what is the text about?",
		"Suggest a heading for it.",
	}
	summaries = []string{
		"Sum the text up in one sentence.",
		"What does it all come to?",
		"What is the author's own conclusion?",
		"Give the main point.",
	}
	endings = []string{
		"How does the text go on?",
		"Write how it continues.",
		"Finish the text.",
		"What comes next?",
	}
)

// pair makes the task of a finding. d draws for this finding alone, doc for its kind
// in the document: the wording stays the same there, as in a worksheet.
func (f *finding) pair(k Kind, doc, d *draw) data.Pair {
	say := func(ask, answer string) data.Pair { return data.Pair{Instruction: f.fill(ask), Response: answer} }
	one := func(list []string) string { return list[doc.below(len(list))] }
	switch k {
	case Entailment:
		w := entailments[doc.below(len(entailments))]
		p := say(w.ask, w.labels[f.relation])
		p.Options = append([]string(nil), w.labels...)
		return p
	case Cause:
		if d.below(2) == 0 {
			return say(one(effects), f.b)
		}
		return say(one(reasons), f.answer)
	case Paraphrase:
		if f.relation == again && d.below(2) == 0 {
			return say(one(rephrasings), f.b)
		}
		p := say(one(samenesses), map[bool]string{true: "Yes", false: "No"}[f.relation == again])
		p.Options = []string{"Yes", "No"}
		return p
	case Definition:
		if d.below(4) == 0 {
			return say(one(terms), f.a)
		}
		return say(one(meanings), f.b)
	case WordToText:
		f.pickWords(d)
		return say(one(sentences), f.b)
	case Summary:
		if f.rule == "title" || f.rule == "heading" {
			return say(one(titles), f.b)
		}
		return say(one(summaries), f.b)
	}
	return say(one(endings), f.b)
}

func (f *finding) fill(ask string) string {
	return strings.NewReplacer("%a", f.a, "%b", f.b, "%w", strings.Join(f.words, ", ")).Replace(ask)
}

// pickWords keeps three or four of the words, in drawn order, so that the order does
// not give the sentence away.
func (f *finding) pickWords(d *draw) {
	var some []string
	for _, i := range d.some(3+d.below(2), len(f.words)) {
		some = append(some, f.words[i])
	}
	for i := len(some) - 1; i > 0; i-- {
		j := d.below(i + 1)
		some[i], some[j] = some[j], some[i]
	}
	f.words = some
}
