package sample

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// checker answers an instruction from a text's facts in its own way: it knows
// questions by their words, not by the tables that made them.
type checker struct {
	ask    string // pattern; group 1 names whom or what it is about
	answer func(facts []Fact, about string, options []string) []string
}

// value finds the fact of an entity and lets pick answer from it.
func value(name string, pick func(f *Fact) string) func([]Fact, string, []string) []string {
	return func(facts []Fact, about string, _ []string) []string {
		for i := range facts {
			if facts[i].Name == name && facts[i].Entity == about {
				return []string{pick(&facts[i])}
			}
		}
		return nil
	}
}

// entity finds whose value it is.
func entity(name string) func([]Fact, string, []string) []string {
	return func(facts []Fact, about string, _ []string) []string {
		for i := range facts {
			if facts[i].Name == name && facts[i].Value == about {
				return []string{facts[i].Entity}
			}
		}
		return nil
	}
}

func first(f *Fact) string { return f.Value }

func more(yes, no string) func(*Fact) string {
	return func(f *Fact) string {
		v, _ := strconv.Atoi(f.Value)
		w, _ := strconv.Atoi(f.Second)
		if v-w > 0 {
			return yes
		}
		return no
	}
}

var checkers = []checker{
	{`^Which river is (\w+) on\?$`, value("river", first)},
	{`^Which town is on the river (\w+)\?$`, entity("river")},
	{`^Fill the gap: the mayor of (\w+) is ___\.$`, value("mayor", first)},
	{`^Where is (\w+) the mayor\?$`, entity("mayor")},
	{`^Which hill is above (\w+)\?$`, value("hill", first)},
	{`^What is sold in (\w+)\?$`, value("goods", func(f *Fact) string {
		switch l := f.List; len(l) {
		case 2:
			return l[0] + " and " + l[1]
		case 3:
			return l[0] + ", " + l[1] + " and " + l[2]
		default:
			return l[0] + ", " + l[1] + ", " + l[2] + " and " + l[3]
		}
	})},
	{`^Does (\w+) have more bridges or more gates\?$`, value("bridges and gates", more("bridges", "gates"))},
	{`^Who taught (\w+)\?$`, value("teacher", first)},
	{`^Who was taught by (\w+)\?$`, entity("teacher")},
	{`^Where does (\w+) live\?$`, value("home", first)},
	{`^Fill the gap: the dog of (\w+) is called ___\.$`, value("dog", first)},
	{`^Whose dog is (\w+)\?$`, entity("dog")},
	{`^What does (\w+) work with\?$`, value("trade", func(f *Fact) string {
		return map[string]string{
			"baker": "bread", "smith": "iron", "fisher": "fish", "weaver": "cloth", "potter": "clay", "tanner": "leather",
			"carver": "wood", "scribe": "ink", "shepherd": "sheep", "mason": "stone",
		}[f.Value]
	})},
	{`^Who is older, (\w+) or \w+\?$`, func(facts []Fact, about string, _ []string) []string {
		return value("age", func(f *Fact) string { return more(f.Entity, f.Other)(f) })(facts, about, nil)
	}},
	{`^True or false: (\w+) has more brothers than sisters\.$`, value("brothers and sisters", more("true", "false"))},
	{`^Who owns (\w+)\?$`, value("owner", first)},
	{`^Which company does (\w+) own\?$`, entity("owner")},
	{`^Fill the gap: the office of (\w+) is in ___\.$`, value("seat", first)},
	{`^Which company is the rival of (\w+)\?$`, value("rival", first)},
	{`^Which of these does (\w+) not make\?$`, func(facts []Fact, about string, options []string) []string {
		var left []string
		for _, f := range facts {
			for _, o := range options {
				if f.Name == "products" && f.Entity == about && !slices.Contains(f.List, o) {
					left = append(left, o)
				}
			}
		}
		return left
	}},
	{`^How many more shops than ships does (\w+) have\?$`, value("shops and ships", func(f *Fact) string {
		v, _ := strconv.Atoi(f.Value)
		w, _ := strconv.Atoi(f.Second)
		return strconv.Itoa(v - w)
	})},
	{`^Where does the maker of (\w+) live\?$`, value("maker", func(f *Fact) string { return f.Second })},
	{`^Who takes care of (\w+)\?$`, value("keeper", first)},
	{`^Which machine does (\w+) take care of\?$`, entity("keeper")},
	{`^Which hall is (\w+) in\?$`, value("hall", first)},
	{`^What does (\w+) burn\?$`, value("fuel", first)},
	{`^How many materials are in (\w+)\?$`, value("materials", func(f *Fact) string { return strconv.Itoa(len(f.List)) })},
	{`^Does (\w+) have more wheels than levers\?$`, value("wheels and levers", more("yes", "no"))},
	{`^What kind of thing is (\w+)\?$`, func(facts []Fact, _ string, _ []string) []string {
		return []string{map[string]string{
			"town": "place", "person": "human", "company": "business", "machine": "device",
		}[facts[0].Kind]}
	}},
}

