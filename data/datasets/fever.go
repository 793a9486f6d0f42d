package datasets

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// fever: claims that Wikipedia supports, refutes, or says too little about. The context is
// the page of the first set of evidence, from the files of wiki-pages; claims on one page
// share it. The thought is that set's sentences. Claims with too little information have no
// page and are left out, unless the rows bring sentences themselves, as those of
// fever_gold_evidence do.
var fever = Dataset{
	Name: "fever", Title: "FEVER", HF: "fever/fever, copenlu/fever_gold_evidence", Native: "JSONL + wiki-pages", Pairs: "MC+CoT, MC", Licence: "CC BY-SA 3.0; tag adds GPL-3.0", Role: HeldOut,
	files: layout{
		Train: {"train.jsonl", "v1.0/train-*.parquet v1.0/train/*.parquet"},
		Dev:   {"shared_task_dev.jsonl", "paper_dev.jsonl", "valid.jsonl", "v1.0/labelled_dev-*.parquet v1.0/labelled_dev/*.parquet"},
		Test:  {"paper_test.jsonl", "test.jsonl", "v1.0/paper_test-*.parquet v1.0/paper_test/*.parquet"},
	},
	convert: func(c *conversion) error {
		claims, err := feverClaims(c)
		if err != nil {
			return err
		}
		pages, err := feverPages(c, claims)
		if err != nil {
			return err
		}
		g := c.groups()
		for _, claim := range claims {
			claim.add(c, g, pages)
		}
		return g.give()
	},
}

// feverQuestion leads the claim (ours).
const feverQuestion = "Does the text support this claim? "

var feverOptions = []string{"Supports", "Refutes", "Not enough info"}

var feverLabels = map[string]int{"SUPPORTS": 0, "REFUTES": 1, "NOT ENOUGH INFO": 2}

// feverRow is a claim with its sets of evidence, or (fever/fever) one sentence of evidence.
type feverRow struct {
	ID       text
	Label    text
	Claim    text
	Evidence json.RawMessage
	Set      text  `json:"evidence_annotation_id"`
	Page     *text `json:"evidence_wiki_url"`
	Sentence text  `json:"evidence_sentence_id"`
}

// feverPlace is a sentence of a page, with its text where the row brings it.
type feverPlace struct {
	page string
	line int
	text string
}

type feverClaim struct {
	row    feverRow
	places []feverPlace // of the first set of evidence
	gold   bool         // sentences came with the row
	file   string
	n      int64
}

// feverClaims reads all claims; rows of single sentences are put together again.
func feverClaims(c *conversion) (claims []*feverClaim, err error) {
	byID := map[text]*feverClaim{}
	err = rows(c, records.Options{}, func(row *feverRow) error {
		claim := byID[row.ID]
		if row.Page == nil || claim == nil {
			claim = &feverClaim{row: *row, file: c.file, n: c.n}
			if row.Page != nil {
				byID[row.ID] = claim
			}
			claims = append(claims, claim)
		}
		if row.Page != nil {
			if *row.Page != "" && row.Set == claim.row.Set {
				claim.places = append(claim.places, feverPlace{page: string(*row.Page), line: max(0, signed(row.Sentence))}) // -1 stands for 0
			}
			return nil
		}
		if err := claim.evidence(row.Evidence); err != nil {
			claims = claims[:len(claims)-1]
			c.broken(err)
		}
		return nil
	})
	return claims, err
}

func signed(s text) int {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(string(s)), "-"); ok {
		return -number(text(rest))
	}
	return number(s)
}

