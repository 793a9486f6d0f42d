package templates

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/primer-lm/primer/data"
)

var set = Default()

// fresh is the same set, parsed again.
var fresh = func() *Set {
	s, err := Load()
	if err != nil {
		panic(err)
	}
	return s
}()

// genChain makes chains of every shape; words may look like placeholders.
func genChain() *rapid.Generator[data.Chain] {
	return rapid.Custom(func(t *rapid.T) data.Chain {
		n := 0
		words := func(label string) string {
			n++
			return fmt.Sprintf("%s%d %s", label, n, rapid.SampledFrom([]string{"x", "{response}", "{text}", "a\nb", "{{", "é"}).Draw(t, label))
		}
		c := data.Chain{ID: rapid.StringMatching(`[a-z]{0,6}`).Draw(t, "id")}
		least := rapid.IntRange(0, 2).Draw(t, "least")
		for range rapid.IntRange(1, 3).Draw(t, "examples") {
			ex := data.Example{Document: data.Document{Text: words("text")}}
			if least > 0 && rapid.IntRange(0, 5).Draw(t, "no text") == 0 {
				ex.Text = ""
			}
			for range rapid.IntRange(least, 3).Draw(t, "pairs") {
				p := data.Pair{Instruction: words("ask"), Response: words("say")}
				if rapid.Bool().Draw(t, "thought") {
					p.Thought = words("think")
				}
				if rapid.Bool().Draw(t, "options") {
					p.Options = []string{words("opt"), words("opt"), words("opt")}
					p.Response = p.Options[rapid.IntRange(0, 2).Draw(t, "answer")]
				}
				ex.Pairs = append(ex.Pairs, p)
			}
			c.Examples = append(c.Examples, ex)
		}
		return c
	})
}

// spanned finds the only span of a part.
func spanned(t *rapid.T, r *Rendered, part Part, ex, pair int) string {
	found, n := "", 0
	for _, s := range r.Spans {
		if s.Part == part && s.Example == ex && s.Pair == pair {
			found, n = r.Text[s.Start:s.End], n+1
		}
	}
	if n != 1 {
		t.Fatalf("%d spans of %v of example %d pair %d in\n%s", n, part, ex, pair, r.Text)
	}
	return found
}

func TestEverythingStandsInTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genChain().Draw(t, "chain")
		r := set.Render(&c, rapid.Uint64().Draw(t, "seed"))
		if len(r.Dropped) > 0 {
			t.Fatalf("dropped %v", r.Dropped)
		}
		for i, ex := range c.Examples {
			if ex.Text != "" {
				if got := spanned(t, &r, Text, i, -1); got != ex.Text {
					t.Fatalf("text %d is %q", i, got)
				}
			}
			for j, p := range ex.Pairs {
				if got := spanned(t, &r, Instruction, i, j); got != p.Instruction {
					t.Fatalf("instruction %q", got)
				}
				if p.Thought != "" && spanned(t, &r, Thought, i, j) != p.Thought {
					t.Fatal("thought is not whole")
				}
				checkAnswer(t, &r, i, j, &p)
			}
		}
	})
}

// checkAnswer reads the answer back: the response, or the one item whose label it is.
func checkAnswer(t *rapid.T, r *Rendered, i, j int, p *data.Pair) {
	answer := spanned(t, r, Response, i, j)
	if len(p.Options) == 0 {
		if answer != p.Response {
			t.Fatalf("response %q", answer)
		}
		return
	}
	block := spanned(t, r, Options, i, j)
	for _, o := range p.Options {
		if strings.Count(block, o) != 1 {
			t.Fatalf("option %q in %q", o, block)
		}
	}
	at := strings.Index(block, p.Response)
	label := block[:at]
	if r.choice.picked["options.item"].first.counted() {
		if !strings.HasSuffix(strings.TrimSpace(label), answer) {
			t.Fatalf("the answer %q is not the label before %q in %q", answer, p.Response, block)
		}
	} else if answer != strings.TrimSpace(p.Response) {
		t.Fatalf("answer %q", answer)
	}
}

func TestRenderIsAFunctionOfChainAndSeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, seed := genChain().Draw(t, "chain"), rapid.Uint64().Draw(t, "seed")
		a, b := set.Render(&c, seed), fresh.Render(&c, seed)
		if a.Text != b.Text || !reflect.DeepEqual(a.Spans, b.Spans) {
			t.Fatalf("two texts of one chain:\n%s\n---\n%s", a.Text, b.Text)
		}
	})
}

// All examples of a chain follow one pattern: with equal examples, what stands
// between their spans is equal.
func TestOnePatternPerChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ex := data.Example{Document: data.Document{Text: "the text"}, Pairs: []data.Pair{
			{Instruction: "ask one", Response: "say one"}, {Instruction: "ask two", Response: "say two", Thought: "think"}}}
		c := data.Chain{ID: rapid.String().Draw(t, "id"), Examples: []data.Example{ex, ex, ex}}
		r := set.Render(&c, rapid.Uint64().Draw(t, "seed"))
		sep := literal(r.choice.picked["example.separator"])
		n := (len(r.Text) - 2*len(sep)) / 3
		one := r.Text[:n]
		if r.Text != one+sep+one+sep+one {
			t.Fatalf("the examples differ in pattern:\n%s", r.Text)
		}
	})
}

// Families are drawn independently of each other: chi-square of the joint counts
// of two families against the product of their weights, 4.5 deviations allowed.
func TestDrawsAreIndependent(t *testing.T) {
	names := []string{"layout.order", "bridge.presence", "wrapper.presence", "pair.separator", "example.separator"}
	const n = 20000
	picks := make([]choice, n)
	for i := range picks {
		picks[i] = set.choose(drawsOf(7, &data.Chain{ID: fmt.Sprint("chain ", i)}), i%2 == 0, true)
	}
	share := func(e *entry, f *family) float64 { return e.weight / f.sums[len(f.sums)-1] }
	for x, a := range names {
		for _, b := range names[x+1:] {
			joint := map[[2]*entry]float64{}
			for i := range picks {
				joint[[2]*entry{picks[i].picked[a], picks[i].picked[b]}]++
			}
			chi, cells := 0.0, 0
			fa, fb := set.families[a], set.families[b]
			for i := range fa.entries {
				for j := range fb.entries {
					want := n * share(&fa.entries[i], fa) * share(&fb.entries[j], fb)
					got := joint[[2]*entry{&fa.entries[i], &fb.entries[j]}]
					chi += (got - want) * (got - want) / want
					cells++
				}
			}
			free := float64(cells - 1)
			if limit := free + 4.5*math.Sqrt(2*free) + 8; !(chi < limit) {
				t.Errorf("%s and %s: chi-square %.1f over %v cells, limit %.1f", a, b, chi, cells, limit)
			}
		}
	}
}

func TestLayoutShares(t *testing.T) {
	pairs := []data.Pair{{Instruction: "a", Response: "b"}, {Instruction: "c", Response: "d"}}
	for _, many := range []bool{false, true} {
		got, first := map[string]int{}, 0
		const n = 8000
		for i := range n {
			c := data.Chain{ID: fmt.Sprint(i), Examples: []data.Example{{Document: data.Document{Text: "t"}, Pairs: pairs}}}
			if !many {
				c.Examples[0].Pairs = pairs[:1]
			}
			r := set.Render(&c, 1)
			got[r.Layout]++
			if r.choice.pairsFirst {
				first++
				if r.Layout != Classic && r.Layout != Dialogue {
					t.Fatalf("pairs first in %s", r.Layout)
				}
			}
		}
		want := map[string]float64{Classic: .95, Dialogue: .05}
		pairsFirst := 0.05
		if many {
			want = map[string]float64{Classic: .80, Dialogue: .05, Numbered: .05, Inline: .05, NextTurn: .05}
			pairsFirst = 0.05 * .85
		}
		for layout, p := range want {
			// 4 standard deviations of a binomial.
			if off := math.Abs(float64(got[layout]) - n*p); !(off < 4*math.Sqrt(n*p*(1-p))) {
				t.Errorf("many %v: layout %s came %d of %d", many, layout, got[layout], n)
			}
		}
		if off := math.Abs(float64(first) - n*pairsFirst); !(off < 4*math.Sqrt(n*pairsFirst)) {
			t.Errorf("pairs first %d of %d", first, n)
		}
	}
}

