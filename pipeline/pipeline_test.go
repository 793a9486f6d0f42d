package pipeline

import (
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data/sample"
)

// small is a quickstart of a few seconds: it goes through every stage, and learns no more than to write pairs at all.
func small(out string) Settings {
	s := Defaults()
	s.Out, s.InFlight, s.MaxNew = out, 8, 40
	s.World = sample.Options{Warm: 400, Short: 60, Train: 60, HeldOut: 8, Raw: 24, HeldOutRaw: 8, Comprehension: 8}
	s.Go = sample.GoOptions{Packages: 12}
	s.Model = llama(64, 160)
	s.Model.NumHiddenLayers = 2
	s.ArmsModel = s.Model
	s.BaseTrain.Steps, s.BaseTrain.BatchTokens, s.BaseTrain.MicroTokens, s.BaseTrain.Rate, s.BaseTrain.Warmup = 60, 512, 512, 4e-3, 10
	s.BaseGo = s.Go.Packages
	s.BaseWorlds, s.WarmSteps, s.ShortSteps, s.MinLogProb = 2, 30, 10, -20
	s.Tune.Steps, s.Tune.BatchTokens, s.Tune.MicroTokens, s.Tune.Rate, s.Tune.Warmup = 120, 512, 512, 4e-3, 10
	s.Arms.Steps, s.Arms.BatchTokens, s.Arms.MicroTokens, s.Arms.SeqLen, s.Arms.Warmup = 6, 512, 512, 256, 2
	return s
}

func TestQuickstartRunsEveryStageAndReports(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quickstart")
	s := small(filepath.Join(t.TempDir(), "making"))
	s.Base = filepath.Join(t.TempDir(), "base")
	if _, err := MakeBase(t.Context(), s, s.Base); err != nil {
		t.Fatal(err)
	}
	s.Out = dir
	r, err := Quickstart(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Seconds     float64
		ParsedShare *float64 `json:"parsed_share"`
		SynthF1     *float64 `json:"synth_f1"`
		Synthesizer struct {
			ByRound []struct{ N int } `json:"by_round"`
		}
		Arms map[string]struct{ Accuracy, Stderr, Chance, Perplexity float64 }
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if got.Seconds <= 0 || got.ParsedShare == nil || got.SynthF1 == nil || len(got.Synthesizer.ByRound) != 2 {
		t.Errorf("report.json: %+v", got)
	}
	tokens := r.Arms[Vanilla].Tokens
	for _, arm := range Arms {
		a, ok := got.Arms[arm]
		if !ok || a.Chance != .25 || a.Accuracy <= 0 || a.Stderr <= 0 || a.Perplexity <= 1 {
			t.Errorf("%s: %+v", arm, a)
		}
		if r.Arms[arm].Tokens != tokens || tokens != 6*512 {
			t.Errorf("%s saw %d tokens, vanilla %d", arm, r.Arms[arm].Tokens, tokens)
		}
	}
	if r.Synthesis.Pairs == 0 || r.Verification.Pairs != r.Synthesis.Pairs {
		t.Errorf("%d pairs written, %d verified", r.Synthesis.Pairs, r.Verification.Pairs)
	}
	checkPictures(t, r, dir)
}

func checkPictures(t *testing.T, r *Report, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "report.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.DecodeConfig(f); err != nil || img.Width < 800 || img.Height < 300 {
		t.Errorf("picture: %+v, %v", img, err)
	}
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"vanilla", "mix", "instruct", "chance", "closed book: Instruct above Vanilla", "parsed"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the printed report lacks %q:\n%s", want, text.String())
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil || !strings.Contains(string(page), "| instruct |") {
		t.Errorf("report.md: %v\n%s", err, page)
	}
}
