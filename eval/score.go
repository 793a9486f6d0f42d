package eval

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/model/generate"
)

// ScoreLine is one line in: token ids, or texts that are split as Request says.
type ScoreLine struct {
	PromptIDs       []int32 `json:"prompt_ids"`
	ContinuationIDs []int32 `json:"continuation_ids"`
	Prompt          *string `json:"prompt"`
	Continuation    *string `json:"continuation"`
}

// ScoreAnswer is one line out: a natural log-probability per continuation token, and whether every one of them was the
// arg max.
type ScoreAnswer struct {
	LogProbs []float32 `json:"logprobs"`
	Greedy   bool      `json:"greedy"`
}

const (
	maxScoreLine = 16 << 20
	scoreAtOnce  = 256
)

// ScoreLines reads JSON lines, scores them and writes one line each, in order. Every line must be good: the first that is
// not ends it with an error that names the line; what stands before it has been written. Encoder.Tok may be nil where all
// lines hold ids. vocab bounds the ids.
func ScoreLines(ctx context.Context, s Scorer, enc Encoder, vocab int64, name string, in io.Reader, out io.Writer) (lines int64, err error) {
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 64<<10), maxScoreLine)
	w := bufio.NewWriter(out)
	var open []generate.ScoreRequest
	flush := func() error {
		results, err := s.Score(ctx, open)
		if err != nil {
			return err
		}
		encoder := json.NewEncoder(w)
		for _, r := range results {
			if err := encoder.Encode(answer(r)); err != nil {
				return err
			}
		}
		open = open[:0]
		return w.Flush()
	}
	for scan.Scan() {
		lines++
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		r, err := enc.parseScoreLine(scan.Bytes(), vocab)
		if err != nil {
			return lines, errors.Join(flush(), &data.LineError{File: name, Line: lines, Err: err})
		}
		if open = append(open, r); len(open) == scoreAtOnce {
			if err := flush(); err != nil {
				return lines, err
			}
		}
	}
	if err := scan.Err(); err != nil {
		return lines, errors.Join(flush(), &data.LineError{File: name, Line: lines + 1, Err: err})
	}
	return lines, flush()
}

func answer(r generate.ScoreResult) ScoreAnswer {
	a := ScoreAnswer{LogProbs: r.LogProbs, Greedy: true}
	for _, g := range r.Greedy {
		a.Greedy = a.Greedy && g
	}
	return a
}

func (e Encoder) parseScoreLine(line []byte, vocab int64) (generate.ScoreRequest, error) {
	var l ScoreLine
	dec := json.NewDecoder(bytes.NewReader(line))
	if err := dec.Decode(&l); err != nil {
		return generate.ScoreRequest{}, fmt.Errorf("%w: %w", data.ErrBroken, err)
	}
	ids, texts := l.PromptIDs != nil || l.ContinuationIDs != nil, l.Prompt != nil || l.Continuation != nil
	switch {
	case ids && texts:
		return generate.ScoreRequest{}, fmt.Errorf("%w: give prompt_ids and continuation_ids, or prompt and continuation, not both", data.ErrBroken)
	case ids:
		for _, list := range [][]int32{l.PromptIDs, l.ContinuationIDs} {
			for _, id := range list {
				if id < 0 || int64(id) >= vocab {
					return generate.ScoreRequest{}, fmt.Errorf("%w: token id %d is outside the vocabulary of %d", data.ErrBroken, id, vocab)
				}
			}
		}
		return e.IDs(l.PromptIDs, l.ContinuationIDs)
	case texts && e.Tok == nil:
		return generate.ScoreRequest{}, fmt.Errorf("%w: the line holds text, but the model folder has no tokenizer.json: send prompt_ids and continuation_ids", data.ErrBroken)
	case l.Continuation != nil:
		if l.Prompt == nil {
			l.Prompt = new(string)
		}
		return e.Request(*l.Prompt, *l.Continuation)
	}
	return generate.ScoreRequest{}, fmt.Errorf("%w: no continuation_ids and no continuation", data.ErrBroken)
}
