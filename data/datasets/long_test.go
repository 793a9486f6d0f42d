package datasets

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
)

// sentences is n sentences of four words, numbered, ten to a paragraph.
func sentences(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Sentence %d stands here.", from+i)
		b.WriteString([]string{" ", "\n"}[(i+1)/10*10/(i+1)])
	}
	return strings.TrimRight(b.String(), " \n")
}

// convertFiles writes files and converts the folder.
func convertFiles(t *testing.T, d *Dataset, opt Options, files map[string]string) ([]data.Example, *Report) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var report Report
	var out []data.Example
	for ex, err := range d.Convert(context.Background(), dir, opt, &report) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ex)
	}
	return out, &report
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type object = map[string]any

// checkWindows holds what is true of every cut: no window is too long, and each answer that is a span stands in its window.
func checkWindows(t *testing.T, examples []data.Example, words, wantExamples, wantPairs int) {
	t.Helper()
	pairs := 0
	for _, ex := range examples {
		if n := len(strings.Fields(ex.Text)); n > words {
			t.Errorf("a window of %d words, more than %d", n, words)
		}
		for _, p := range ex.Pairs {
			if pairs++; !strings.Contains(ex.Text, p.Response) {
				t.Errorf("%q is not in its window %.40q", p.Response, ex.Text)
			}
		}
	}
	if len(examples) != wantExamples || pairs != wantPairs {
		t.Errorf("%d windows with %d pairs, not %d with %d", len(examples), pairs, wantExamples, wantPairs)
	}
}

// TestLongArticle: an article of 3,400 words, some letters of two bytes in front, cut around offsets that count characters.
func TestLongArticle(t *testing.T) {
	article := strings.Repeat("Ééé ééé.\n", 40) + sentences(0, 850)
	at := func(s string) int { return len([]rune(article[:strings.Index(article, s)])) }
	qas := []object{}
	for i, s := range []string{"Sentence 3 ", "Sentence 640 stands here.", "Sentence 641", "Sentence 849"} {
		qas = append(qas, object{"id": i, "question": "Which " + s, "answers": []object{{"text": s, "answer_start": at(s)}}})
	}
	qas = append(qas, object{"question": "Where?", "answers": []object{{"text": "nowhere"}}},
		object{"question": "Beyond?", "answers": []object{{"text": "x", "answer_start": 1 << 30}}})
	file := toJSON(t, object{"data": []object{{"paragraphs": []object{{"context": article, "document_id": 1, "qas": qas}}}}})
	examples, report := convertFiles(t, &covidQA, Options{}, map[string]string{"COVID-QA.json": file})
	checkWindows(t, examples, MaxWords, 2, 4)
	if report.Skipped[NoPlace] != 1 || report.Skipped[Outside] != 1 {
		t.Errorf("left out: %v", report.Skipped)
	}
	examples, _ = convertFiles(t, &covidQA, Options{MaxWords: 100}, map[string]string{"COVID-QA.json": file})
	checkWindows(t, examples, 100, 3, 4)
}

// TestLongAnswer: NLQuAD's answers beyond 300 words are left out; one of 250 that lies across a paragraph's end is not cut.
func TestLongAnswer(t *testing.T) {
	article := sentences(0, 1000)
	answer := func(from, n int) object {
		s := sentences(from, n)
		if i := strings.Index(article, s); i >= 0 {
			return object{"text": s, "answer_start": i}
		}
		t.Fatalf("sentences %d to %d are not in the article", from, from+n)
		return nil
	}
	qas := []object{
		{"question": "Long?", "answers": []object{answer(100, 80)}},
		{"question": "Across?", "answers": []object{answer(580, 60)}}, // the limit falls on sentence 610 or so
	}
	file := toJSON(t, object{"data": []object{{"title": "T", "paragraphs": []object{{"context": article, "qas": qas}}}}})
	examples, report := convertFiles(t, &nlquad, Options{}, map[string]string{"NLQuAD_train.json": file})
	checkWindows(t, examples, MaxWords, 1, 1)
	if report.Skipped[TooLong] != 1 {
		t.Errorf("left out: %v", report.Skipped)
	}
}

