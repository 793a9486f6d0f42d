package datasets

import (
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// pubMedQA is what the paper's figure calls MedQA: titles of abstracts that are questions,
// with yes, no or maybe; the abstract without its conclusion is the context, the conclusion
// the thought. Only the 1,000 labelled ones are taken from a folder. 500 of them are the
// test set that everybody evaluates on: test_ground_truth.json names them.
var pubMedQA = Dataset{
	Name: "pubmedqa", Title: `"MedQA" = PubMedQA`, HF: "qiaojin/PubMedQA", Native: "JSON object by PMID", Pairs: "MC+CoT, FF+CoT", Licence: "MIT", Role: Tuning,
	also: []string{"PubMedQA_yes_opt", "PubMedQA_no_opt"},
	files: layout{
		Train: {"ori_pqal.json", "pqa_labeled/train-*.parquet pqa_labeled/train/*.parquet"},
		Test:  {"ori_pqal.json", "pqa_labeled/train-*.parquet pqa_labeled/train/*.parquet"},
	},
	convert: func(c *conversion) error {
		test, err := pubMedTest(c)
		if err != nil {
			return err
		}
		return rows(c, records.Options{Keyed: "pubid"}, func(row *pubMedRow) error {
			if test != nil && test[row.ID] != (c.opt.Split == Test) {
				c.skip(OtherPart)
				return nil
			}
			return row.convert(c)
		})
	},
}

// pubMedRow has the original's capital names and Hugging Face's: encoding/json does not
// tell case.
type pubMedRow struct {
	ID       text `json:"pubid"`
	Question text
	pubMedContext
	Context  pubMedContext
	Decision text `json:"final_decision"`
	Long     text `json:"long_answer"`
}

type pubMedContext struct {
	Contexts texts
	Labels   texts
}

func (row *pubMedRow) convert(c *conversion) error {
	parts := row.pubMedContext
	if len(parts.Contexts) == 0 {
		parts = row.Context
	}
	paragraphs := parts.Contexts.strings()
	for i := range paragraphs {
		if i < len(parts.Labels) && parts.Labels[i] != "" {
			paragraphs[i] = string(parts.Labels[i]) + ": " + strings.TrimSpace(paragraphs[i])
		}
	}
	if len(paragraphs) == 0 {
		c.skip(NoText)
		return nil
	}
	p := &passage{text: strings.Join(paragraphs, "\n")}
	c.add(p, qa{question: string(row.Question), options: []string{"yes", "no", "maybe"},
		answer: strings.ToLower(string(row.Decision)), thought: string(row.Long)})
	return c.give(p)
}

// pubMedTest gives the PMIDs of the test part, nil where nothing tells.
func pubMedTest(c *conversion) (map[text]bool, error) {
	files, err := c.support("test_ground_truth.json")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		c.report.Notes = append(c.report.Notes, "no test_ground_truth.json: articles of PubMedQA's test part are not told from the others")
		return nil, nil
	}
	test := map[text]bool{}
	records := c.report.Records
	err = rowsOf(c, files[0], pubMedTop, func(labels *map[text]text) error {
		for id := range *labels {
			test[id] = true
		}
		return nil
	})
	c.report.Records = records
	return test, err
}

var pubMedTop records.Options // one object of PMID → label
