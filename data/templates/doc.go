// Package templates turns chains (texts with their pairs) into pre-training text.
//
// Everything that varies is a family of entries with weights in data files
// (files/*.toml; a user's files add to them). For a chain one entry of each family
// is drawn, once, so that its later examples follow the pattern of the earlier
// ones; each family draws from its own stream (seed, chain, family), so that no
// choice says anything about another. Only the order of options is drawn per pair.
//
// Families, and the placeholders that their entries must hold:
//
//	pair.free_form        {instruction} {response}
//	pair.options          {instruction} {options} {response}
//	pair.thought          {instruction} {thought} {response}
//	pair.options_thought  {instruction} {options} {thought} {response}
//	pair.separator        between the pairs of one text
//	thought.answer        {thought} {response}; answer side where it stands apart
//	options.heading       above the options
//	options.item          {option}, last; before it a counter {a} {A} {1} {i} {I} and {end}
//	options.end           what ends a label
//	options.join          between options
//	options.none          phrases for "no option is right"
//	wrapper.presence      joined or bare
//	wrapper.joined, .bare {text} {pairs}
//	bridge.presence       phrase or none
//	bridge.phrase         between text and pairs
//	example.separator     between the examples of a chain
//	layout.any, .many     layouts; .many where every text has two pairs or more
//	layout.order          text-first or pairs-first
//	first.opening, .lead  where pairs come before the text
//	dialogue.frame, next-turn.frame, inline.frame   {text} {pairs}
//	dialogue.turn, inline.item                      {instruction} {response}
//	next-turn.turn        text: first turn, next: later ones; {instruction} {response}
//	numbered.frame        {text} {questions} {answers}
//	numbered.item         text: {n} {instruction}, next: {n} {response}
//	instruction.pattern   {question} {response}; general instructions
//
// An entry of a pair family with needs = "text" is drawn only for chains in which no
// pair stands without a text.
//
// In layouts other than the classic one {instruction} is the whole question side of
// a pair, options included, and {response} the answer side, thought included.
//
// With labels the answer is the label as printed, trimmed ("d)."); with bullets it
// is the option's text. Several right options, joined by data.Several, are printed in
// the order of the printed options. A pair whose answer is no option is dropped and counted,
// unless it is a phrase of options.none: then the chain's drawn phrase stands there.
package templates
