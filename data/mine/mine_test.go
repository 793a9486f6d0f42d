package mine

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/primer-lm/primer/data"
)

func TestSentences(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"One is here. Two is there! Is three? Yes.", []string{"One is here.", "Two is there!", "Is three?", "Yes."}},
		{"Dr. Brown met J. Smith at 3.5 km, i.e. far off. He left.", []string{"Dr. Brown met J. Smith at 3.5 km, i.e. far off.", "He left."}},
		{"He said \"Go.\" Then he went.", []string{"He said \"Go.\"", "Then he went."}},
		{"A wrapped\nline goes on. Next\n\nNew paragraph", []string{"A wrapped line goes on.", "Next", "New paragraph"}},
		{"A Heading\nText begins here.\r\nAnd more.", []string{"A Heading", "Text begins here.", "And more."}},
		{"It was late... and cold. Ends", []string{"It was late... and cold.", "Ends"}},
		{"See example.org or v1.2.3 of it.", []string{"See example.org or v1.2.3 of it."}},
		{"", nil},
		{" \n\n ", nil},
	} {
		var got []string
		for _, s := range split(c.text) {
			got = append(got, s.text)
			if joined := strings.Join(strings.Fields(c.text[s.start:s.end]), " "); joined != s.text {
				t.Errorf("%q: bytes %d to %d are %q, not %q", c.text, s.start, s.end, joined, s.text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

// Nothing is lost and nothing is made up: sentences are the text but for white space,
// whatever the text; and mining never panics.
func TestSplitKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{"Because it rained, ", "the ferry left", ". ", "\n", "\n\n", "İ", "?!", "\"", ")",
			" is defined as ", "Therefore, ", "A lathe", " due to fog", "\x80", "é", " "})).Draw(t, "pieces")
		text := strings.Join(pieces, "")
		var all []string
		end := 0
		for _, s := range split(text) {
			if s.start < end || s.end <= s.start {
				t.Fatalf("bytes %d to %d after %d", s.start, s.end, end)
			}
			end = s.end
			all = append(all, s.text)
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got := squeeze(strings.Join(all, " ")); got != squeeze(text) {
			t.Fatalf("%q became %q", text, got)
		}
		m, err := New(Options{Seed: 1, PerKind: 9, Completion: 1})
		if err != nil {
			t.Fatal(err)
		}
		ex := m.Mine(&data.Document{ID: "x", Text: text, Title: rapid.String().Draw(t, "title")})
		for _, p := range ex.Pairs {
			if strings.TrimSpace(p.Instruction) == "" || strings.TrimSpace(p.Response) == "" ||
				len(p.Options) > 0 && !slices.Contains(p.Options, p.Response) {
				t.Fatalf("pair %+v", p)
			}
		}
	})
}

const story = `The Ferry of Oldham

The ferry crossed the river Lor every hour. A chain ferry is a boat that pulls itself along a chain. It was slow but safe.
The river is wide at this place and the current is strong. However, the ferry had never been lost.

In 1903 the town built an iron bridge beside the landing. The ferry was given up because the bridge had taken its passengers.
As a result, the ferryman looked for other work. He became a keeper of the gate at the bridge. His daughter wrote a book about
the old days. The book was printed in the capital and sold well. In summary, the bridge changed the life of the whole town.
People still meet at the landing in the evening. They tell the old stories to their children.`

func mined(t *testing.T, opt Options) data.Example {
	t.Helper()
	m, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return m.Mine(&data.Document{ID: "ferry", Text: story})
}

func TestAWholeDocument(t *testing.T) {
	ex := mined(t, Options{Seed: 3, PerKind: 3, Completion: 1})
	kinds := map[string]int{}
	for _, p := range ex.Pairs {
		kind, _, _ := strings.Cut(strings.Trim(string(p.Extra["rule"]), `"`), ":")
		kinds[kind]++
		switch Kind(kind) {
		case Summary:
			if p.Response != "The Ferry of Oldham" || strings.Contains(ex.Text, "Ferry of Oldham") {
				t.Errorf("the heading: %q, text %q", p.Response, ex.Text)
			}
		case Completion:
			if p.Response == "" || !strings.HasSuffix(story, p.Response) || strings.Contains(ex.Text, p.Response) {
				t.Errorf("the end is %q", p.Response)
			}
			whole := strings.Join(strings.Fields("The Ferry of Oldham "+ex.Text+" "+p.Response), " ")
			if whole != strings.Join(strings.Fields(story), " ") {
				t.Errorf("heading, text and end are not the document: %q", whole)
			}
		case WordToText:
			if !strings.Contains(strings.Join(strings.Fields(ex.Text), " "), p.Response) {
				t.Errorf("sentence %q is not in the text", p.Response)
			}
			_, list, _ := strings.Cut(p.Instruction, ": ")
			for _, w := range strings.Split(strings.TrimSuffix(list, "\nSentence:"), ", ") {
				if !strings.Contains(p.Response, w) {
					t.Errorf("word %q of %q is not in %q", w, p.Instruction, p.Response)
				}
			}
		}
	}
	want := map[string]int{"summary": 1, "definition": 1, "entailment": 1, "cause": 2, "word-to-text": 3, "completion": 1}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
}

