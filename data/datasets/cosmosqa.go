package datasets

import "github.com/primer-lm/primer/data/records"

// cosmosQA: commonsense questions on everyday stories. "None of the above choices ." is an
// option like the others, and right at times. The text is tokenised and stays so.
var cosmosQA = Dataset{
	Name: "cosmosqa", Title: "CosmosQA", HF: "allenai/cosmos_qa", Native: "CSV, JSONL", Pairs: "MC", Licence: "CC BY 4.0", Role: Tuning,
	convert: grouped(records.Options{}, func(row *cosmosRow) (string, qa) {
		options := []string{string(row.Answer0), string(row.Answer1), string(row.Answer2), string(row.Answer3)}
		label := row.Label
		if label == "-1" {
			label = "" // the test part
		}
		return string(row.Context), chosen(row.Question, options, label, number)
	}),
}

type cosmosRow struct {
	Context  text
	Question text
	Answer0  text
	Answer1  text
	Answer2  text
	Answer3  text
	Label    text
}
