package eval

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/synth"
)

func TestScoreLines(t *testing.T) {
	in := `{"prompt_ids":[97],"continuation_ids":[98,99]}
{"prompt":"ab","continuation":" c"}

{"continuation":"z"}
`
	var out strings.Builder
	n, err := ScoreLines(context.Background(), table{"bc": -1.5, " c": -.25}, Encoder{Tok: words{}}, 256, "in.jsonl", strings.NewReader(in), &out)
	want := "{\"logprobs\":[-1.5,0],\"greedy\":true}\n{\"logprobs\":[-0.25,0],\"greedy\":true}\n{\"logprobs\":[0],\"greedy\":true}\n"
	if err != nil || n != 4 || out.String() != want {
		t.Errorf("%d lines, %v:\n%s", n, err, out.String())
	}
}

func TestScoreLinesNamesTheBadLine(t *testing.T) {
	for name, bad := range map[string]string{
		"no JSON": "{", "neither": "{}", "both": `{"prompt":"a","continuation":"b","prompt_ids":[1]}`,
		"outside": `{"prompt_ids":[1],"continuation_ids":[256]}`, "negative": `{"prompt_ids":[-1],"continuation_ids":[2]}`,
		"not a number": `{"prompt_ids":["x"],"continuation_ids":[2]}`, "no continuation": `{"prompt_ids":[1],"continuation_ids":[]}`,
	} {
		var out strings.Builder
		in := `{"continuation":"z"}` + "\n" + bad + "\n"
		_, err := ScoreLines(context.Background(), table{}, Encoder{Tok: words{}}, 256, "in.jsonl", strings.NewReader(in), &out)
		var line *data.LineError
		if !errors.As(err, &line) || line.Line != 2 || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: %v, out %q", name, err, out.String())
		}
	}
	_, err := ScoreLines(context.Background(), table{}, Encoder{}, 256, "in", strings.NewReader(`{"continuation":"z"}`), &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "tokenizer.json") {
		t.Errorf("text without a tokenizer: %v", err)
	}
}

func TestPairQualityCountsByRound(t *testing.T) {
	gold := []data.Pair{{Instruction: "who is x", Response: "zed"}, {Instruction: "is it so", Response: "yes"}}
	var q PairQuality
	q.Add(synth.Text{Round: 0, Parsed: synth.Parsed{Pairs: []data.Pair{gold[1], gold[0]}}}, gold)
	q.Add(synth.Text{Round: 1, Parsed: synth.Parsed{Pairs: gold[:1]}}, gold)
	s := q.Score()
	if s.F1.Mean != .75 || s.ByRound[0].Mean != 1 || s.ByRound[1].Mean != .5 || s.F1.N != 2 || s.Joined.Mean >= 1 {
		t.Errorf("%+v", s)
	}
}
