package datasets

import (
	"errors"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// collection is what the paper's authors published of their own conversion: a folder for
// each dataset, of which only shard/*.jsonl holds records. Options and thoughts stand inside
// the questions and answers; their form is read off each pair.
var collection = Dataset{
	Name: "collection", Title: "ft-instruction-synthesizer-collection", HF: "instruction-pretrain/ft-instruction-synthesizer-collection", Native: "JSONL", Pairs: "all", Licence: "other", Role: Extra,
	also:  []string{"read_collection"},
	files: layout{Train: {"shard/*.jsonl", "*/train/*.parquet"}},
	convert: func(c *conversion) error {
		for _, file := range c.files {
			if err := collectionFile(c, file); err != nil {
				return err
			}
		}
		return nil
	},
}

func collectionFile(c *conversion, file string) error {
	for rec, err := range records.Read(file, records.Options{}, &c.read) {
		if err != nil && !errors.Is(err, data.ErrBroken) {
			return err
		}
		c.at(file, rec.N)
		c.report.Records++
		if err := c.ctx.Err(); err != nil {
			return err
		}
		var ex data.Example
		if err == nil {
			ex, err = data.DecodeExample(rec.JSON, "")
		}
		if err != nil {
			c.broken(err)
			continue
		}
		p := &passage{text: ex.Text, source: ex.Source}
		for _, pair := range ex.Pairs {
			q := qa{question: pair.Instruction, answer: pair.Response, options: pair.Options, thought: pair.Thought}
			if none := strings.ToLower(strings.TrimSpace(pair.Response)); len(pair.Options) > 0 && strings.HasPrefix(none, "none") {
				q.none = true
			}
			c.add(p, q)
		}
		if err := c.give(p); err != nil {
			return err
		}
	}
	return nil
}
