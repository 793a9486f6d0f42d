package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/curate"
	"github.com/primer-lm/primer/data/datasets"
	"github.com/primer-lm/primer/data/export"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/data/templates"
	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/serve"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/synth/job"
	"github.com/primer-lm/primer/tokenizer"
	"github.com/primer-lm/primer/train"
	"github.com/primer-lm/primer/train/rundir"
)

// The exit codes of every command.
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2  // wrong flags or configuration
	exitMisfit      = 3  // does not fit the device
	exitData        = 4  // data or model files invalid
	exitInterrupted = 75 // interrupted, and the same command goes on (EX_TEMPFAIL)
)

// The errors behind each exit code. model.ErrConfig is a bad config.json: an architecture that the user wrote is checked, as
// usage, before (training.checkModel).
var (
	interruptions = []error{context.Canceled, train.ErrInterrupted, job.ErrBusy}
	misfits       = []error{kernels.ErrOutOfMemory, train.ErrMisfit}
	badData       = []error{data.ErrEmpty, data.ErrNoFile, data.ErrFormat, data.ErrBroken, data.ErrLimit, data.ErrStream, data.ErrChanged, datasets.ErrMissing, durable.ErrDamaged,
		mix.ErrShort, mix.ErrLong, shard.ErrDamaged, shard.ErrNotShards, shard.ErrTokenizer, shard.ErrUnit, train.ErrDataEnded,
		model.ErrConfig, hf.ErrConfig, hf.ErrHeader, hf.ErrIndex, hf.ErrTensor, hf.ErrFile, hf.ErrChanged, hf.ErrVocabulary,
		tokenizer.ErrInvalid, tokenizer.ErrUnsupported, tokenizer.ErrTextTooLong, eval.ErrRequest, synth.ErrNoSpecials, rundir.ErrNoCheckpoint,
		serve.ErrTemplate, curate.ErrTooMany, curate.ErrChanged}
	badUse = []error{datasets.ErrName, datasets.ErrOther, export.ErrOption, train.ErrConfig, mix.ErrSpec, shard.ErrOther, templates.ErrTemplate, rundir.ErrOtherConfig, rundir.ErrNotRun,
		kernels.ErrNoDevice, kernels.ErrUnknownForced, generate.ErrTooLong, generate.ErrBadRequest, synth.ErrOptions, job.ErrOther, job.ErrNotJob,
		serve.ErrOptions, curate.ErrSettings, curate.ErrNotCuration}
)

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// errQuiet is wrapped by errors that the command has told about already.
var errQuiet = errors.New("reported")

// exitCode maps an error to what scripts and schedulers act on.
func exitCode(err error) int {
	var use *usageError
	var told *codeError
	is := func(targets []error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.As(err, &use):
		return exitUsage
	case errors.As(err, &told):
		return told.code
	case is(interruptions):
		return exitInterrupted
	case is(misfits):
		return exitMisfit
	case is(badData):
		return exitData
	case is(badUse):
		return exitUsage
	}
	return exitFailure
}
