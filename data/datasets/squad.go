package datasets

// squad: questions on Wikipedia paragraphs, each answer a span. The train part has one
// answer a question. Version 2.0, with unanswerable questions, reads as well.
var squad = Dataset{
	Name: "squad", Title: "SQuAD", HF: "rajpurkar/squad", Native: "JSON", Pairs: "FF", Licence: "CC BY-SA 4.0", Role: Tuning,
	files: layout{
		Train: {"train-v1.1.json", "train-v2.0.json", "squad.jsonl"},
		Dev:   {"dev-v1.1.json", "dev-v2.0.json"},
	},
	convert: squadRules{subset: "SQuAD"}.convert,
}
