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

// fired lists what the rules find in a text, as "kind: rule: a => b".
func fired(text string) (out []string) {
	m := &Miner{opt: Options{Kinds: Kinds()}}
	add := func(k Kind, f finding) {
		if k != WordToText {
			out = append(out, fmt.Sprintf("%s: %s: %s => %s", k, f.rule, f.a, f.b))
		}
	}
	ss := split(text)
	m.search(ss, add)
	summed(ss, add)
	return out
}

// Planted sentences that a rule must see, and what it must see in them.
func TestRulesFire(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"The bridge was closed all day. Therefore, the lorries took the ferry.",
			"entailment: Therefore: The bridge was closed all day. => The lorries took the ferry."},
		{"All the tiles were sold on Monday. It follows that none was left on Tuesday.",
			"entailment: It follows that: All the tiles were sold on Monday. => None was left on Tuesday."},
		{"The hall seats nine hundred people. Moreover, it has two balconies.",
			"entailment: Moreover: The hall seats nine hundred people. => It has two balconies."},
		{"The seeds were sown in March. However, nothing came up before June.",
			"entailment: However: The seeds were sown in March. => Nothing came up before June."},
		{"The old pump is loud and slow. By contrast, the new one makes no noise.",
			"entailment: By contrast: The old pump is loud and slow. => The new one makes no noise.\n" +
				"paraphrase: By contrast: The old pump is loud and slow. => The new one makes no noise."},
		{"However, the dam broke in the night. As a result, the lower town was flooded.",
			"cause: As a result: The dam broke in the night. => The lower town was flooded."},
		{"The lamps went out at nine. This is because the generator had run dry.",
			"cause: This is because: The generator had run dry. => The lamps went out at nine."},
		{"The harvest failed because the summer had been too dry.",
			"cause: because: The summer had been too dry. => The harvest failed."},
		{"Moreover, the train was late because of the snow on the line.",
			"cause: because of: The snow on the line. => The train was late."},
		{"Three flights were cancelled due to thick fog.", "cause: due to: Thick fog. => Three flights were cancelled."},
		{"Many of the houses lost their roofs as a result of the storm.",
			"cause: as a result of: The storm. => Many of the houses lost their roofs."},
		{"The lamps went out at nine. This is because the pump had stopped because of a fault.",
			"cause: because of: A fault. => The pump had stopped."},
		{"Because the ice had melted, the lake could be crossed by boat.", ""}, // could: doubtful
		{"Because the ice had melted, the boats were let into the lake.",
			"cause: because, leading: The ice had melted. => The boats were let into the lake."},
		{"The cell keeps its salt level steady. In other words, it lets in as much as it lets out.",
			"paraphrase: In other words: The cell keeps its salt level steady. => It lets in as much as it lets out."},
		{"Viscosity is defined as the resistance of a fluid to flow.",
			"definition: is defined as: Viscosity => The resistance of a fluid to flow."},
		{"The term \"keystone\" refers to the last stone that is set into an arch.",
			"definition: refers to: keystone => The last stone that is set into an arch."},
		{"Heat transfer refers to the movement of energy between bodies.",
			"definition: refers to: heat transfer => The movement of energy between bodies."},
		{"Osmosis refers to the passage of water through a membrane.",
			"definition: refers to: Osmosis => The passage of water through a membrane."},
		{"The word “lee” means the side that is away from the wind.",
			"definition: means: lee => The side that is away from the wind."},
		{"A person who mends shoes for a living is called a cobbler.",
			"definition: is called: cobbler => A person who mends shoes for a living."},
		{"A lathe is a machine that turns a piece of wood against a blade.",
			"definition: is a … that: lathe => A machine that turns a piece of wood against a blade."},
		{"JavaScript exception is a value that is thrown by an engine.",
			"definition: is a … that: JavaScript exception => A value that is thrown by an engine."},
		{"A cobbler is a person who mends shoes for a living.",
			"definition: is a … that: cobbler => A person who mends shoes for a living."},
		{"Bronze is an alloy consisting mainly of copper and tin.",
			"definition: is a … that: Bronze => An alloy consisting mainly of copper and tin."},
		{"One. A first long sentence stands here. Another one follows it now. Then comes a third one. A fourth is needed too. " +
			"In summary, the town has changed a lot.", "summary: In summary:  => The town has changed a lot."},
	} {
		if got := strings.Join(fired(c.text), "\n"); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// Planted sentences in which every rule must stay silent.
func TestRulesStaySilent(t *testing.T) {
	for _, text := range []string{
		// The opening word has another sense, or nothing before it.
		"The scheme has had one year. Thus far, it has cost nothing at all.",
		"The king had a castle there. Hence the name of the whole town.",
		"It had rained for two weeks. As a result of luck, nobody was hurt.",
		"Therefore, the lorries took the ferry.",
		"The bridge was closed all day.\n\nTherefore, the lorries took the ferry.",
		"Was the bridge closed all day? Therefore, the lorries took the ferry.",
		"The bridge was closed. Therefore, go.",
		"The bridge was closed all day. The lorries therefore took the ferry.",
		"SEE OUR GREAT OFFERS HERE NOW. However, the ferry was late.",
		// No cause, or none that is certain.
		"The parcel is due to arrive at noon on Friday.",
		"The new line due to open in May runs to the coast.",
		"The delay was due to a fault in the signals.",
		"The delay was largely due to a fault in the signals.",
		"He did not leave the house because it was raining.",
		"They never came by boat because of the current.",
		"The firm failed, partly because of its debts.",
		"Some say that the firm failed simply because it was small.",
		"The cake would fall in because of the cold.",
		"If the road was closed because of snow, take the train.",
		"The shop closed because its owner died, but the bakery next door went on.",
		"The shop closed because its owner moved away because of his health.",
		"Is it true that the shop closed because its owner died?",
		"The shop closed (because its owner) had died.",
		"He left because.",
		"Because of the rain, the match was played on Monday.",
		"Because he was ill, tired and poor, he stayed at home.",
		"While a plain file is usually larger because of the names, it can be read by all.",
		"When the firm failed because of its debts the town suffered.",
		"These gates were shut due to an oversight and are open now.",
		"The town lay dark, typically because the pump had failed.",
		// No definition.
		"It refers to the last stone that is set into an arch.",
		"Smith refers to the last stone that is set into an arch.",
		"Anna Smith refers to the stone as a key.",
		"This is a machine that turns wood against a blade.",
		"There is a machine that turns wood against a blade.",
		"He is a man who mends shoes for a living.",
		"Tom is a man who mends shoes for a living.",
		"Anna Smith is a doctor that everybody knows here.",
		"The first is a machine that turns wood against a blade.",
		"My neighbour is a person who mends shoes.",
		"Closing the mine is a huge step in that direction.",
		"Instead there is a button that opens the door.",
		"Planning ahead is a long step in that direction.",
		"A widget &mdash; is a thing that &mdash; turns a wheel.",
		"A boy who lived near the river is called Tom.",
		"A lathe is a machine.",
		"What he said is a thing that nobody understood.",
		"That means a lot to all of us here.",
		// In other words without a sentence before it.
		"In other words, it lets in as much as it lets out.",
		// A summary that stands too early.
		"In summary, the town has changed a lot. One. A first long sentence stands here. Another one follows it now. Then comes a third one. A fourth is needed too.",
		// No prose.
		"x = 3; because y is defined as {z} in the loop below here.",
		"Read https://example.org because the page is very good.",
		"",
	} {
		if got := fired(text); len(got) > 0 {
			t.Errorf("%q fires %q", text, got)
		}
	}
}

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
