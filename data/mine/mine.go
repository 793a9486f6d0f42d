package mine

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/data"
)

// Kind is a kind of task.
type Kind string

// The kinds of tasks.
const (
	Entailment Kind = "entailment"
	Cause      Kind = "cause"
	Paraphrase Kind = "paraphrase"
	Definition Kind = "definition"
	WordToText Kind = "word-to-text"
	Summary    Kind = "summary"
	Completion Kind = "completion"
)

// Kinds lists them, in the order in which a document's tasks stand.
func Kinds() []Kind {
	return []Kind{Summary, Definition, Entailment, Cause, Paraphrase, WordToText, Completion}
}

// Options say what is mined.
type Options struct {
	Seed       uint64
	PerKind    int     // tasks of one kind in a document at most; 0 is 2. There is one summary and one completion at most
	Kinds      []Kind  // nil is all
	Completion float64 // share of documents that are long enough whose end is taken off, from 0 to 1
}

// Defaults are the options that are printed and used where none are given.
func Defaults() Options { return Options{Seed: 1, PerKind: 2, Completion: 0.5} }

// check gives the options with their zero values filled in.
func (o Options) check() (Options, error) {
	if o.PerKind == 0 {
		o.PerKind = Defaults().PerKind
	}
	if o.Kinds == nil {
		o.Kinds = Kinds()
	}
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			return o, fmt.Errorf("kind of task %q is none of %v", k, Kinds())
		}
	}
	switch {
	case o.PerKind < 0:
		return o, fmt.Errorf("%d tasks of one kind: must be at least 1", o.PerKind)
	case !(o.Completion >= 0 && o.Completion <= 1):
		return o, fmt.Errorf("completion in a share of %v of the documents: must be from 0 to 1", o.Completion)
	}
	return o, nil
}

// finding is what a rule found.
type finding struct {
	rule     string
	at       int // where in the document
	relation relation
	a, b     string
	answer   string   // of a cause: what is answered to "why"
	words    []string // of WordToText
}

// Counts adds up what was mined.
type Counts struct {
	Documents int64
	Without   int64 // documents in which nothing was found
	Pairs     map[Kind]int64
	Rules     map[string]int64 // by kind and rule
}

// Miner mines documents one by one. It may be used from several goroutines.
type Miner struct{ opt Options }

// New checks the options.
func New(opt Options) (*Miner, error) {
	opt, err := opt.check()
	return &Miner{opt}, err
}

// Mine makes an example of a document: its text, without what the tasks ask for
// (heading and end), and the tasks. Each pair keeps its rule in the field "rule". A
// document without an id is drawn for by its text.
func (m *Miner) Mine(d *data.Document) data.Example {
	ex := data.Example{Document: *d}
	key := d.ID
	if key == "" {
		key = d.Text
	}
	found := map[Kind][]finding{}
	add := func(k Kind, f finding) {
		if slices.Contains(m.opt.Kinds, k) {
			found[k] = append(found[k], f)
		}
	}
	body := m.title(d, add)
	text := d.Text[body:]
	ss := split(text)
	if at := m.end(text, ss, key); at >= 0 {
		add(Completion, finding{rule: "end", b: strings.TrimSpace(text[at:])})
		text = strings.TrimRight(text[:at], " \t\r\n")
		ss = split(text)
	}
	ex.Text = text
	m.search(ss, add)
	if len(found[Summary]) == 0 { // a heading that was taken off has to come back as the answer
		summed(ss, add)
	}
	for _, k := range Kinds() {
		ex.Pairs = append(ex.Pairs, m.tasks(k, found[k], key)...)
	}
	return ex
}

// title finds the title and says where the text begins behind it. The heading of a
// text stays where it is not asked for.
func (m *Miner) title(d *data.Document, add func(Kind, finding)) (body int) {
	if !slices.Contains(m.opt.Kinds, Summary) {
		return 0
	}
	head, rule, at := headed(d.Title, d.Text)
	if words(head) < 2 || len(split(d.Text[at:])) < 3 {
		return 0
	}
	add(Summary, finding{rule: rule, b: head})
	return at
}

// end finds where the end to be completed begins, or -1.
func (m *Miner) end(text string, ss []sentence, key string) int {
	if !slices.Contains(m.opt.Kinds, Completion) {
		return -1
	}
	d := drawOf(m.opt.Seed, key, "end")
	if float64(d.below(1<<30)) >= m.opt.Completion*(1<<30) {
		return -1
	}
	return ending(text, ss, d)
}

func (m *Miner) search(ss []sentence, add func(Kind, finding)) {
	relations(ss, add)
	for _, s := range ss {
		causes(s, add)
		defined(s, add)
		keywords(s, add)
	}
}

// tasks draws among the findings of a kind and words them, in the order of the text.
func (m *Miner) tasks(k Kind, found []finding, key string) []data.Pair {
	n := m.opt.PerKind
	if k == Summary || k == Completion {
		n = 1
	}
	slices.SortStableFunc(found, func(a, b finding) int { return a.at - b.at })
	var out []data.Pair
	for _, i := range drawOf(m.opt.Seed, key, string(k)).some(n, len(found)) {
		f := &found[i]
		p := f.pair(k, drawOf(m.opt.Seed, key, string(k), "wording"), drawOf(m.opt.Seed, key, string(k), strconv.Itoa(i)))
		rule, err := json.Marshal(string(k) + ": " + f.rule)
		if err != nil {
			panic(err) // a string is always JSON
		}
		p.Extra = map[string]json.RawMessage{"rule": rule}
		out = append(out, p)
	}
	return out
}

// Chains mines a stream of documents; each becomes a chain of one example, mined or
// not. counts may be nil.
func (m *Miner) Chains(docs iter.Seq2[data.Document, error], counts *Counts) iter.Seq2[data.Chain, error] {
	return func(yield func(data.Chain, error) bool) {
		for d, err := range docs {
			if err != nil {
				yield(data.Chain{}, err)
				return
			}
			ex := m.Mine(&d)
			counts.add(&ex)
			if !yield(data.Chain{ID: d.ID, Examples: []data.Example{ex}}, nil) {
				return
			}
		}
	}
}

func (c *Counts) add(ex *data.Example) {
	if c == nil {
		return
	}
	if c.Pairs == nil {
		c.Pairs, c.Rules = map[Kind]int64{}, map[string]int64{}
	}
	c.Documents++
	if len(ex.Pairs) == 0 {
		c.Without++
	}
	for i := range ex.Pairs {
		var rule string
		if err := json.Unmarshal(ex.Pairs[i].Extra["rule"], &rule); err != nil {
			panic(err) // written by tasks
		}
		kind, _, _ := strings.Cut(rule, ": ")
		c.Pairs[Kind(kind)]++
		c.Rules[rule]++
	}
}
