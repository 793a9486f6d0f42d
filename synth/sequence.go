package synth

import (
	"math/rand/v2"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/kernels"
)

// Sequence is one few-shot tuning sequence: examples of one dataset, one after another.
type Sequence struct {
	Tokens []int32
	Mask   []uint8 // 1 where the token is learnt: from each example's first <QUE> through its </s>
	Shots  int     // examples in it
}

// SequenceOptions says how tuning sequences are made.
type SequenceOptions struct {
	Window   int    // tokens of a sequence at most; the paper's 4096
	MaxShots int    // examples of a sequence at most; 0: as many as fit
	Seed     uint64 // of the shuffle
}

// SequenceReport counts what did not become part of a sequence.
type SequenceReport struct {
	Examples     int // used
	PairsCut     int // last pairs of examples that are longer than the window
	ExamplesLost int // examples whose text and first pair do not fit
}

// Sequences makes one epoch of tuning sequences of one dataset: examples are shuffled anew each epoch (ours), then each
// sequence takes as many as fit the window ("Instruction Pre-Training", section 2.1).
func (c *Codec) Sequences(examples []data.Example, epoch int, opt SequenceOptions) ([]Sequence, SequenceReport, error) {
	var report SequenceReport
	var out []Sequence
	key := kernels.Subkey(opt.Seed, kernels.PurposeShuffle, uint64(epoch), 0)
	order := rand.New(rand.NewPCG(uint64(key[0]), uint64(key[1]))).Perm(len(examples))
	var open Sequence
	for _, i := range order {
		ids, prompt, cut, err := c.fit(examples[i], opt.Window)
		if err != nil {
			return nil, report, err
		}
		report.PairsCut += cut
		if ids == nil {
			report.ExamplesLost++
			continue
		}
		report.Examples++
		if open.Shots > 0 && (len(open.Tokens)+len(ids) > opt.Window || open.Shots == opt.MaxShots) {
			out = append(out, open)
			open = Sequence{}
		}
		open.Tokens = append(open.Tokens, ids...)
		for j := range ids {
			open.Mask = append(open.Mask, b2u(j >= prompt))
		}
		open.Shots++
	}
	if open.Shots > 0 {
		out = append(out, open)
	}
	return out, report, nil
}

// fit encodes an example and drops its last pairs until it fits the window; nil ids when not even one pair does.
func (c *Codec) fit(ex data.Example, window int) (ids []int32, prompt, cut int, err error) {
	for len(ex.Pairs) > 0 {
		ids, prompt, err = c.Example(ex)
		if err != nil || len(ids) <= window {
			return ids, prompt, cut, err
		}
		ex.Pairs = ex.Pairs[:len(ex.Pairs)-1]
		cut++
	}
	return nil, 0, cut, nil
}

func b2u(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
