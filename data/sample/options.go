package sample

import (
	"errors"
	"fmt"
	"slices"
)

// Options say how large and how rich the world is. The zero value of a field
// means its default (Defaults).
type Options struct {
	// Documents per split.
	Warm, Short, Train, HeldOut, Raw, HeldOutRaw, Comprehension int
	// Weights of the number of facts in a document: Facts[0] is the weight of
	// one fact. At most five.
	Facts, RawFacts, WarmFacts, ShortFacts []int
	// Wordings is how many wordings of a fact documents use; 0 means all.
	Wordings int
	// WarmTasks are the tasks of the warm-up split. Texts that only ask for names
	// teach copying several times faster than texts that ask for everything.
	WarmTasks []string
	// Intro is the share of documents of two and more facts that open with a
	// sentence that only says what the text is about. Negative means none.
	Intro float64
	// Pronoun is how often a later sentence says "The town" for the name.
	// Negative means never.
	Pronoun float64
	// TaskWeight changes how often a fact is told whose task is named; a task
	// that is not named has weight 1, weight 0 leaves its facts out.
	TaskWeight map[string]float64
	// Reserved makes the world of the names, an eighth of all, that no world without it has: whoever learnt from it has met
	// nobody of another world.
	Reserved bool
}

// Defaults are the options of the quickstart.
func Defaults() Options {
	return Options{
		Warm: 5000, Short: 4000, Train: 5000, HeldOut: 330, Raw: 220, HeldOutRaw: 190, Comprehension: 190,
		Facts: []int{1, 2, 2, 4, 1}, RawFacts: []int{0, 1, 2, 3, 1}, WarmFacts: []int{2, 1}, ShortFacts: []int{2, 1},
		WarmTasks: []string{TaskAttribute, TaskReverse, TaskCloze},
		Intro:     0.2, Pronoun: 0.25,
	}
}

// ErrOptions says that a world cannot be made as asked.
var ErrOptions = errors.New("sample: options do not fit")

// Validate reports a field that cannot be met.
func (o Options) Validate() error {
	o = o.withDefaults()
	for name, weights := range map[string][]int{
		"Facts": o.Facts, "RawFacts": o.RawFacts, "WarmFacts": o.WarmFacts, "ShortFacts": o.ShortFacts,
	} {
		total := 0
		for _, w := range weights {
			total += max(w, 0)
		}
		if len(weights) > maxFacts || total == 0 {
			return fmt.Errorf("%w: %s has %d weights that sum to %d; give one to %d of them, not all zero",
				ErrOptions, name, len(weights), total, maxFacts)
		}
	}
	for _, s := range Splits {
		if limit := s.names(o.names()) / namesPerDocument; !s.reuses() && o.documents(s) > limit {
			return fmt.Errorf("%w: %d documents in split %s; the names last for %d",
				ErrOptions, o.documents(s), s, limit)
		}
	}
	for _, kind := range Kinds {
		if len(o.told(Train, kind)) < maxFacts {
			return fmt.Errorf("%w: TaskWeight leaves fewer than %d facts of a %s",
				ErrOptions, maxFacts, kind)
		}
		if have, need := len(o.told(Warm, kind)), len(o.WarmFacts); have < need {
			return fmt.Errorf("%w: WarmTasks leaves %d facts of a %s, WarmFacts needs %d", ErrOptions, have, kind, need)
		}
	}
	return nil
}

// names is how many names the world has.
func (o *Options) names() int {
	if o.Reserved {
		return reservedCount
	}
	return nameCount - reservedCount
}

// told are the facts of a kind that a split tells.
func (o *Options) told(split Split, kind string) []factSpec {
	var out []factSpec
	for _, s := range specs(kind) {
		if o.weight(&s) > 0 && (split != Warm || slices.Contains(o.WarmTasks, s.ask.task)) {
			out = append(out, s)
		}
	}
	return out
}

// weight is how often a fact is told, beside the others of its kind.
func (o *Options) weight(s *factSpec) float64 {
	weight := 1.0
	if w, ok := o.TaskWeight[s.ask.task]; ok {
		weight = w
	}
	return weight
}

func (o Options) withDefaults() Options {
	d := Defaults()
	counts := []struct{ have, want *int }{
		{&o.Warm, &d.Warm}, {&o.Short, &d.Short}, {&o.Train, &d.Train}, {&o.HeldOut, &d.HeldOut},
		{&o.Raw, &d.Raw}, {&o.HeldOutRaw, &d.HeldOutRaw}, {&o.Comprehension, &d.Comprehension},
	}
	for _, c := range counts {
		if *c.have == 0 {
			*c.have = *c.want
		}
	}
	shares := []struct{ have, want *float64 }{
		{&o.Intro, &d.Intro}, {&o.Pronoun, &d.Pronoun},
	}
	for _, s := range shares {
		if *s.have == 0 {
			*s.have = *s.want
		}
	}
	weights := []struct{ have, want *[]int }{
		{&o.Facts, &d.Facts}, {&o.RawFacts, &d.RawFacts},
		{&o.WarmFacts, &d.WarmFacts}, {&o.ShortFacts, &d.ShortFacts},
	}
	for _, w := range weights {
		if *w.have == nil {
			*w.have = *w.want
		}
	}
	if o.WarmTasks == nil {
		o.WarmTasks = d.WarmTasks
	}
	return o
}
