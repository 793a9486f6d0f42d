package datasets

// nlquadAnswer is the longest answer, in words: what a synthesizer may write, 400 tokens,
// at 4 tokens to 3 words (ours).
const nlquadAnswer = 300

// nlquad: sub-headings of news articles as questions, what stands below them as answers.
var nlquad = Dataset{
	Name: "nlquad", Title: "NLQuAD", HF: "LLukas22/NLQuAD", Native: "JSON, SQuAD-like", Pairs: "FF, long", Licence: "CC BY-NC 3.0", Role: Tuning,
	files: layout{
		Train: {"nlquad_train.json"}, Dev: {"nlquad_valid.json"}, Test: {"nlquad_eval.json"},
	},
	convert: squadRules{maxWords: nlquadAnswer}.convert,
}
