package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/synth"
)

// entry is one line of a journal: one chain that is done. It holds all that the shard's file and record are made of, so that
// both always come from the journal, interrupted or not.
type entry struct {
	N      int64        `json:"n"`    // of the chain in its shard
	Docs   string       `json:"docs"` // what it was made of, see hashDocs
	Chains []data.Chain `json:"chains"`
	Texts  []entryText  `json:"texts"`
}

// entryText is what is known of a text beside its example, which stands in Chains in the same order.
type entryText struct {
	Own     int                  `json:"own"`
	Prompt  int                  `json:"prompt"`
	New     int                  `json:"new"`
	Cached  int                  `json:"cached,omitzero"`
	Shots   int                  `json:"shots,omitzero"`
	Finish  generate.Finish      `json:"finish"`
	Pieces  int                  `json:"pieces"`
	Dropped map[synth.Reason]int `json:"dropped,omitempty"`
}

// syncEvery is how many chains a power cut, which SIGKILL is not, may take from a journal.
const syncEvery = 16

// hashDocs names the texts of a chain.
func hashDocs(docs []data.Document) string {
	h := sha256.New()
	for _, d := range docs {
		fmt.Fprintf(h, "%d %s%d %s", len(d.ID), d.ID, len(d.Text), d.Text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// entryOf is the line of a result.
func entryOf(n int64, a *synth.Augmented) entry {
	e := entry{N: n, Chains: a.Chains}
	var docs []data.Document
	for _, t := range a.Texts {
		docs = append(docs, t.Document)
		e.Texts = append(e.Texts, entryText{t.Own, t.Prompt, t.New, t.Cached, t.Shots, t.Finish, t.Parsed.Pieces, t.Parsed.Dropped})
	}
	e.Docs = hashDocs(docs)
	return e
}

// augmented is the result of a line, but for what the model wrote to the letter.
func (e *entry) augmented() (synth.Augmented, error) {
	a := synth.Augmented{Chains: e.Chains}
	for _, c := range e.Chains {
		for _, ex := range c.Examples {
			i := len(a.Texts)
			if i == len(e.Texts) {
				return a, fmt.Errorf("%w: chain %d has more examples than texts", durable.ErrDamaged, e.N)
			}
			t := e.Texts[i]
			a.Texts = append(a.Texts, synth.Text{Document: ex.Document, Round: i, Own: t.Own, Prompt: t.Prompt, New: t.New, Cached: t.Cached,
				Shots: t.Shots, Finish: t.Finish, Parsed: synth.Parsed{Pairs: ex.Pairs, Pieces: t.Pieces, Dropped: t.Dropped}})
		}
	}
	if len(a.Texts) != len(e.Texts) {
		return a, fmt.Errorf("%w: chain %d has fewer examples than texts", durable.ErrDamaged, e.N)
	}
	return a, nil
}

// visitJournal gives the entries of a journal in order. A line that was written twice, by a process that was thought dead, is
// passed over; a gap is damage. No journal is no entry.
func visitJournal(fsys durable.FS, path string, visit func(*entry, synth.Augmented) error) error {
	next := int64(0)
	err := durable.ReadLog(fsys, path, func(line []byte) error {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("%w: chain %d: %v", durable.ErrDamaged, next, err)
		}
		if e.N < next {
			return nil
		}
		if e.N > next {
			return fmt.Errorf("%w: chain %d follows chain %d", durable.ErrDamaged, e.N, next-1)
		}
		next++
		a, err := e.augmented()
		if err != nil {
			return err
		}
		return visit(&e, a)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// tooLong refuses what no reader would take back.
func tooLong(a *synth.Augmented) error {
	size := 0
	var first string
	for _, t := range a.Texts {
		if first == "" {
			first = t.Document.ID
		}
		size += len(t.Document.Text) + len(t.Document.Title)
		for _, extra := range t.Document.Extra {
			size += len(extra)
		}
	}
	if size > data.MaxLine/4 { // escapes and pairs take the rest
		return &synth.TextError{Document: strings.TrimSpace(first), Err: fmt.Errorf("%w: a chain of %d bytes; leave large fields out of the input", data.ErrLimit, size)}
	}
	return nil
}
