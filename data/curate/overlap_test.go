package curate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/datasets"
	"github.com/primer-lm/primer/internal/durable"
)

// converted gives the examples of a dataset's own test data, native and invented, as a set on disk.
func converted(t *testing.T, name, path string) EvaluationSet {
	t.Helper()
	d, err := datasets.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/" + name + ".jsonl"
	var report datasets.Report
	if _, err := data.WriteFile(durable.OS, file, d.Convert(t.Context(), path, datasets.Options{}, &report)); err != nil {
		t.Fatal(err)
	}
	return EvaluationSet{Name: name, Paths: []string{file}}
}

// The paper tunes on PubMedQA and ConvFinQA and evaluates on both: their records, in their native layouts, must show, once as tuning
// data and once as evaluation sets whose layout hides them; another set must not.
func TestPaperOverlap(t *testing.T) {
	pub := converted(t, "pubmedqa", "testdata/pubmedqa.json")
	fin := converted(t, "convfinqa", "testdata/convfinqa.json")
	squad := converted(t, "squad", "testdata/squad.json")
	tuning := []EvaluationSet{pub, fin, squad}
	r, err := FindOverlap(t.Context(), OverlapOptions{Tuning: tuning, NGram: 13, Samples: 2,
		Evaluation: []EvaluationSet{disguised(t, pub), disguised(t, fin), evalSet(t, "other", example("x", newWriter(30).text(10), "What is it?"))}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range r.Overlaps {
		names = append(names, o.Tuning+"="+o.Evaluation)
		if o.Context.Share != 1 || o.Question.Share != 1 || o.Both.Share != 1 || o.NGram.Items == 0 || len(o.Samples) != 2 || o.Examples == 0 {
			t.Errorf("%+v", o)
		}
	}
	if diff := cmp.Diff([]string{"pubmedqa=pubmedqa", "convfinqa=convfinqa"}, names); diff != "" {
		t.Error(diff)
	}
	if r.Evaluation[0].Items < 2 || r.Evaluation[1].Items < 2 || r.Tuning[2].Items < 1 {
		t.Errorf("%+v", r)
	}
}

// disguised gives a set with other ids, blanks, case and symbols.
func disguised(t *testing.T, set EvaluationSet) EvaluationSet {
	t.Helper()
	var all []data.Example
	for ex, err := range data.Examples(set.Paths, data.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		ex.ID = "test-" + ex.ID
		ex.Text = strings.ToUpper(strings.ReplaceAll(ex.Text, " ", "  ")) + "\n"
		for i := range ex.Pairs {
			ex.Pairs[i].Instruction = strings.TrimRight(ex.Pairs[i].Instruction, "?") + " ?"
		}
		all = append(all, ex)
	}
	return evalSet(t, set.Name, all...)
}

func TestOverlapParts(t *testing.T) {
	a, b := newWriter(31).text(8), newWriter(32).text(8)
	tuning := evalSet(t, "tune", example("1", a, "How?"), example("2", "Nothing.", "Why so?", "Where?"))
	eval := evalSet(t, "eval", example("c", a+"!", "Who?"), example("q", b, "WHERE"), example("n", b+" and "+a, "N?"), example("-", "Else."))
	r, err := FindOverlap(t.Context(), OverlapOptions{Tuning: []EvaluationSet{tuning}, Evaluation: []EvaluationSet{eval}, NGram: 13, Samples: 9})
	if err == nil && len(r.Overlaps) != 1 {
		t.Fatalf("%+v", r)
	}
	if err != nil {
		t.Fatal(err)
	}
	o := r.Overlaps[0]
	o.Samples = nil
	if diff := cmp.Diff(Overlap{Tuning: "tune", Evaluation: "eval", Context: Share{1, 0.25}, Question: Share{1, 0.25}, NGram: Share{2, 0.5}, Examples: 2}, o); diff != "" {
		t.Error(diff)
	}
	broken := filepath.Join(t.TempDir(), "broken.jsonl")
	if err := os.WriteFile(broken, []byte("{\"text\":\"a\"}\n{\"text\":"), 0o666); err != nil {
		t.Fatal(err)
	}
	bad := []EvaluationSet{{Name: "bad", Paths: []string{broken}}}
	if _, err := FindOverlap(t.Context(), OverlapOptions{Tuning: []EvaluationSet{tuning}, Evaluation: bad}); !errors.Is(err, data.ErrBroken) || !strings.Contains(err.Error(), "broken.jsonl:2") {
		t.Error(err)
	}
	if _, err := FindOverlap(t.Context(), OverlapOptions{Tuning: []EvaluationSet{tuning}}); !errors.Is(err, ErrSettings) {
		t.Error(err)
	}
}

func TestContamination(t *testing.T) {
	w := newWriter(33)
	ctx1, ctx2, ctx3 := w.text(10), w.text(10), w.text(10)
	eval := evalSet(t, "e", example("raw", ctx1, "Why?"), example("pairs", "", "Which of all the bridges that were named before was the one that the ice took away?"),
		example("both", ctx2), example("none", ctx3))
	dir := t.TempDir()
	raw := []data.Document{document(1, "So "+ctx1), document(2, ctx2)}
	chain := func(pairs []data.Pair, docs ...data.Document) data.Chain {
		c := data.Chain{ID: "c"}
		for _, d := range docs {
			c.Examples = append(c.Examples, data.Example{Document: d, Pairs: pairs})
		}
		return c
	}
	augmented := []data.Chain{chain([]data.Pair{{Instruction: "Q: which of all the bridges that were named before was the one that the ice took away?", Response: "none"},
		{Instruction: "And: Which of all the bridges that were named before was the one that the ice took away??", Response: "none"}}, raw[1])}
	if _, err := data.WriteFile(durable.OS, dir+"/raw.jsonl", data.All(raw)); err != nil {
		t.Fatal(err)
	}
	if _, err := data.WriteFile(durable.OS, dir+"/chains.jsonl.zst", data.All(augmented)); err != nil {
		t.Fatal(err)
	}
	r, err := Contamination(t.Context(), ContaminationOptions{Sets: []EvaluationSet{eval}, Raw: []string{dir + "/raw.jsonl"}, Augmented: []string{dir + "/chains.jsonl.zst"}})
	if err != nil {
		t.Fatal(err)
	}
	n := func(v int64) *int64 { return &v }
	if diff := cmp.Diff([]ContaminationSet{{"e", 4, n(2), n(2), n(0), n(1)}}, r.Sets); diff != "" {
		t.Error(diff)
	}
	only, err := Contamination(t.Context(), ContaminationOptions{Sets: []EvaluationSet{eval}, Raw: []string{dir + "/raw.jsonl"}})
	if err != nil || only.Sets[0].Augmented != nil || only.Sets[0].Difference != nil || *only.Sets[0].Raw != 2 {
		t.Errorf("%+v, %v", only, err)
	}
	if _, err := Contamination(t.Context(), ContaminationOptions{Sets: []EvaluationSet{eval}}); !errors.Is(err, ErrSettings) {
		t.Error(err)
	}
}
