package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
)

const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)> {{.}} <!-- \u2028`

func chain(i int) *data.Chain {
	c := &data.Chain{ID: fmt.Sprint("c", i)}
	for k := range 2 {
		c.Examples = append(c.Examples, data.Example{
			Document: data.Document{ID: fmt.Sprint(i, "-", k), Text: fmt.Sprintf("The town of Kalomir %d-%d lies  by the river.", i, k), Source: "world", Domain: "geography"},
			Pairs: []data.Pair{
				{Instruction: "Where does Kalomir lie?", Response: "by the river", Scores: map[string]float64{"gain": 0.3}},
				{Instruction: "How many rivers are there?", Response: "one", Options: []string{"one", "two"}},
			},
		})
	}
	return c
}

func raw(text string) *data.Chain {
	return &data.Chain{ID: "r", Examples: []data.Example{{Document: data.Document{ID: "r", Text: text}}}}
}

func TestCounts(t *testing.T) {
	c := New(Options{Samples: 5, Seed: 1})
	for i := range 10 {
		c.Add(chain(i))
	}
	c.Add(raw("a text alone"))
	c.Add(raw("A  text\nALONE"))
	c.Add(raw("  "))
	r := c.Report([]string{"in"}, &data.Report{Files: 2, Broken: 3})
	if r.Chains != 13 || r.Texts != 23 || r.Empty != 1 || r.WithPairs != 20 || r.Pairs != 40 || r.Broken != 3 || r.Sampled != 5 {
		t.Errorf("%+v", r)
	}
	if r.SameTexts != (Twice{22, 21, 1}) || r.SameInstructions != (Twice{40, 2, 1}) {
		t.Errorf("copies %+v %+v", r.SameTexts, r.SameInstructions)
	}
	if r.TextWords.N != 22 || r.TextWords.Sum != 20*9+6 || r.Instruction.Sum != 40*4+20 || r.OptionsOfPair.N != 20 || r.ChainTexts.Max != 2 || r.Scores["gain"].N != 20 {
		t.Errorf("lengths %+v", r)
	}
	if want := map[string]int64{"free-form": 20, "multiple-choice": 20}; !reflect.DeepEqual(r.Formats, want) ||
		r.Openings["where"] != 20 || r.Openings["how many"] != 20 || r.Sources["world"] != 20 || r.Sources["(none named)"] != 3 || r.Domains["geography"] != 20 {
		t.Errorf("kinds %+v", r)
	}
	if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"made_by":"corpus report"`) || strings.Contains(string(b), "Kalomir") {
		t.Errorf("%s %v", b, err)
	}
}

// Names without end, and texts without end, take bounded memory, and the share of copies stays right.
func TestBounded(t *testing.T) {
	var n Names
	for i := range 3 * maxNames {
		n.add(fmt.Sprint(i))
	}
	if len(n) != maxNames+1 || n[otherNames] != 2*maxNames {
		t.Errorf("%d names, %d further", len(n), n[otherNames])
	}
	const most = 1 << 13
	d := newDistinct()
	d.most = most
	for i := range 3 * most {
		d.add(fmt.Sprint(i - i%3)) // each text three times
	}
	if got := d.twice(); got.OneIn != 1 || got.Share() != 2./3 || got.Distinct != most {
		t.Errorf("%+v", got)
	}
	for i := range 3 * most {
		d.add(fmt.Sprint("other ", i))
	}
	got := d.twice()
	if got.OneIn < 4 || len(d.seen) > most || !(got.Share() > 0.31 && got.Share() < 0.36) { // of 6 n, 2 n are copies
		t.Errorf("%+v, share %.4f", got, got.Share())
	}
}

// The draw depends on the seed, has no favourites, and is in the order of the corpus.
func TestSamples(t *testing.T) {
	draw := func(seed uint64) (ids []string) {
		c := New(Options{Samples: 20, Seed: seed})
		for i := range 400 {
			c.Add(&data.Chain{ID: fmt.Sprint(i + 1000), Examples: []data.Example{{Document: data.Document{Text: "x"}}}})
		}
		for _, s := range c.Report(nil, &data.Report{}).samples {
			ids = append(ids, s.ID)
		}
		return ids
	}
	if a := draw(1); !reflect.DeepEqual(a, draw(1)) || reflect.DeepEqual(a, draw(2)) || len(a) != 20 {
		t.Errorf("draws %v", a)
	}
	early, all := 0, 0
	for seed := range uint64(200) {
		last := ""
		for _, id := range draw(seed) {
			if id <= last {
				t.Fatalf("seed %d: %s behind %s", seed, id, last)
			}
			if last = id; id < "1200" {
				early++
			}
			all++
		}
	}
	if all != 4000 || early < 1850 || early > 2150 { // 2,000, standard deviation 31
		t.Errorf("%d of %d samples are from the first half", early, all)
	}
}

