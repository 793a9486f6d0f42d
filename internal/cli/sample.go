package cli

import (
	"fmt"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/tokenizer"
)

// sampleUnits is the raw text of the embedded sample: documents of the seeded world and doc comments of the installed Go. The note
// says what it is.
func sampleUnits(stdio IO, tok *tokenizer.Tokenizer, seed uint64) (*mix.Units, string, error) {
	stdio.note("no --in: training on the embedded sample")
	world := sample.NewWorld(seed, sample.Defaults())
	goDocs, err := sample.GoDocs("", sample.GoOptions{Seed: seed})
	if err != nil {
		return nil, "", err
	}
	var all []string
	for _, part := range [][]data.Example{world.Raw(), world.Tuning(sample.Train), goDocs.Train} {
		for _, ex := range part {
			all = append(all, ex.Text)
		}
	}
	ids, err := tok.EncodeBatch(all, true)
	if err != nil {
		return nil, "", err
	}
	for i := range ids {
		ids[i] = tok.WithEOS(tok.WithBOS(ids[i]))
	}
	units, err := mix.NewUnits(ids, nil)
	return units, fmt.Sprintf("sample: world of seed %d, doc comments of %s (%s)", seed, goDocs.Version, goDocs.Hash), err
}
