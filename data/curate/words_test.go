package curate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func wordsOf(text string) (list []string, all []word) {
	s := words{text: text}
	var w word
	for s.next(&w) {
		list = append(list, fmt.Sprintf("%s=%s/%d", text[w.start:w.end], s.fold, w.chars))
		all = append(all, w)
	}
	return list, all
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		" \t\n\u00a0":           "",
		"It's 3 o'clock!":       "It's=its/4 3=3/1 o'clock!=oclock/8",
		"well-known — ÄRGER":    "well-known=wellknown/10 —=/1 ÄRGER=ärger/5",
		"東京へ行く":                 "東=東/1 京=京/1 へ=へ/1 行=行/1 く=く/1",
		"GPT模型2代":               "GPT=gpt/3 模=模/1 型=型/1 2=2/1 代=代/1",
		"ที่นี่":                "ที่=ที่/3 นี่=นี่/3",
		"한국어 텍스트":               "한국어=한국어/3 텍스트=텍스트/3",
		"cafe\u0301s\u2028next": "cafe\u0301s=cafe\u0301s/6 next=next/4",
	} {
		list, _ := wordsOf(text)
		if got := strings.Join(list, " "); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
	_, all := wordsOf("Word wörd *** 12 字")
	var flags []string
	for _, w := range all {
		flags = append(flags, fmt.Sprint(w.letter, w.unspaced, w.hash != 0))
	}
	want := []string{"true false true", "true false true", "false false false", "false false true", "true true true"}
	if !slices.Equal(flags, want) {
		t.Errorf("%q", flags)
	}
	_, a := wordsOf("Hello, World")
	_, b := wordsOf("hello world!")
	if a[0].hash != b[0].hash || a[1].hash != b[1].hash || a[0].hash == a[1].hash {
		t.Error("case and symbols show in the hash")
	}
}