func TestAnswersThatAreNoOption(t *testing.T) {
	c := data.Chain{ID: "x", Examples: []data.Example{{Document: data.Document{Text: "t"}, Pairs: []data.Pair{
		{Instruction: "lost", Options: []string{"p", "q"}, Response: "r"},
		{Instruction: "none", Options: []string{"p", "q"}, Response: "none of the ABOVE."},
		{Instruction: "case", Options: []string{"Paris", "Rome"}, Response: " paris."},
		{Instruction: " ", Response: "r"},
	}}}}
	for seed := range uint64(50) {
		r := set.Render(&c, seed)
		if !reflect.DeepEqual(r.Dropped, []Drop{{0, 0, NoOption}, {0, 3, Blank}}) {
			t.Fatalf("dropped %v", r.Dropped)
		}
		if strings.Contains(r.Text, "lost") {
			t.Fatal("a dropped pair stands in the text")
		}
		for _, s := range r.Spans {
			if s.Part == Response && s.Pair == 1 && r.Text[s.Start:s.End] != literal(r.choice.picked["options.none"]) {
				t.Fatalf("none-phrase %q", r.Text[s.Start:s.End])
			}
		}
	}
}

// Several right options are printed as labels or texts, in the order of the printed options.
func TestSeveralRightOptions(t *testing.T) {
	c := data.Chain{ID: "x", Examples: []data.Example{{Document: data.Document{Text: "t"}, Pairs: []data.Pair{
		{Instruction: "which", Options: []string{"pie", "ham", "jam"}, Response: "pie; jam"},
		{Instruction: "not these", Options: []string{"pie", "ham", "jam"}, Response: "pie; tea"},
	}}}}
	texts, labels := 0, 0
	for seed := range uint64(100) {
		r := set.Render(&c, seed)
		if !reflect.DeepEqual(r.Dropped, []Drop{{0, 1, NoOption}}) {
			t.Fatalf("dropped %v", r.Dropped)
		}
		options, response := "", ""
		for _, s := range r.Spans {
			switch s.Part {
			case Options:
				options = r.Text[s.Start:s.End]
			case Response:
				response = r.Text[s.Start:s.End]
			}
		}
		first, second, ok := strings.Cut(response, data.Several)
		a, b := strings.Index(options, first), strings.Index(options, second)
		if !ok || a < 0 || b <= a {
			t.Fatalf("%q of %q", response, options)
		}
		if first == "pie" || first == "jam" {
			texts++
		} else {
			labels++
			if line := options[a:]; !strings.Contains(line, "pie") && !strings.Contains(line, "jam") {
				t.Fatalf("%q of %q", response, options)
			}
		}
	}
	if texts == 0 || labels == 0 {
		t.Errorf("%d answers as texts, %d as labels", texts, labels)
	}
}

func TestCounters(t *testing.T) {
	for _, c := range []struct {
		style string
		i     int
		want  string
	}{{"a", 0, "a"}, {"a", 25, "z"}, {"a", 26, "aa"}, {"A", 27, "AB"}, {"1", 9, "10"}, {"i", 3, "iv"}, {"I", 13, "XIV"}} {
		if got := count(c.style, c.i); got != c.want {
			t.Errorf("%s %d: %q want %q", c.style, c.i, got, c.want)
		}
	}
}
