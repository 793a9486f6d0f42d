package datasets

import "github.com/primer-lm/primer/data/records"

// tweetQA: questions on tweets of news, with free answers.
var tweetQA = Dataset{
	Name: "tweetqa", Title: "TweetQA", HF: "ucsbnlp/tweet_qa", Native: "JSON array", Pairs: "FF", Licence: "CC BY-SA 4.0", Role: Tuning,
	convert: grouped(records.Options{}, func(row *tweetRow) (string, qa) {
		q := qa{question: string(row.Question)}
		if len(row.Answer) > 0 {
			q.answer = string(row.Answer[0])
		}
		return string(row.Tweet), q
	}),
}

type tweetRow struct {
	Question text
	Answer   texts
	Tweet    text
}
