package sample

import "strings"

// Kinds of entity.
const (
	Town    = "town"
	Person  = "person"
	Company = "company"
	Machine = "machine"
)

// Kinds lists the kinds of entity, in the order in which documents take turns.
var Kinds = []string{Town, Person, Company, Machine}

// shape is what a fact's value looks like.
type shape int

const (
	shapeIntro  shape = iota // no value: the sentence says what the text is about
	shapeName                // {V}: a name that occurs nowhere else
	shapeWord                // {V}: one of a short list of words
	shapeList                // {L}: two to four of a short list of words
	shapeCounts              // {V}, {W}: two different numbers from 2 to 6
	shapeAges                // {V}, {W}: two ages, and {F}, the other person
	shapeVia                 // {V}: a name, {W}: a fact about that name
)

// question is one way to ask for a fact: the task, and its instruction with
// {E} for the entity, {V} for the value, {F} for the other person.
type question struct{ task, text string }

// factSpec is one fact that can be told of one kind of entity.
type factSpec struct {
	kind, name string
	shape      shape
	words      []string // what {V} or {L} is drawn from (shapeWord, shapeList)
	wordings   []string // sentences; at least eight
	ask        question // where the entity comes first, or always
	back       question // where the value comes first (shapeName); empty: ask
	// Noun phrases for the evaluation frames, both directions (shapeName,
	// shapeVia): "the river at {E}", "the town on the river {V}".
	phrase, backPhrase string
}

// valueFirst says whether a wording names the value before the entity.
func valueFirst(wording string) bool {
	v := strings.Index(wording, "{V}")
	return v >= 0 && v < strings.Index(wording, "{E}")
}

// question is what a sentence of this fact calls for.
func (s *factSpec) question(wording string) question {
	if s.back.task != "" && valueFirst(wording) {
		return s.back
	}
	return s.ask
}

// Fact is one statement about one entity, as a document makes it.
type Fact struct {
	Kind, Entity, Name string   // "town", "Kalomir", "river"
	Value, Second      string   // {V}, {W}
	Other              string   // {F}
	List               []string // {L}
	Wording            string   // the sentence with its placeholders
	Task               string   // the kind of the pair asked about it
}

// fill puts the fact's values into a text with placeholders.
func (f *Fact) fill(text string) string {
	return strings.NewReplacer("{E}", f.Entity, "{V}", f.Value, "{W}", f.Second,
		"{F}", f.Other, "{L}", listed(f.List)).Replace(text)
}

// listed is "tin", "tin and salt", "tin, salt and silk".
func listed(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	n := len(items) - 1
	return strings.Join(items[:n], ", ") + " and " + items[n]
}

// specs are all facts of a kind of entity.
func specs(kind string) []factSpec {
	switch kind {
	case Town:
		return townFacts
	case Person:
		return personFacts
	case Company:
		return companyFacts
	case Machine:
		return machineFacts
	}
	panic("sample: unknown kind of entity")
}

// nounOf stands for a name that was given before.
var nounOf = map[string]string{
	Town: "The town", Person: "This person", Company: "The company", Machine: "The machine",
}

// classOf is the answer to "what is …?"; no fact sentence holds these words.
var classOf = map[string]string{Town: "place", Person: "human", Company: "business", Machine: "device"}

// classes in the order in which options are drawn from them.
var classes = []string{"place", "human", "business", "device"}

// introWordings open a document without telling a fact.
var introWordings = []string{
	"This text is about {E}.",
	"Here is a note about {E}.",
	"Let us speak about {E}.",
	"Few have heard of {E}.",
	"Much is said about {E}.",
	"Here we learn about {E}.",
	"The story of {E} is short.",
	"What do we know of {E}?",
}