func TestGoldAnswersFollowFromTheFacts(t *testing.T) {
	used, asks := make([]int, len(checkers)), make([]*regexp.Regexp, len(checkers))
	for i, c := range checkers {
		asks[i] = regexp.MustCompile(c.ask)
	}
	for _, split := range Splits {
		for _, text := range NewWorld(5, Options{}).Texts(split) {
			if len(text.Pairs) != len(text.Facts) {
				t.Fatalf("%s: %d pairs for %d facts", text.ID, len(text.Pairs), len(text.Facts))
			}
			for _, p := range text.Pairs {
				n := 0
				for i, c := range checkers {
					m := asks[i].FindStringSubmatch(p.Instruction)
					if m == nil {
						continue
					}
					n, used[i] = n+1, used[i]+1
					want := c.answer(text.Facts, m[1], p.Options)
					if len(want) != 1 || want[0] != p.Response {
						t.Fatalf("%s: %q is answered %q, want %q", text.ID, p.Instruction, p.Response, want)
					}
				}
				if n != 1 {
					t.Fatalf("%s: %q is known to %d checkers", text.ID, p.Instruction, n)
				}
				if p.Options != nil && count(p.Options, p.Response) != 1 {
					t.Fatalf("%s: answer %q stands not once in %q", text.ID, p.Response, p.Options)
				}
			}
		}
	}
	for i, n := range used {
		if n < 50 {
			t.Errorf("%s: checked %d times only", checkers[i].ask, n)
		}
	}
}

// Every value that a fact claims is in its sentence, and the sentence, but for
// its first name, in the text; a derived answer is no span of the text.
func TestFactsAreTold(t *testing.T) {
	spans := map[string][2]int{}
	for _, text := range NewWorld(5, Options{}).Texts(Train) {
		for i, f := range text.Facts {
			for _, v := range append([]string{f.Value, f.Second, f.Other}, f.List...) {
				if !strings.Contains(text.sentences[i], v) {
					t.Fatalf("%s: %q lacks %q", text.ID, text.sentences[i], v)
				}
			}
			told := strings.TrimPrefix(text.sentences[i], f.Entity)
			if !strings.Contains(text.Text, told) || !strings.Contains(text.Text, f.Entity) {
				t.Fatalf("%s: %q is not told in %q", text.ID, told, text.Text)
			}
			s := spans[f.Task]
			s[0]++
			if strings.Contains(text.Text, text.Pairs[i].Response) {
				s[1]++
			}
			spans[f.Task] = s
		}
	}
	for task, s := range spans {
		copied := float64(s[1]) / float64(s[0])
		// Digits and words may stand in a text by accident, beside their sentence.
		if Derived(task) && copied > 0.7 || !Derived(task) && copied < 1 {
			t.Errorf("%s: the answer is a span of the text in %.2f of the pairs", task, copied)
		}
	}
}

func count(list []string, s string) int {
	n := 0
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}
