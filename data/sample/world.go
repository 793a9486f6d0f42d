package sample

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/data"
)

// World is the fictional world of one seed. Its methods make their documents
// anew on each call, the same ones each time.
type World struct {
	seed uint64
	opt  Options
	book nameBook
}

// Text is a document with its gold pairs, and the facts behind them: the i-th
// pair asks for the i-th fact.
type Text struct {
	data.Example
	Facts []Fact
	// sentences[i] tells Facts[i] with every name spelt out.
	sentences []string
}

// NewWorld makes the world of a seed. Options that do not fit panic: ask
// Validate first where they come from a user.
func NewWorld(seed uint64, opt Options) *World {
	if err := opt.Validate(); err != nil {
		panic(err)
	}
	return &World{seed: seed, opt: opt.withDefaults(), book: newNameBook(seed, opt.Reserved)}
}

// stream is a random source of its own for each purpose and index.
func (w *World) stream(purpose string, index int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(w.seed, h.Sum64()+uint64(index)*0x9e3779b97f4a7c15))
}

// Texts are the documents of a split.
func (w *World) Texts(s Split) []Text {
	names := w.book.part(s, 0, 1)
	if s.reuses() {
		names.draw = w.stream("names/"+string(s), 0)
	}
	texts := make([]Text, w.opt.documents(s))
	for i := range texts {
		texts[i] = w.text(s, i, names)
	}
	return texts
}

// Tuning are the documents of a split with their gold pairs.
func (w *World) Tuning(s Split) []data.Example {
	texts := w.Texts(s)
	out := make([]data.Example, len(texts))
	for i := range texts {
		out[i] = texts[i].Example
	}
	return out
}

// Raw is the raw corpus. Its gold pairs are there to score generated ones
// with: nothing may be trained on them.
func (w *World) Raw() []data.Example { return w.Tuning(Raw) }

// HeldOutRaw are documents that no model is trained on, for perplexity.
func (w *World) HeldOutRaw() []data.Document {
	texts := w.Texts(HeldOutRaw)
	out := make([]data.Document, len(texts))
	for i := range texts {
		out[i] = texts[i].Document
	}
	return out
}

// domainOf is the kind of writing a document stands for, and sourceOf the
// name of its data set.
var (
	domainOf = map[string]string{Town: "encyclopedia", Person: "social media", Company: "news", Machine: "expert"}
	sourceOf = map[string]string{
		Town: "world-towns", Person: "world-people", Company: "world-companies", Machine: "world-machines",
	}
)

// text makes the i-th document of a split.
func (w *World) text(s Split, i int, names *namer) Text {
	r := w.stream(string(s), i)
	kind := Kinds[i%len(Kinds)]
	t := Text{}
	t.ID = fmt.Sprintf("world/%s/%05d", s, i)
	t.Source, t.Domain = sourceOf[kind], domainOf[kind]
	entity := names.name()
	count := 1 + weighted(r, w.opt.facts(s))
	if count > 1 && r.Float64() < w.opt.Intro {
		f := Fact{Kind: kind, Entity: entity, Name: "kind", Wording: w.wording(r, introWordings), Task: TaskClassify}
		t.add(&f, data.Pair{}, f.fill(f.Wording))
		spec := factSpec{kind: kind, shape: shapeIntro}
		t.Pairs[0] = spec.pair(&f, question{TaskClassify, classifyQuestion}, r)
	}
	for _, spec := range w.draw(r, w.opt.told(s, kind), count) {
		f := spec.fact(entity, r, names)
		f.Wording = w.wording(r, spec.wordings)
		q := spec.question(f.Wording)
		f.Task = q.task
		told := f.Wording
		if rest, ok := strings.CutPrefix(told, "{E} "); ok && len(t.Facts) > 0 && r.Float64() < w.opt.Pronoun {
			told = nounOf[kind] + " " + rest
		}
		t.add(&f, spec.pair(&f, q, r), f.fill(told))
	}
	return t
}

func (t *Text) add(f *Fact, p data.Pair, told string) {
	if t.Text != "" {
		t.Text += " "
	}
	t.Text += told
	t.Facts = append(t.Facts, *f)
	t.Pairs = append(t.Pairs, p)
	t.sentences = append(t.sentences, f.fill(f.Wording))
}

func (w *World) wording(r *rand.Rand, all []string) string {
	n := len(all)
	if w.opt.Wordings > 0 {
		n = min(n, w.opt.Wordings)
	}
	return all[r.IntN(n)]
}

// draw picks different facts, by weight; left is used up.
func (w *World) draw(r *rand.Rand, left []factSpec, count int) []factSpec {
	var out []factSpec
	for len(out) < count {
		total := 0.0
		for i := range left {
			total += w.opt.weight(&left[i])
		}
		at, x := 0, r.Float64()*total
		for ; at < len(left)-1; at++ {
			if x -= w.opt.weight(&left[at]); x < 0 {
				break
			}
		}
		out = append(out, left[at])
		left = append(left[:at], left[at+1:]...)
	}
	return out
}

// fact draws the values of one fact.
func (s *factSpec) fact(entity string, r *rand.Rand, names *namer) Fact {
	f := Fact{Kind: s.kind, Entity: entity, Name: s.name}
	switch s.shape {
	case shapeName:
		f.Value = names.name()
	case shapeVia:
		f.Value, f.Second = names.name(), names.name()
	case shapeWord:
		f.Value = s.words[r.IntN(len(s.words))]
	case shapeList:
		order := r.Perm(len(s.words))
		for _, i := range order[:2+r.IntN(3)] {
			f.List = append(f.List, s.words[i])
		}
	case shapeCounts:
		v, x := twoDigits(r)
		if s.ask.task == TaskDifference && v < x {
			v, x = x, v
		}
		f.Value, f.Second = strconv.Itoa(v), strconv.Itoa(x)
	case shapeAges:
		// The tens differ, so that comparing two digits decides.
		v, x := twoDigits(r)
		f.Value, f.Second = strconv.Itoa(10*v+r.IntN(10)), strconv.Itoa(10*x+r.IntN(10))
		f.Other = names.name()
	}
	return f
}

// twoDigits draws two different digits from 2 to 6: few enough that comparing
// and subtracting them can be learnt in minutes.
func twoDigits(r *rand.Rand) (v, w int) {
	v = r.IntN(5)
	w = (v + 1 + r.IntN(4)) % 5
	return 2 + v, 2 + w
}

// weighted draws an index in proportion to its weight.
func weighted(r *rand.Rand, weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	x := r.IntN(total)
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// taskField records the kind of a pair in the record.
func taskField(task string) map[string]json.RawMessage {
	return map[string]json.RawMessage{"task": json.RawMessage(strconv.Quote(task))}
}