// evidence reads sets of [annotation, evidence, page, sentence], or a list of [page,
// sentence, text].
func (f *feverClaim) evidence(raw json.RawMessage) error {
	var sets [][]texts
	if json.Unmarshal(raw, &sets) == nil && len(sets) > 0 && len(sets[0]) > 0 && len(sets[0][0]) > 2 {
		for _, e := range sets[0] {
			if len(e) == 4 && e[2] != "" {
				f.places = append(f.places, feverPlace{page: string(e[2]), line: number(e[3])})
			}
		}
		return nil
	}
	var flat []texts
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, &flat); err != nil {
		return fmt.Errorf("evidence is neither sets of [annotation, evidence, page, sentence] nor a list of [page, sentence, text]")
	}
	f.gold = true
	for _, e := range flat {
		if len(e) == 3 {
			f.places = append(f.places, feverPlace{string(e[0]), number(e[1]), string(e[2])})
		}
	}
	return nil
}

// feverPages reads the pages that claims name: page → sentences.
func feverPages(c *conversion, claims []*feverClaim) (map[string][]string, error) {
	pages := map[string][]string{}
	for _, claim := range claims {
		for _, p := range claim.places {
			if !claim.gold {
				pages[p.page] = nil
			}
		}
	}
	if len(pages) == 0 {
		return pages, nil
	}
	files, err := c.support("wiki-pages/*.jsonl", "wiki_pages/*.parquet", "wiki_pages/*/*.parquet", "wiki-*.jsonl")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: wiki-pages/*.jsonl are needed below %s", data.ErrNoFile, c.root)
	}
	n := c.report.Records
	for _, file := range files {
		err := rowsOf(c, file, records.Options{}, func(row *struct{ ID, Lines text }) error {
			if _, wanted := pages[string(row.ID)]; wanted && row.Lines != "" {
				pages[string(row.ID)] = feverSentences(string(row.Lines))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	c.report.Records = n
	return pages, nil
}

// feverSentences reads lines of number, tab, sentence, and links behind more tabs. A line
// without a number in front goes on a link of the line before.
func feverSentences(lines string) (sentences []string) {
	for _, line := range strings.Split(lines, "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) < 2 || number(text(fields[0])) != len(sentences) {
			continue
		}
		sentences = append(sentences, feverText(fields[1]))
	}
	return sentences
}

// feverText undoes the escapes of brackets and colons.
var feverText = strings.NewReplacer("-LRB-", "(", "-RRB-", ")", "-LSB-", "[", "-RSB-", "]", "-LCB-", "{", "-RCB-", "}", "-COLON-", ":", "-SLH-", "/").Replace

func feverTitle(page string) string { return feverText(strings.ReplaceAll(page, "_", " ")) }

// add puts the claim to the example of its pages.
func (f *feverClaim) add(c *conversion, g *groups, pages map[string][]string) {
	c.at(f.file, f.n)
	var names, parts, thought []string
	byPage := map[string][]string{} // of a row that brings its sentences
	for _, p := range f.places {
		if _, known := byPage[p.page]; !known {
			names = append(names, p.page)
		}
		sentence := feverText(p.text)
		if !f.gold && p.line >= 0 && p.line < len(pages[p.page]) {
			sentence = pages[p.page][p.line]
		}
		byPage[p.page] = append(byPage[p.page], strings.TrimSpace(sentence))
		thought = append(thought, strings.TrimSpace(sentence))
	}
	for _, name := range names {
		sentences := byPage[name]
		if !f.gold {
			sentences = pages[name]
		}
		if body := strings.Join(strings.Fields(strings.Join(sentences, " ")), " "); body != "" {
			parts = append(parts, feverTitle(name)+"\n"+body)
		}
	}
	if len(parts) == 0 {
		c.skip(NoDocument)
		return
	}
	q := qa{question: feverQuestion + strings.TrimSpace(string(f.row.Claim)), options: feverOptions}
	if f.row.Claim == "" {
		q.question = ""
	}
	label, known := feverLabels[strings.ToUpper(strings.TrimSpace(string(f.row.Label)))]
	if known {
		q.right = []int{label}
	}
	if known && label < 2 { // sentences that tell too little are no reason
		q.thought = strings.Join(thought, " ")
	}
	c.add(g.text(strings.Join(parts, "\n")), q)
}
