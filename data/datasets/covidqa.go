package datasets

// covidQA: experts' questions on scientific articles, some 3,300 words each, so that most
// are cut into windows around the answers. There is a train part only.
var covidQA = Dataset{
	Name: "covid-qa", Title: "COVID-QA", HF: "deepset/covid_qa_deepset", Native: "JSON, SQuAD-like", Pairs: "FF", Licence: "Apache-2.0", Role: Tuning,
	also:    []string{"COVID_QA"},
	files:   layout{Train: {"covid-qa.json"}},
	convert: squadRules{}.convert,
}
