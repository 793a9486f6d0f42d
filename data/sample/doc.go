// Package sample is the data that Primer carries with it, so that the whole
// method can be seen at work in minutes on a laptop: a seeded, fictional
// world, and the doc comments of the Go distribution on the user's machine.
//
// # The world
//
// People, towns, companies and machines with names made of syllables (names.go),
// so that an answer has to be copied out of the text and cannot be known
// beforehand. Each kind has five or six facts (facts_*.go), each fact at least
// eight wordings, and each document one to five facts in random order, at
// times opened by a sentence that only says what the text is about.
//
// A fact sentence calls for exactly one pair (tasks.go). Which one can be seen
// in the text: it follows from the fact and, where a fact can be asked from
// both ends, from which end its sentence begins with. So the gold pairs of an
// unseen text are predictable, and a synthesizer can be scored against them one
// to one; only the order of options, and options that are no part of the text,
// are drawn at random.
//
// The splits (split.go) share no name at all. Evaluation items (items.go) ask
// about the raw corpus in frames that no gold pair uses; their wrong options
// are names that occur in no training text, because an option that was
// memorised elsewhere is preferred to the right one whatever the question.
//
// # Go documentation
//
// GoDocs (godocs.go) reads GOROOT/src at run time: nothing of it is kept here.
package sample
