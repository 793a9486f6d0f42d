package curate

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
)

// sentences gives invented sentences in ten languages.
func sentences(t testing.TB) (codes, texts []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/languages.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		code, text, _ := strings.Cut(strings.TrimSpace(line), "\t")
		codes, texts = append(codes, code), append(texts, text)
	}
	return codes, texts
}

func TestLanguages(t *testing.T) {
	opt := Default().Language
	codes, texts := sentences(t)
	right, sure, total := 0, 0, map[string]string{}
	for i, text := range texts {
		code, confidence, err := LanguageOf(text, opt)
		if err != nil {
			t.Fatal(err)
		}
		if code == codes[i] {
			right++
		} else if confidence >= opt.MinConfidence {
			sure++
			t.Logf("%s is taken for %s (%.2f): %s", codes[i], code, confidence, text)
		}
		total[codes[i]] += text + " "
	}
	t.Logf("%d of %d sentences of some 100 characters are right, %d wrong ones pass the least confidence", right, len(texts), sure)
	if right < 39 || sure > 1 {
		t.Errorf("%d of %d right, %d surely wrong", right, len(texts), sure)
	}
	for want, text := range total { // four sentences together
		if code, confidence, _ := LanguageOf(text, opt); code != want || confidence < 0.9 {
			t.Errorf("%s is taken for %s (%.2f)", want, code, confidence)
		}
	}
}

func TestLanguageStage(t *testing.T) {
	opt := Default().Language
	opt.Allow = []string{"en", "fra"}
	l, err := newLanguages(opt)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"The harbour was full of small boats that nobody had used since the war.":               "",
		"Le port était plein de petits bateaux que personne n'avait utilisés depuis la guerre.": "",
		"Der Hafen war voll von kleinen Booten, die seit dem Krieg niemand benutzt hatte.":      OtherLanguage,
		"12 34 56 --- 78": Uncertain,
		"東京の港は小さな船でいっぱいだった。":                                                                                                 OtherLanguage,
		strings.Repeat("The harbour was full of small boats. ", 40) + strings.Repeat("Der Hafen war voll von Booten. ", 400): "", // the beginning counts
	} {
		v := l.judge(0, &data.Document{Text: text})
		got := ""
		if v.drop != nil {
			got = v.drop.Reason
		}
		if got != want {
			t.Errorf("%.40q: %q, not %q", text, got, want)
		}
	}
	// A cut never splits a character.
	opt.MaxBytes = 64
	if code, _, err := LanguageOf(strings.Repeat("ж", 100), opt); err != nil || code == "en" {
		t.Errorf("%s, %v", code, err)
	}
	if _, _, err := LanguageOf("x", LanguageOptions{Allow: []string{"en"}, MaxBytes: 3}); !errors.Is(err, ErrSettings) {
		t.Error(err)
	}
}
