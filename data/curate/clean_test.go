package curate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// evalSet writes examples as an evaluation set.
func evalSet(t testing.TB, name string, examples ...data.Example) EvaluationSet {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".jsonl")
	if _, err := data.WriteFile(durable.OS, path, data.All(examples)); err != nil {
		t.Fatal(err)
	}
	return EvaluationSet{Name: name, Paths: []string{path}}
}

func example(id, context string, questions ...string) data.Example {
	ex := data.Example{Document: data.Document{ID: id, Text: context}}
	for _, q := range questions {
		ex.Pairs = append(ex.Pairs, data.Pair{Instruction: q, Response: "the answer that nobody looks for, whatever it may be and however long"})
	}
	return ex
}

func cleanerFor(t testing.TB, change func(o *CleanOptions), sets ...EvaluationSet) *cleaner {
	t.Helper()
	o := Default().Decontaminate
	o.Sets = sets
	if change != nil {
		change(&o)
	}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	it, err := loadItems(t.Context(), &o, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCleaner(o, it)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cleaner) try(text string) verdict {
	v := c.judge(0, &data.Document{ID: "doc", Text: text})
	c.count(&v)
	return v
}

func pieceOnly(o *CleanOptions) { o.OnGram = Off }
func gramOnly(o *CleanOptions)  { o.OnPiece, o.OnGram = Off, ReportIt }

// The rule of the paper's table 9, point by point.
func TestPieces(t *testing.T) {
	long := newWriter(20).text(12)
	set := evalSet(t, "s", example("long", long, "Why?"), example("short", "", "Is it, so: true?"), example("bare", "Only a context."),
		example("both", "Tiny.", "And what, then, does the long question of this item ask of whoever reads it to the end?"))
	c := cleanerFor(t, pieceOnly, set)
	perItem := map[string]int{}
	for _, p := range c.it.pieces.list {
		x := c.it.list[p.items[0]]
		perItem[x.id] += len(p.items)
		n := len([]rune(string(p.text)))
		switch x.id {
		case "long#1", "both#1":
			if n != 50 {
				t.Errorf("%s: a piece of %d characters", x.id, n)
			}
		}
		if !strings.Contains(string(squeeze(nil, c.it.parts[p.part].text)), string(p.text)) {
			t.Errorf("%s: %q is not of its %s", x.id, p.text, c.it.parts[p.part].kind)
		}
	}
	if diff := cmp.Diff(map[string]int{"long#1": 3, "both#1": 3, "short#1": 1, "bare": 1}, perItem); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string][]string{
		"Nothing of it.":                     nil,
		"Before. " + long + " After.":        {"long#1"},
		strings.ReplaceAll(long, " ", "_-_"): {"long#1"}, // blanks and symbols do not count
		strings.ToUpper(long):                nil,        // case does
		"Tell me: is it — Is it so true or":  {"short#1"},
		"only a context":                     nil,
		"(Only)a context, this":              {"bare"},
		"the answer that nobody looks for, whatever it may be and however long": nil,
		"IsitsotrueOnlyacontext": {"bare", "short#1"},
	} {
		v := c.try(text)
		got := map[string]bool{}
		for _, h := range v.hits {
			for _, id := range h.Items {
				got[id] = true
			}
			if h.Set != "s" || h.Rule != pieceRule || h.Document != "doc" || string(squeeze(nil, text[h.Offset:h.Offset+h.Bytes])) == "" {
				t.Errorf("%q: %+v", text, h)
			}
		}
		var ids []string
		for id := range got {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		if !slices.Equal(ids, want) {
			t.Errorf("%.50q: %q, not %q", text, ids, want)
		}
		if v.drop != nil || len(v.keep) != 1 {
			t.Errorf("%.50q is dropped", text)
		}
	}
	sum := c.summary()
	if diff := cmp.Diff([]CleanedSet{{Name: "s", Items: 4, ByPiece: 3}}, sum.Sets); diff != "" {
		t.Error(diff)
	}
	if v := cleanerFor(t, func(o *CleanOptions) { o.OnGram, o.OnPiece = Off, DropIt }, set).try("a " + long); v.drop == nil || v.drop.Reason != HasPiece {
		t.Errorf("%+v", v.drop)
	}
}

// Other seeds draw other pieces, equal seeds the same.
func TestPieceSeeds(t *testing.T) {
	set := evalSet(t, "s", example("a", newWriter(21).text(30)))
	texts := func(seed uint64) string {
		o := Default().Decontaminate
		o.Sets = []EvaluationSet{set}
		it, err := loadItems(t.Context(), &o, seed)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%q", it.pieces.list)
	}
	if first, again := texts(1), texts(1); first != again || first == texts(2) {
		t.Error("pieces do not follow the seed")
	}
}

// What the rolling hashes find is what a plain search finds, for pieces of any length, and offsets point at it.
func TestPiecesFindAll(t *testing.T) {
	letters := []rune("abé字1")
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.SampledFrom(append(letters, ' ', '-', '—')), 0, 200).Draw(t, "text"))
		squeezed := string(squeeze(nil, text))
		p := &pieces{}
		n := rapid.IntRange(1, 6).Draw(t, "pieces")
		want := map[string]int{}
		for i := range n {
			s := string(rapid.SliceOfN(rapid.SampledFrom(letters), 1, 60).Draw(t, "piece"))
			if r := []rune(squeezed); i%2 == 0 && len(r) > 0 {
				from := rapid.IntRange(0, len(r)-1).Draw(t, "from")
				s = string(r[from:rapid.IntRange(from+1, len(r)).Draw(t, "to")])
			}
			p.list = append(p.list, piece{text: []byte(s), items: []int32{int32(i)}})
			for at := range squeezed {
				if strings.HasPrefix(squeezed[at:], s) {
					want[fmt.Sprint(i, at)]++
				}
			}
		}
		p.index()
		got := map[string]int{}
		p.scan([]byte(squeezed), func(at int, n int32) { got[fmt.Sprint(n, at)]++ })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		it := &items{names: []string{"s"}, list: make([]item, n), parts: []part{{kind: "context"}}, pieces: p}
		w := &cleanScratch{seen: map[int32]int{}}
		for _, h := range it.pieceHits(w, &data.Document{Text: text}) {
			found := text[h.Offset : h.Offset+h.Bytes]
			if string(squeeze(nil, found)) != string(p.list[h.items[0]].text) && len(h.items) == 1 {
				t.Fatalf("%q at %d of %q is not %q", found, h.Offset, text, p.list[h.items[0]].text)
			}
		}
	})
}

