package curate

import (
	"context"
	"fmt"

	"github.com/primer-lm/primer/data"
)

// The stages.
const (
	NormaliseStage = "normalise"
	LanguageStage  = "language"
	QualityStage   = "quality"
	ExactStage     = "exact"
	NearStage      = "near"
	CleanStage     = "decontaminate"
)

// StageNames lists the stages in their usual order.
func StageNames() []string {
	return []string{NormaliseStage, LanguageStage, QualityStage, ExactStage, NearStage, CleanStage}
}

// Drop is why a document was dropped.
type Drop struct {
	Stage     string  `json:"stage"`
	Reason    string  `json:"reason"`
	Value     float64 `json:"value,omitzero"`     // what was measured
	Threshold float64 `json:"threshold,omitzero"` // what it had to keep
	Language  string  `json:"language,omitzero"`  // that was recognised, where it was not allowed
	// First, of a duplicate, is the document that was kept: its number, from 1, among those that the stage read, which is its
	// line in the file of the stage before.
	First int64 `json:"first,omitzero"`
}

// verdict is what a stage makes of one document.
type verdict struct {
	keep    []data.Document // what goes on: usually the one that came in
	changed bool            // it is not as it came in
	drop    *Drop           // why nothing, or not all of it, goes on
	hits    []Hit
}

// judge is a stage that looks at one document at a time.
type judge interface {
	// judge is called from several goroutines, each with its own worker number, below parallel().
	judge(worker int, doc *data.Document) verdict
}

// finder is a stage that compares documents with each other: it reads all of them, then tells which are duplicates.
type finder interface {
	find(ctx context.Context, in *input) (originals, error)
}

// originals tells of which document another is a duplicate.
type originals interface {
	// of gives the number of the document that is kept in place of document n: n itself when it is kept. n counts up from 0.
	of(n int64) (int64, error)
	close() error
}

// summarizer is a stage that has more to say than what it dropped.
type summarizer interface {
	count(v *verdict) // every verdict, in the order of the documents
	summary() *Cleaned
}

// newStage makes a stage; work is a folder for what it spills.
func (r *run) newStage(name, work string) (any, error) {
	s := &r.set
	switch name {
	case NormaliseStage:
		return newNormaliser(s.Normalise), nil
	case LanguageStage:
		return newLanguages(s.Language)
	case QualityStage:
		return newQuality(s.Quality), nil
	case ExactStage:
		return &exact{r.spill(work)}, nil
	case NearStage:
		return newNear(s.Near, s.Seed, r.spill(work)), nil
	case CleanStage:
		return newCleaner(s.Decontaminate, r.items)
	}
	return nil, fmt.Errorf("%w: there is no stage %q", ErrSettings, name)
}

// options gives what decides a stage's output besides its input.
func (r *run) options(name string) any {
	s := &r.set
	switch name {
	case NormaliseStage:
		return s.Normalise
	case LanguageStage:
		return s.Language
	case QualityStage:
		return s.Quality
	case NearStage:
		return struct {
			NearOptions
			Seed uint64 `json:"seed"`
		}{s.Near, s.Seed}
	case CleanStage:
		return struct {
			CleanOptions
			Seed uint64 `json:"seed"`
			Sets string `json:"sets_sha256"`
		}{s.Decontaminate, s.Seed, r.items.key}
	}
	return struct{}{}
}