func TestOptionsAreKept(t *testing.T) {
	if ex := mined(t, Options{Seed: 1, Kinds: []Kind{Cause}, PerKind: 1}); len(ex.Pairs) != 1 || ex.Text != story {
		t.Errorf("one cause alone: %d pairs, text changed %v", len(ex.Pairs), ex.Text != story)
	}
	shares := 0
	m, err := New(Options{Seed: 1, Kinds: []Kind{Completion}, Completion: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 800 {
		shares += len(m.Mine(&data.Document{ID: fmt.Sprint(i), Text: story}).Pairs)
	}
	if shares < 150 || shares > 250 { // 200 ± 12
		t.Errorf("%d of 800 documents lost their end, want about 200", shares)
	}
	for _, opt := range []Options{{PerKind: -1}, {Completion: 1.5}, {Kinds: []Kind{"riddle"}}} {
		if _, err := New(opt); err == nil {
			t.Errorf("%+v is taken", opt)
		}
	}
}

func TestHeadings(t *testing.T) {
	const body = "\n\nOne sentence is here. Another one is here. A third one is here.\n"
	for _, c := range []struct{ title, text, want, rule string }{
		{"", "The Ferry of Oldham" + body, "The Ferry of Oldham", "heading"},
		{"", "## The *Ferry* of Oldham" + body, "", ""}, // markup inside
		{"", "**The Ferry of Oldham**" + body, "The Ferry of Oldham", "heading"},
		{"", "The Ferry of Oldham\nOne sentence is here. Another one is here. A third one is here.", "", ""}, // no line apart
		{"", "The ferry crossed the river at last." + body, "", ""},
		{"", "Ferry" + body, "", ""},
		{"", "A line of fourteen words that stands apart and yet is no heading of it" + body, "", ""},
		{"", "By Anna Smith" + body, "", ""},
		{"", "Home | News | Contact" + body, "", ""},
		{"", "The Ferry of Oldham\n\nOne sentence alone.", "", ""},
		{"The Ferry", "Text begins. Another one is here. A third one is here.", "The Ferry", "title"},
		{"The Ferry", "THE FERRY" + body, "The Ferry", "title"},
		{"", "", "", ""},
	} {
		m, err := New(Options{Kinds: []Kind{Summary}})
		if err != nil {
			t.Fatal(err)
		}
		ex := m.Mine(&data.Document{ID: "x", Title: c.title, Text: c.text})
		if c.want == "" {
			if len(ex.Pairs) > 0 || ex.Text != c.text {
				t.Errorf("%q: pairs %+v, text %q", c.text, ex.Pairs, ex.Text)
			}
			continue
		}
		if len(ex.Pairs) != 1 || ex.Pairs[0].Response != c.want || string(ex.Pairs[0].Extra["rule"]) != `"summary: `+c.rule+`"` {
			t.Errorf("%q: pairs %+v, want %q", c.text, ex.Pairs, c.want)
		}
		if strings.Contains(strings.ToLower(ex.Text), "ferry") {
			t.Errorf("%q: the title stands in the text %q", c.text, ex.Text)
		}
	}
}

func TestKeywords(t *testing.T) {
	const line = "The stone bridge over the river Lor was longer than the other stone bridge of Oldham."
	var words []string
	keywords(split(line)[0], func(_ Kind, f finding) { words = f.words })
	if want := []string{"stone", "bridge", "river", "Lor", "longer", "Oldham"}; !slices.Equal(words, want) {
		t.Errorf("words %q, want %q", words, want)
	}
	orders := map[string]bool{}
	for seed := range uint64(30) {
		f := finding{words: []string{"a", "b", "c"}}
		f.pickWords(drawOf(seed))
		orders[strings.Join(f.words, "")] = true
	}
	if len(orders) != 6 {
		t.Errorf("orders %v", orders)
	}
	for _, silent := range []string{"It stood near the stone bridge over the river Lor.", "The bridge was long and old.",
		"However, the stone bridge over the river Lor was longer."} {
		keywords(split(silent)[0], func(_ Kind, f finding) { t.Errorf("%q fires %q", silent, f.words) })
	}
}

func TestMiningIsAFunctionOfDocumentAndSeed(t *testing.T) {
	a, b := mined(t, Options{Seed: 5, Completion: 0.5}), mined(t, Options{Seed: 5, Completion: 0.5})
	if !reflect.DeepEqual(a, b) {
		t.Error("two results of one document")
	}
	differ := false
	for seed := range uint64(20) {
		differ = differ || !reflect.DeepEqual(a.Pairs, mined(t, Options{Seed: seed + 10, Completion: 0.5}).Pairs)
	}
	if !differ {
		t.Error("the seed changes nothing")
	}
}

func TestChains(t *testing.T) {
	stop := errors.New("stop")
	docs := func(yield func(data.Document, error) bool) {
		_ = yield(data.Document{ID: "a", Text: story}, nil) && yield(data.Document{ID: "b", Text: "Nothing here"}, nil) && yield(data.Document{}, stop)
	}
	m, err := New(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	var counts Counts
	n := 0
	for c, err := range m.Chains(iter.Seq2[data.Document, error](docs), &counts) {
		if err != nil {
			if !errors.Is(err, stop) {
				t.Fatal(err)
			}
			continue
		}
		if n++; len(c.Examples) != 1 || c.ID != c.Examples[0].ID {
			t.Errorf("chain %+v", c)
		}
	}
	if n != 2 || counts.Documents != 2 || counts.Without != 1 || counts.Pairs[Cause] != 2 || counts.Rules["cause: because"] != 1 {
		t.Errorf("%d chains, counts %+v", n, counts)
	}
}