// A sample's pieces are the rendered text, with every instruction and response marked.
func TestPiecesAreTheRenderedText(t *testing.T) {
	c := New(Options{Samples: 40, Seed: 3})
	for i := range 40 {
		c.Add(chain(i))
	}
	for _, s := range c.Report(nil, &data.Report{}).samples {
		parts, text := map[string]int{}, ""
		for _, p := range s.Pieces {
			parts[p.Part]++
			text += p.Text
		}
		if parts["response"] < 4 || parts["instruction"] < 4 || !strings.Contains(text, "by the river") || len(s.Texts) != 2 || s.Cut || s.Pairs != 4 {
			t.Fatalf("%v in %q", parts, text)
		}
	}
	long := chain(1)
	long.Examples[0].Text = strings.Repeat("é", maxShown)
	if s := sampleOf(long, c.opt.Templates, 1); !s.Cut || len(s.Texts[0]) > maxShown || strings.ContainsRune(s.Texts[0], '\ufffd') {
		t.Errorf("a long text is not cut: %d bytes", len(s.Texts[0]))
	}
}

// Nothing in a hostile corpus gets out of the page's data, and the page asks for nothing.
func TestPageIsSafe(t *testing.T) {
	c := New(Options{Samples: 10})
	bad := chain(1)
	bad.ID = evil
	bad.Examples[0].Document = data.Document{ID: evil, Text: evil, Source: evil, Domain: evil}
	bad.Examples[0].Pairs = append(bad.Examples[0].Pairs, data.Pair{Instruction: evil, Response: evil, Options: []string{evil, "b"}, Thought: evil, Scores: map[string]float64{evil: 1}})
	c.Add(bad)
	r := c.Report([]string{evil}, &data.Report{})
	r.Beside = []Beside{{File: evil, Tables: []Table{{Path: evil, Counts: []Count{{evil, 3}}}}}}
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d scripts, the page has two", n)
	}
	for _, not := range []string{"<img", "http:", "https:", "ZgotmplZ", "NaN", "<no value>", "<!-- "} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
	block := regexp.MustCompile(`(?s)<script type="application/json" id="samples">(.*?)</script>`).FindStringSubmatch(page)
	var samples []Sample
	if block == nil || json.Unmarshal([]byte(block[1]), &samples) != nil || len(samples) != 1 || samples[0].Texts[0] != evil {
		t.Errorf("the data of the page: %.300s", block)
	}
	var empty strings.Builder
	if err := New(Options{}).Report(nil, &data.Report{}).WriteHTML(&empty); err != nil || strings.Contains(empty.String(), "NaN") || strings.Contains(empty.String(), "src=") || strings.Contains(empty.String(), "<link") {
		t.Errorf("of nothing: %v", err)
	}
}

// Counts of other steps are found and read whatever their names, and what is no report is refused.
func TestBeside(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("report.json", `{"version":1,"documents":40,"settings":{"seed":1},"stages":[{"name":"length","in":40,"dropped":{"too short":3,"too long":1}},{"name":"near duplicates","in":36,"dropped":{"copy":6}}],
		"stats":{"tokens":{"n":3,"bins":[{"from":1,"n":3}]},"dropped":{"unfinished":2}},"contamination":{"piqa":{"raw":1,"augmented":2}}}`)
	for _, in := range []string{dir, write("corpus.jsonl", "{}")} {
		if found, err := FindBeside([]string{in, "-", "/nowhere/*"}); err != nil || !reflect.DeepEqual(found, []string{file}) {
			t.Errorf("%s: %v %v", in, found, err)
		}
	}
	var r Report
	if err := r.AddBeside(file, file); err != nil || len(r.Beside) != 1 {
		t.Fatal(err, r.Beside)
	}
	want := []Table{{"", []Count{{"documents", 40}}}, {"contamination / piqa", []Count{{"augmented", 2}, {"raw", 1}}},
		{"stages / length", []Count{{"in", 40}}}, {"stages / length / dropped", []Count{{"too long", 1}, {"too short", 3}}},
		{"stages / near duplicates", []Count{{"in", 36}}}, {"stages / near duplicates / dropped", []Count{{"copy", 6}}}, {"stats / dropped", []Count{{"unfinished", 2}}}}
	if !reflect.DeepEqual(r.Beside[0].Tables, want) {
		t.Errorf("%+v", r.Beside[0].Tables)
	}
	if err := r.AddBeside(write("own.json", `{"made_by":"corpus report","texts":3}`)); err != nil || len(r.Beside) != 1 {
		t.Errorf("one of our own: %v %d", err, len(r.Beside))
	}
	if err := r.AddBeside(write("bad.json", `[1`)); !errors.Is(err, data.ErrFormat) || !strings.Contains(err.Error(), "bad.json") {
		t.Errorf("no report: %v", err)
	}
	if err := r.AddBeside(filepath.Join(dir, "absent.json")); !errors.Is(err, data.ErrNoFile) {
		t.Errorf("absent: %v", err)
	}
}
