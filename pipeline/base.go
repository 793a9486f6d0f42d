package pipeline

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/train"
)

// The base is to the quickstart's synthesizer what Mistral-7B is to the paper's: a model that has read texts with questions
// and answers behind them, in plain layouts, and has learnt to find and copy there. It has never seen a synthesizer's tag,
// nor a name of any quickstart's world.
//
//go:embed base
var embeddedBase embed.FS

// Made says how a base was made; base.json in its folder holds it.
type Made struct {
	Parameters int64   `json:"parameters"`
	Steps      int64   `json:"steps"`
	Tokens     int64   `json:"tokens"`
	Loss       float64 `json:"last_loss"`
	Seed       uint64  `json:"seed"`
	Math       string  `json:"math"`
	Seconds    float64 `json:"seconds"`
	GoVersion  string  `json:"go_version"` // of the documentation that was read
	GoHash     string  `json:"go_sha256"`
}

const madeName = "base.json"

// baseSeed is the first of the seeds of the worlds that the base learns from.
const baseSeed = 1 << 32

// MakeBase trains the base and writes it to a new folder, weights in bf16. The run lies in s.Out. Its texts are of worlds of
// reserved names (sample.Options.Reserved), along a curriculum: texts of one fact that ask for names, then short texts
// beside them, then texts of every length, several a unit.
func MakeBase(ctx context.Context, s Settings, folder string) (*Made, error) {
	if _, err := durable.OS.Stat(folder); err == nil { // before the work, not after it
		return nil, fmt.Errorf("%s: %w: the base is written to a new folder", folder, fs.ErrExist)
	}
	s.Go.Packages = cmp.Or(s.BaseGo, s.Go.Packages)
	q := &quickstart{Settings: s, report: &Report{Seed: s.Seed}}
	if err := q.open(); err != nil {
		return nil, err
	}
	defer q.close()
	src, err := q.lessons()
	if err != nil {
		return nil, err
	}
	cfg := q.BaseTrain
	cfg.Seed = s.Seed
	res, err := q.fresh(ctx, "base-run", &q.Settings.Model, cfg, src, nil)
	if err != nil {
		return nil, err
	}
	made := &Made{Parameters: res.Plan.Params, Steps: res.Step, Tokens: res.Position.Tokens, Loss: res.Loss, Seed: cfg.Seed, Math: cfg.Math,
		Seconds: res.Seconds, GoVersion: q.docs.Version, GoHash: q.docs.Hash}
	return made, q.writeBase(res.Checkpoint, folder, made)
}

// lessons is what the base learns from, in stages.
func (q *quickstart) lessons() (train.Source, error) {
	var one, short, long [][]data.Example // per world: a chain is of one
	for i := range q.BaseWorlds {
		w := baseWorld(q.World, i)
		one, short, long = append(one, w.Tuning(sample.Warm)), append(short, w.Tuning(sample.Short)), append(long, w.Tuning(sample.Train))
	}
	docs := [][]data.Example{q.docs.Train}
	var stages []train.Stage
	for _, st := range []struct {
		steps int64
		sets  []baseSet
	}{
		{q.WarmSteps, []baseSet{{"one fact", one, 1, 1}}},
		{q.ShortSteps, []baseSet{{"one fact", one, 1, 1. / 3}, {"short", short, 1, 2. / 3}}},
		{0, []baseSet{{"short", short, q.Shots, q.TuneShort}, {"every length", long, q.Shots, 1 - q.TuneGo - q.TuneShort}, {"go", docs, q.Shots, q.TuneGo}}},
	} {
		src, err := q.readings(st.sets)
		if err != nil {
			return nil, err
		}
		stages = append(stages, train.Stage{Source: src, Steps: st.steps})
	}
	return train.Stages(stages...), nil
}

// baseWorld is one of the worlds that the base learns from.
func baseWorld(opt sample.Options, i int) *sample.World {
	opt.Reserved = true
	opt.HeldOut, opt.Raw, opt.HeldOutRaw, opt.Comprehension = 1, 1, 1, 1 // not used: the reserved names are few
	return sample.NewWorld(baseSeed+uint64(i), opt)
}

// baseSet is a share of the tokens of a stage: the examples of each world.
type baseSet struct {
	name   string
	worlds [][]data.Example
	shots  int // examples of a unit
	share  float64
}

// readings makes a ragged source of texts with their pairs in the layouts of the small template set.
func (q *quickstart) readings(sets []baseSet) (train.Source, error) {
	var parts []mix.Part
	for _, set := range sets {
		var texts []string
		for n, examples := range set.worlds {
			chains, err := chainsOf(examples, set.shots)
			if err != nil {
				return nil, err
			}
			texts = append(texts, render(chains, uint64(n))...)
		}
		units, err := q.units(texts)
		if err != nil {
			return nil, err
		}
		parts = append(parts, mix.Part{Name: set.name, Source: units, Weight: set.share})
	}
	return q.ragged(parts, q.BaseTrain.SeqLen)
}

// writeBase writes a checkpoint's weights as a folder in bf16, half the bytes of what training kept.
func (q *quickstart) writeBase(checkpoint, folder string, made *Made) error {
	from, err := hf.OpenFolder(checkpoint)
	if err != nil {
		return err
	}
	defer from.Close()
	m, err := model.OpenTrainer(q.backend, from.Config, model.Options{Tokens: 1, Docs: 1, MaxLen: 1, Math: kernels.F32, Moments: kernels.F32})
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.Load(from); err != nil {
		return err
	}
	tensor := func(v model.View, w io.Writer) error { return m.WriteView(w, m.State().Master, v.Name, kernels.BF16) }
	return durable.CommitDir(durable.OS, folder, func(dir *durable.Dir) error {
		if err := dir.WriteFile(madeName, indented(made)); err != nil {
			return err
		}
		return hf.WriteFolder(dir, hf.Output{Config: from.Config, DType: "BF16", Tokenizer: q.tok.JSON(), Tensor: tensor})
	})
}

// base is the folder of the base: the one that was given, or the embedded one, written out.
func (q *quickstart) base() (string, error) {
	if q.Base != "" {
		return q.Base, nil
	}
	folder := filepath.Join(q.Out, "base")
	return folder, durable.CommitDir(durable.OS, folder, func(dir *durable.Dir) error {
		files, err := fs.ReadDir(embeddedBase, "base")
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.Name() == durable.ManifestName { // the new folder gets its own
				continue
			}
			raw, err := embeddedBase.ReadFile("base/" + f.Name())
			if err != nil {
				return err
			}
			if err := dir.WriteFile(f.Name(), func(w io.Writer) error { _, err := w.Write(raw); return err }); err != nil {
				return err
			}
		}
		return nil
	})
}

// readMade reads how a base was made; nil where its folder does not say.
func readMade(folder string) (*Made, error) {
	raw, err := os.ReadFile(filepath.Join(folder, madeName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	made := &Made{}
	if err := json.Unmarshal(raw, made); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(folder, madeName), err)
	}
	return made, nil
}

// baseLine says what was not trained in this run.
func (r *Report) baseLine() string {
	if r.Base == nil {
		return "the synthesizer was tuned from a base that was given; the three arms started from fresh weights"
	}
	return fmt.Sprintf("the synthesizer was tuned from a base of %.2fM parameters that had read %s tokens of texts with questions about other names, in "+
		"layouts without tags (`make quickstart-base` trains it anew); the three arms started from fresh weights",
		float64(r.Base.Parameters)/1e6, progress.Count(r.Base.Tokens))
}
