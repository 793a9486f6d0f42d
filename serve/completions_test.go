package serve

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// The four forms of a prompt are four ways to say the same.
func TestPromptForms(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	a, b := "The town of", "A river"
	ids := func(text string) string {
		return quote(ok[struct{ Tokens []int32 }](w, "/tokenize", `{"prompt":`+quote(text)+`}`).Tokens)
	}
	post := func(prompt string) completion {
		return ok[completion](w, "/v1/completions", `{"model":"any/name","temperature":0,"max_tokens":8,"prompt":`+prompt+`}`)
	}
	one, two := post(quote(a)), post(quote(b))
	if one.Model != "any/name" || one.Object != "text_completion" || !strings.HasPrefix(one.ID, "cmpl-") || one.Choices[0].Text == "" ||
		one.Usage.Completion != 8 || *one.Choices[0].Finish != "length" || one.Usage.Total != one.Usage.Prompt+8 {
		t.Errorf("%+v", one)
	}
	for form, want := range map[string][]string{
		quote([]string{a, b}): {one.Choices[0].Text, two.Choices[0].Text}, ids(a): {one.Choices[0].Text},
		"[" + ids(b) + "," + ids(a) + "]": {two.Choices[0].Text, one.Choices[0].Text},
	} {
		got := post(form)
		if len(got.Choices) != len(want) {
			t.Fatalf("%s: %d choices", form, len(got.Choices))
		}
		for i := range want {
			if got.Choices[i].Text != want[i] || got.Choices[i].Index != i {
				t.Errorf("%s, choice %d: %q, want %q", form, i, got.Choices[i].Text, want[i])
			}
		}
	}
}

// n choices are those of the seeds that follow one another.
func TestChoicesAreSeeds(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	post := func(seed, n int) completion {
		return ok[completion](w, "/v1/completions", fmt.Sprintf(`{"prompt":"A","seed":%d,"n":%d,"max_tokens":12}`, seed, n))
	}
	three := post(7, 3)
	if three.Usage.Prompt != post(7, 1).Usage.Prompt {
		t.Errorf("the prompt counts once: %+v", three.Usage)
	}
	for i, c := range three.Choices {
		if want := post(7+i, 1).Choices[0].Text; c.Text != want {
			t.Errorf("choice %d: %q, want %q", i, c.Text, want)
		}
	}
	if three.Choices[0].Text == three.Choices[1].Text {
		t.Error("two seeds give one text")
	}
}

// What a stream says is what the response says, and every chunk is whole characters. The model writes bytes at random.
func TestStreamsSayTheSame(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	for seed := range 12 {
		for _, more := range []string{"", `,"stop":["e","th"]`, `,"echo":true`, `,"n":2,"prompt":["Grü","世界"]`} {
			head := fmt.Sprintf(`{"seed":%d,"max_tokens":40,"temperature":1.5`, seed)
			if !strings.Contains(more, "prompt") {
				head += `,"prompt":"Grü"`
			}
			whole := ok[completion](w, "/v1/completions", head+more+`}`)
			texts, finishes := map[int]string{}, map[int]string{}
			list := events(w, "/v1/completions", head+more+`,"stream":true,"stream_options":{"include_usage":true}}`)
			for i, e := range list {
				var c completion
				if err := json.Unmarshal([]byte(e), &c); err != nil || !utf8.ValidString(e) {
					t.Fatalf("%s: %v", e, err)
				}
				if last := i == len(list)-1; last != (c.Usage != nil) || last && (*c.Usage).Total != whole.Usage.Total {
					t.Errorf("seed %d%s: usage at %d of %d: %+v, want %+v", seed, more, i, len(list), c.Usage, whole.Usage)
				}
				for _, choice := range c.Choices {
					texts[choice.Index] += choice.Text
					if choice.Finish != nil {
						finishes[choice.Index] += *choice.Finish
					}
				}
			}
			for _, c := range whole.Choices {
				if texts[c.Index] != c.Text || finishes[c.Index] != *c.Finish {
					t.Errorf("seed %d%s, choice %d: streamed %q (%s), whole %q (%s)", seed, more, c.Index, texts[c.Index], finishes[c.Index], c.Text, *c.Finish)
				}
				if strings.Contains(more, "stop") && (strings.Contains(c.Text, "e") || strings.Contains(c.Text, "th")) {
					t.Errorf("the stop string stands in %q", c.Text)
				}
			}
		}
	}
}

// An empty prompt is a text that has not begun.
func TestEmptyPrompts(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	want := ok[completion](w, "/v1/completions", `{"prompt":"<s>","temperature":0,"max_tokens":5}`).Choices[0].Text
	for _, prompt := range []string{`""`, `[]`, `[[]]`, `[""]`} {
		got := ok[completion](w, "/v1/completions", `{"prompt":`+prompt+`,"temperature":0,"max_tokens":5}`)
		if len(got.Choices) != 1 || got.Choices[0].Text != want || got.Usage.Prompt != 0 {
			t.Errorf("%s: %+v, want %q", prompt, got, want)
		}
	}
}