func TestGrams(t *testing.T) {
	words := "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
	set := evalSet(t, "s", example("a", words, "What is this?", "And that?"), example("b", "", "Of these, "+words))
	c := cleanerFor(t, gramOnly, set)
	for name, test := range map[string]struct {
		text string
		want string // items, offset and text of the hits
	}{
		"none":          {"one two three four five six seven eight nine ten eleven twelve", ""},
		"another word":  {strings.Replace(words, "seven", "7", 1), ""},
		"exactly n":     {"x one two three four five six seven eight nine ten eleven twelve thirteen y", "[a#1 a#2]2-73 [b#1]2-73"},
		"case, symbols": {"One, two: THREE four\nfive (six) seven eight nine ten eleven — twelve thirteen!", "[a#1 a#2]0-80 [b#1]0-80"},
		"a run is one":  {words + " sixteen", "[a#1 a#2]0-88 [b#1]0-88"},
		"longer by one": {"these " + words, "[b#1]0-94 [a#1 a#2]6-94"},
		"two places":    {words + " x " + words, "[a#1 a#2]0-88 [b#1]0-88 [a#1 a#2]91-179 [b#1]91-179"},
		"the answer":    {"the answer that nobody looks for, whatever it may be and however long", ""},
	} {
		v := c.try(test.text)
		var got []string
		for _, h := range v.hits {
			got = append(got, fmt.Sprintf("%v%d-%d", h.Items, h.Offset, h.Offset+h.Bytes))
			if h.Text != test.text[h.Offset:h.Offset+h.Bytes] || h.Rule != gramRule {
				t.Errorf("%s: %+v", name, h)
			}
		}
		slices.Sort(got)
		want := strings.Split(test.want, " [")
		for i := 1; i < len(want); i++ {
			want[i] = "[" + want[i]
		}
		if test.want == "" {
			want = nil
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if sum := c.summary(); sum.Sets[0].Items != 3 || sum.Sets[0].ByGram != 3 || sum.Sets[0].Short != 0 || sum.ByGram != 5 {
		t.Errorf("%+v", sum)
	}
}

// What every question of a set repeats is its wording; it is not looked for, and counted.
func TestCommonGrams(t *testing.T) {
	var all []data.Example
	w := newWriter(22)
	for i := range maxParts + 5 {
		all = append(all, example(fmt.Sprint("q", i), "", "Read the text with care and answer the question in a single word or a number please: "+w.sentence()))
	}
	c := cleanerFor(t, gramOnly, evalSet(t, "s", all...))
	if v := c.try("He said: read the text with care and answer the question in a single word or a number, please."); len(v.hits) != 0 {
		t.Errorf("%d hits", len(v.hits))
	}
	if v := c.try("So " + all[7].Pairs[0].Instruction); len(v.hits) == 0 {
		t.Error("a whole question is not found")
	}
	if c.summary().Common < 4 {
		t.Errorf("%d n-grams are common", c.sum.Common)
	}
}

func TestCut(t *testing.T) {
	w := newWriter(23)
	before, between, after := w.text(10), w.text(10), w.text(10)
	q := "one two three four five six seven eight nine ten eleven twelve thirteen"
	set := evalSet(t, "s", example("a", "", q))
	cutter := func(margin, least, most int) *cleaner {
		return cleanerFor(t, func(o *CleanOptions) {
			o.OnPiece, o.OnGram, o.CutMargin, o.CutMin, o.CutMax = Off, CutIt, margin, least, most
		}, set)
	}
	text := before + " " + q + " " + between + " " + q + ". " + after
	v := cutter(20, 100, 10).try(text)
	if v.drop == nil || v.drop.Reason != IsCut || !v.changed || len(v.keep) != 3 {
		t.Fatalf("%+v, %d documents", v.drop, len(v.keep))
	}
	for i, whole := range []string{before, between, after} {
		part := v.keep[i]
		lost := len(whole) - len(part.Text)
		if part.ID != fmt.Sprintf("doc/%d", i+1) || !strings.Contains(whole, part.Text) || lost < 15 || lost > 80 {
			t.Errorf("part %d, %s: %d bytes of %d are lost", i, part.ID, lost, len(whole))
		}
		at := strings.Index(whole, part.Text)
		if at > 0 && whole[at-1] != ' ' && whole[at-1] != '\n' || at+len(part.Text) < len(whole) && !strings.ContainsRune(" \n", rune(whole[at+len(part.Text)])) {
			t.Errorf("part %d is cut within a word", i)
		}
	}
	if v := cutter(20, 100, 2).try(text); v.drop == nil || v.drop.Reason != Remains || len(v.keep) != 0 || v.drop.Value != 3 {
		t.Errorf("%+v", v.drop)
	}
	if v := cutter(200, 100, 2).try("Too little. " + q + " to keep."); v.drop == nil || v.drop.Reason != HasGram || len(v.keep) != 0 {
		t.Errorf("%+v", v.drop)
	}
	if v := cutter(20, 100, 2).try(before); v.drop != nil || v.changed || v.keep[0].ID != "doc" {
		t.Errorf("%+v", v)
	}
}

// What nobody would write costs no more than what people do: an item that repeats itself, and a text that repeats it for ever.
func TestRepetitiveText(t *testing.T) {
	c := cleanerFor(t, gramOnly, evalSet(t, "s", example("a", strings.Repeat("0 ", 400)), example("b", strings.Repeat("0 ", 300)+"end")))
	size := 1 << 18
	if thorough {
		size = data.MaxLine / 2
	}
	v := c.try("x " + strings.Repeat("0 ", size))
	if len(v.hits) != 2 || v.hits[0].Bytes != 2*size-1 {
		t.Errorf("%d hits, the first of %d bytes", len(v.hits), v.hits[0].Bytes)
	}
}

// A question that many items ask is one piece, and a hit that names some of them and counts all.
func TestManyItems(t *testing.T) {
	var all []data.Example
	for i := range 50 {
		all = append(all, example(fmt.Sprint("q", i), "", "Which statement is true?"))
	}
	c := cleanerFor(t, pieceOnly, evalSet(t, "s", all...))
	v := c.try("Which statement is true? Which statement is true?")
	if len(v.hits) != 1 || len(v.hits[0].Items) != 20 || v.hits[0].More != 30 || v.hits[0].Places != 2 {
		t.Errorf("%+v", v.hits)
	}
	if got := c.summary().Sets[0].ByPiece; got != 50 {
		t.Errorf("%d items are contaminated", got)
	}
}
