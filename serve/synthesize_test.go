package serve

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"

	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/synth"
)

// writes is an engine that writes a text, and then the end.
func writes(t *testing.T, w *words, text string) *fake {
	ids, err := w.EncodePlain(text)
	if err != nil {
		t.Fatal(err)
	}
	ids = append(ids, w.eos[0])
	return &fake{script: func(_ generate.Request, i int) generate.Token { return generate.Token{ID: ids[min(i, len(ids)-1)]} }}
}

const twoPairs = "<QUE> Where is it? <ANS> By the river. </END>\n\n<QUE> Is it old?\nOptions:\n- Yes\n- No <ANS> Yes </END>"

// Pairs are told one by one with their scores, and the chains at the end hold the same.
func TestSynthesize(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	w = start(t, parts(t, with(writes(t, w.s.words, twoPairs))), Options{})
	body := `{"documents":[{"id":"a","text":"The town of Kalomir."},{"id":"a","text":"A river."},{"text":"Third."}],"rounds":2,"max_new_tokens":60`
	whole := ok[synthResult](w, "/v1/synthesize", body+`}`)
	if len(whole.Chains) != 2 || len(whole.Chains[0].Examples) != 2 || whole.Report.Pairs != 6 || whole.Usage.Completion == 0 {
		t.Fatalf("%s", quote(whole))
	}
	for _, c := range whole.Chains {
		for _, ex := range c.Examples {
			if len(ex.Pairs) != 2 || ex.Pairs[0].Instruction != "Where is it?" || ex.Pairs[0].Response != "By the river." || len(ex.Pairs[1].Options) != 2 {
				t.Errorf("%s", quote(ex.Pairs))
			}
			for _, name := range []string{synth.ScoreLogProb, synth.ScoreGain, synth.ScoreTokens, synth.ScoreRepetition} {
				if _, has := ex.Pairs[0].Scores[name]; !has {
					t.Errorf("no %s in %v", name, ex.Pairs[0].Scores)
				}
			}
		}
	}
	status, raw := w.do("POST", "/v1/synthesize", body+`,"stream":true}`)
	pairs, done := map[string]int{}, ""
	name := ""
	for scan := bufio.NewScanner(strings.NewReader(raw)); scan.Scan(); {
		if n, found := strings.CutPrefix(scan.Text(), "event: "); found {
			name = n
		}
		d, found := strings.CutPrefix(scan.Text(), "data: ")
		switch {
		case !found:
		case name == "done" && done == "":
			done = d
		case name == "pair":
			var e synthEvent
			if err := json.Unmarshal([]byte(d), &e); err != nil || len(e.Pair.Scores) < 4 {
				t.Fatalf("%s: %v", d, err)
			}
			pairs[e.Document]++
		}
	}
	if status != 200 || pairs["a"] != 4 || pairs["3"] != 2 || done != quote(whole) || !strings.HasSuffix(raw, "data: [DONE]\n\n") {
		t.Errorf("%d, pairs %v, done %s\nwhole %s", status, pairs, done, quote(whole))
	}
}

func TestSynthesizeWithoutScores(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	w = start(t, parts(t, with(writes(t, w.s.words, twoPairs))), Options{})
	out := ok[synthResult](w, "/v1/synthesize", `{"text":"The town.","scores":false,"max_new_tokens":60}`)
	if len(out.Chains) != 1 || len(out.Chains[0].Examples[0].Pairs) != 2 || len(out.Chains[0].Examples[0].Pairs[0].Scores) != 0 {
		t.Errorf("%s", quote(out))
	}
}
