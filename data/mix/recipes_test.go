package mix

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The recipes are the rows of the paper's table of mixtures, and all arms of a comparison have the same number of tokens.
func TestRecipesAreThePapers(t *testing.T) {
	want := map[string]string{ // sources with kind, weight, repeats
		"general-vanilla":  "raw:raw:0:1",
		"general-mix":      "raw:raw:0:1 tuning:tuning:0:4",
		"general-instruct": "raw:raw:0:1 augmented:chains:0:1 tuning:tuning:0:4",
	}
	for domain, general := range map[string]int{"biomedicine": 1, "finance": 2} {
		want[domain+"-vanilla"] = fmt.Sprintf("raw:raw:1:1 general:instructions:%d:1", general)
		for _, arm := range []string{"instruct", "rule-based", "1-shot"} {
			want[domain+"-"+arm] = fmt.Sprintf("augmented:chains:1:1 general:instructions:%d:1", general)
		}
		want[domain+"-no-corpora"] = "general:instructions:0:1"
	}
	all := Recipes()
	for _, r := range all {
		var got []string
		for _, s := range r.Spec.Sources {
			got = append(got, fmt.Sprintf("%s:%s:%v:%d", s.Name, s.Kind, s.Weight, s.Repeats))
		}
		budget, length := int64(200_000<<19), 2048
		if !strings.HasPrefix(r.Name, "general") {
			budget, length = 4000<<18, 4096
		}
		if strings.Join(got, " ") != want[r.Name] || r.Spec.Budget != budget || r.Spec.Length != length || r.Spec.By != "tokens" || r.Spec.Documents != "joined" {
			t.Errorf("%s: %s, %+v; want %q", r.Name, got, r.Spec, want[r.Name])
		}
		for _, s := range r.Spec.Sources {
			for _, p := range s.Paths {
				folder, _, _ := strings.Cut(p, "/")
				if !strings.Contains(string(r.File), "#   "+folder+"/") {
					t.Errorf("%s does not say what %s is", r.Name, p)
				}
			}
		}
		if !strings.HasSuffix(r.About, ".") || len(r.About) > 160 {
			t.Errorf("%s: %q", r.Name, r.About)
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d recipes, want %d", len(all), len(want))
	}
	if _, err := FindRecipe("general"); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), "general-instruct") {
		t.Errorf("no such recipe: %v", err)
	}
}

// Each recipe, copied beside small invented sources, takes what METHOD says from them: shares by tokens, passes, the whole budget.
func TestRecipesTakeTheirShares(t *testing.T) {
	dir := t.TempDir()
	text := func(n int) string { return strings.Repeat("x", n) }
	var raw, rest, pairs, tuning, general []string
	for i := range 1000 { // a corpus of 1,000 texts, of which every fifth is converted, two in a chain
		raw = append(raw, text(20+i%60))
		if i%5 != 0 {
			rest = append(rest, raw[i])
		} else if i%10 == 5 {
			pairs = append(pairs, raw[i-5]+text(50)+raw[i]+text(50))
		}
	}
	for range 20 {
		tuning = append(tuning, text(30))
	}
	for i := range 300 {
		general = append(general, text(200+i))
	}
	for name, texts := range map[string][]string{"raw": raw, "raw-rest": rest, "augmented": pairs, "augmented-1": pairs, "mined": pairs, "tuning/train": tuning, "general": general} {
		shards(t, filepath.Join(dir, name), texts...)
	}
	const budget = 30_000 // below what every general source holds together
	for _, r := range Recipes() {
		file := strings.NewReplacer("104_857_600_000", fmt.Sprint(budget), "1_048_576_000", fmt.Sprint(budget), "2048", "100", "4096", "100",
			`paths = ["instructions/lima", "instructions/wizardlm", "instructions/openorca"]`, `path = "general"`).Replace(string(r.File))
		path := filepath.Join(dir, r.Name+".toml")
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		spec, err := ReadSpec(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := spec.Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		s := m.Stream()
		if err := s.Skip(m.Rows()); err != nil {
			t.Fatal(err)
		}
		mf := s.Manifest()
		checkShares(t, r.Name, m, &mf)
		if mf.Tokens != budget {
			t.Errorf("%s: %d tokens of %d", r.Name, mf.Tokens, budget)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// checkShares compares a manifest with METHOD's table, within a unit or two (500 tokens of 30,000).
func checkShares(t *testing.T, name string, m *Mixture, mf *Manifest) {
	t.Helper()
	held := 0.0
	for i, s := range mf.Sources {
		held += float64(m.parts[i].Source.Tokens()) * map[bool]float64{true: 4, false: 1}[s.Name == "tuning"]
	}
	for i, s := range mf.Sources {
		want := 0.0
		switch {
		case strings.HasPrefix(name, "general"): // in proportion to what is there, the tuning data four times
			want = float64(m.parts[i].Source.Tokens()) / held
			if s.Name == "tuning" {
				want *= 4
			}
		case len(mf.Sources) == 1:
			want = 1
		case strings.HasPrefix(name, "biomedicine"):
			want = 0.5
		default:
			want = map[string]float64{"general": 2. / 3}[s.Name]
			if s.Name != "general" {
				want = 1. / 3
			}
		}
		if !(math.Abs(s.Share-want) < 500./30_000) || !(math.Abs(s.Asked-want) < 1e-9) {
			t.Errorf("%s: %s has a share of %.4f, asked %.4f, want %.4f", name, s.Name, s.Share, s.Asked, want)
		}
		if s.Name == "tuning" && !(math.Abs(s.Repeats/mf.Sources[0].Repeats-4) < 0.35) {
			t.Errorf("%s: tuning data was read %.2f times, raw texts %.2f times", name, s.Repeats, mf.Sources[0].Repeats)
		}
	}
}
