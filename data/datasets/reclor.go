package datasets

import "github.com/primer-lm/primer/data/records"

// reclor: reading comprehension of law and business school admission tests. Its zip has a
// password, which its repository tells; unpack it first.
var reclor = Dataset{
	Name: "reclor", Title: "ReClor", HF: "metaeval/reclor, tasksource/reclor", Native: "JSON array (zip with password)", Pairs: "MC", Licence: "research, non-commercial", Role: Tuning,
	convert: grouped(records.Options{}, func(row *reclorRow) (string, qa) {
		return string(row.Context), chosen(row.Question, row.Answers, row.Label, number)
	}),
}

type reclorRow struct {
	Context  text
	Question text
	Answers  []string
	Label    text // a number; a string in one export; missing in the test part
}