// TestLongPaper: the sections that hold evidence are too long together; what has no evidence goes with the beginning.
func TestLongPaper(t *testing.T) {
	section := func(from int) object {
		return object{"section_name": "S", "paragraphs": strings.Split(sentences(from, 400), "\n")}
	}
	question := func(q, span string, evidence ...string) object {
		return object{"question": q, "answers": []object{{"answer": object{"unanswerable": span == "", "extractive_spans": strings.Fields(span), "evidence": evidence}}}}
	}
	paragraph := func(from int) string { return sentences(from, 10) }
	file := toJSON(t, object{"p": object{"title": "Unanswerable title", "abstract": "An abstract.", "full_text": []object{section(0), section(1000), section(2000)}, "qas": []object{
		question("First?", "10", paragraph(10)), question("Second?", "1390", paragraph(1390)),
		question("Both?", "x", paragraph(10), paragraph(1390)), question("None?", ""), question("No evidence?", "11"),
	}}})
	examples, report := convertFiles(t, &qasper, Options{}, map[string]string{"qasper-train-v0.3.json": file})
	checkWindows(t, examples, MaxWords, 2, 3)
	for _, ex := range examples {
		if strings.Contains(ex.Text, "Sentence 2000") {
			t.Error("a section without evidence is in the context")
		}
	}
	if report.Skipped[Outside] != 1 || report.Skipped[NoPlace] != 1 {
		t.Errorf("left out: %v", report.Skipped)
	}
}

// TestLongStory: FairytaleQA's questions go with their sections when the story is too long.
func TestLongStory(t *testing.T) {
	story, questions := "section,text\n", "question,cor_section,answer1\n"
	for i := range 6 {
		story += fmt.Sprintf("%d,\"%s\"\n", i+1, sentences(1000*i, 200))
	}
	questions += "One?,1,Sentence 1 \nTwo?,\"2, 3\",Sentence 2001\nAgain?,1,Sentence 2 \nNone?,9,x\n"
	examples, report := convertFiles(t, &fairytaleQA, Options{}, map[string]string{
		"questions/train/a-questions.csv": questions, "section-stories/train/a-story.csv": story})
	checkWindows(t, examples, MaxWords, 2, 3)
	if report.Skipped[NoPlace] != 1 || len(examples[0].Pairs) != 2 || report.Records != 4 {
		t.Errorf("%v, %d records", report.Skipped, report.Records)
	}
}

// TestTriviaWindow: some 600 words around the first alias, which is a whole word, begin and end with a sentence.
func TestTriviaWindow(t *testing.T) {
	document := "Carbon is no car.\n" + sentences(0, 500) + " The Car is red. " + sentences(500, 500)
	file := toJSON(t, object{"Data": []object{{"Question": "What?", "Answer": object{"Value": "Auto", "Aliases": []string{"the car"}}, "EntityPages": []object{{"Filename": "a b.txt"}}}}})
	examples, _ := convertFiles(t, &triviaQA, Options{}, map[string]string{"qa/wikipedia-train.json": file, "evidence/wikipedia/a b.txt": document})
	if len(examples) != 1 {
		t.Fatal(len(examples))
	}
	text := examples[0].Text
	words := len(strings.Fields(text))
	if !strings.Contains(text, "The Car is red.") || words > triviaWords || words < triviaWords*3/4 || !strings.HasPrefix(text, "Sentence ") || !strings.HasSuffix(text, ".") {
		t.Errorf("%d words: %.40q … %q", words, text, text[len(text)-40:])
	}
}

// TestLongLesson: a question goes with the window that holds its answer's text; one whose answer the lesson does not hold is
// left out.
func TestLongLesson(t *testing.T) {
	question := func(answer string) object {
		return object{"beingAsked": object{"processedText": "Which " + answer}, "answerChoices": object{"a": object{"processedText": answer}}, "correctAnswer": object{"processedText": "a"}}
	}
	file := toJSON(t, []object{{"lessonName": "L", "topics": object{"T": object{"orderID": "t", "content": object{"text": sentences(0, 1000)}}},
		"questions": object{"nonDiagramQuestions": object{"1": question("sentence 9"), "2": question("Sentence 999"), "3": question("true")}}}})
	examples, report := convertFiles(t, &textbookQA, Options{}, map[string]string{"tqa_v1_train.json": file})
	if len(examples) != 2 || !strings.Contains(examples[1].Text, "Sentence 999") || report.Skipped[NoPlace] != 1 {
		t.Errorf("%d windows, left out: %v", len(examples), report.Skipped)
	}
}

// TestHotpotRoom: distractors fill the room that is left, in the order of the file.
func TestHotpotRoom(t *testing.T) {
	row := object{"question": "Q?", "answer": "A", "supporting_facts": [][]any{{"Needed", 0}}, "context": [][]any{
		{"First", []string{sentences(0, 20)}}, {"Long", []string{sentences(100, 30)}}, {"Needed", []string{"It is needed."}}, {"Last", []string{"It fits."}}}}
	examples, _ := convertFiles(t, &hotpotQA, Options{MaxWords: 100}, map[string]string{"hotpot_train_v1.1.json": toJSON(t, []object{row})})
	var titles []string
	for _, line := range strings.Split(examples[0].Text, "\n") {
		if len(strings.Fields(line)) == 1 {
			titles = append(titles, line)
		}
	}
	if strings.Join(titles, " ") != "First Needed Last" {
		t.Errorf("%q", titles)
	}
}
