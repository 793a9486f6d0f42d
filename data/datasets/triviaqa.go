package datasets

import (
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/primer-lm/primer/data/records"
)

// triviaWords is the window around an answer: some 800 tokens, as MRQA cuts it.
const triviaWords = 600

// triviaQA: trivia questions with evidence documents that may hold the answer, in files of
// their own. The context is a window of the first document that does, around it (ours).
var triviaQA = Dataset{
	Name: "triviaqa", Title: "TriviaQA", HF: "mandarjoshi/trivia_qa", Native: "JSON + evidence text files", Pairs: "FF", Licence: "Apache-2.0; texts' own", Role: Tuning,
	files: layout{
		Train: {"wikipedia-train.json web-train.json", "rc/train-*.parquet rc/train/*.parquet"},
		Dev:   {"wikipedia-dev.json web-dev.json", "rc/validation-*.parquet rc/validation/*.parquet"},
	},
	convert: mrqaOr("TriviaQA-web", func(c *conversion) error {
		return rows(c, records.Options{Under: "Data"}, func(row *triviaRow) error { return row.convert(c) })
	}),
}

type triviaRow struct {
	Question text
	Answer   struct {
		Value   text
		Aliases texts
	}
	Pages    many[triviaDocument] `json:"EntityPages"`
	Results  many[triviaDocument] `json:"SearchResults"`
	PagesHF  many[triviaDocument] `json:"entity_pages"`
	ResultHF many[triviaDocument] `json:"search_results"`
}

// triviaDocument names a file of the original, or has the text (Hugging Face).
type triviaDocument struct {
	File   text `json:"Filename"`
	Wiki   text `json:"wiki_context"`
	Search text `json:"search_context"`
}

func (row *triviaRow) convert(c *conversion) error {
	names := append([]string{string(row.Answer.Value)}, row.Answer.Aliases.strings()...)
	for _, d := range append(row.PagesHF, row.ResultHF...) {
		if done, err := row.from(c, string(d.Wiki+d.Search), names); done || err != nil {
			return err
		}
	}
	for _, from := range []struct {
		folder string
		docs   []triviaDocument
	}{{"wikipedia", row.Pages}, {"web", row.Results}} {
		for _, d := range from.docs {
			content, err := triviaFile(c, from.folder, string(d.File))
			if err != nil {
				return err
			}
			if done, err := row.from(c, content, names); done || err != nil {
				return err
			}
		}
	}
	c.skip(NoDocument)
	return nil
}

// from gives the example if the document holds one of the names.
func (row *triviaRow) from(c *conversion, document string, names []string) (bool, error) {
	if document == "" {
		return false, nil
	}
	at := firstOf(document, names)
	if at < 0 {
		return false, nil
	}
	p := &passage{text: around([]rune(document), at, min(triviaWords, c.opt.MaxWords))}
	c.add(p, qa{question: string(row.Question), answer: string(row.Answer.Value)})
	return true, c.give(p)
}

// triviaFile reads an evidence document; "" where it is missing.
func triviaFile(c *conversion, folder, name string) (string, error) {
	local := filepath.FromSlash(name)
	if name == "" || !filepath.IsLocal(local) {
		return "", nil
	}
	for _, dir := range []string{filepath.Join(filepath.Dir(c.file), "..", "evidence"), filepath.Join(c.root, "evidence"), filepath.Join(filepath.Dir(c.file), "evidence")} {
		file := filepath.Join(dir, folder, local)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return c.whole(file)
		}
	}
	return "", nil
}

// firstOf is where the first of the names stands as a whole word, in characters, without
// case; -1 where none does.
func firstOf(document string, names []string) int {
	lower := strings.Map(unicode.ToLower, document)
	best := -1
	for _, name := range names {
		name = strings.Map(unicode.ToLower, strings.TrimSpace(name))
		for from := 0; name != ""; {
			i := strings.Index(lower[from:], name)
			if i < 0 || best >= 0 && from+i >= best {
				break
			}
			i += from
			if wordAt(lower, i, i+len(name)) {
				best = i
				break
			}
			from = i + 1
		}
	}
	if best < 0 {
		return -1
	}
	return utf8.RuneCountInString(lower[:best])
}

// wordAt tells whether no letter or digit goes on beyond the ends.
func wordAt(s string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	first, _ := utf8.DecodeRuneInString(s[from:])
	last, _ := utf8.DecodeLastRuneInString(s[:to])
	after, _ := utf8.DecodeRuneInString(s[to:])
	return !(wordRune(before) && wordRune(first)) && !(wordRune(last) && wordRune(after))
}

func wordRune(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// around is at most maxWords of a text with a third of them before a place, cut at ends of
// paragraphs or sentences.
func around(text []rune, at, maxWords int) string {
	if fits(text, 0, maxWords) == len(text) {
		return string(text)
	}
	start, words := at, 0
	for start > 0 && words < maxWords/3 {
		start--
		if unicode.IsSpace(text[start]) {
			words++
		}
	}
	for i := start; i < at && start > 0; i++ { // on to where a sentence starts
		if i > 0 && (paragraphEnds(text, i) || sentenceEnds(text, i)) {
			start = i
			break
		}
	}
	end := fits(text, start, maxWords)
	if end < len(text) {
		end = lastBreak(text, nil, max(start, at), end)
	}
	return string(text[start:end])
}
