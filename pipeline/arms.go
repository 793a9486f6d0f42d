package pipeline

import (
	"context"
	"fmt"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/templates"
	"github.com/primer-lm/primer/train"
)

// The arms, as the report names them.
const (
	Vanilla  = "vanilla"
	Mix      = "mix"
	Instruct = "instruct"
)

// Arms lists them in the order they are trained.
var Arms = []string{Vanilla, Mix, Instruct}

// arm pre-trains one arm from scratch: the same model, tokens, seed and schedule; only the mixture differs.
func (q *quickstart) arm(name string) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error {
		m, err := q.mixture(name)
		if err != nil {
			return err
		}
		cfg := q.Settings.Arms
		cfg.Seed = q.Seed
		curve := &Curve{Arm: name}
		res, err := q.fresh(ctx, name, &q.ArmsModel, cfg, train.Packed(m), func(r train.StepRecord) error {
			curve.Losses = append(curve.Losses, r.Loss)
			curve.Tokens = append(curve.Tokens, r.Tokens)
			return nil
		})
		if err != nil {
			return err
		}
		q.report.Curves = append(q.report.Curves, *curve)
		if q.report.Arms == nil {
			q.report.Arms = map[string]*Arm{}
		}
		q.report.Arms[name] = &Arm{Tokens: res.Position.Tokens, Checkpoint: res.Checkpoint, Taken: res.Taken}
		st.Tokens, st.Note = res.Position.Tokens, fmt.Sprintf("last loss %.3f", res.Loss)
		return nil
	}
}

// mixture is an arm's data: each unit, a text or a chain, is BOS + text + EOS, packed into rows; attention stays within
// units. Every arm's budget is the same number of tokens.
func (q *quickstart) mixture(arm string) (*mix.Mixture, error) {
	raw, augmented, tuning := 1.0, 0.0, 0.0
	switch arm {
	case Mix:
		raw, tuning = 1-q.TuningShare, q.TuningShare
	case Instruct:
		raw, tuning = q.RawShare, q.TuningShare
		augmented = 1 - raw - tuning
	}
	var parts []mix.Part
	for _, p := range []struct {
		name  string
		share float64
		texts func() ([]string, error)
	}{{"raw", raw, q.rawTexts}, {"augmented", augmented, q.augmentedTexts}, {"tuning", tuning, q.tuningTexts}} {
		if p.share == 0 {
			continue
		}
		texts, err := p.texts()
		if err != nil {
			return nil, err
		}
		units, err := q.units(texts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		parts = append(parts, mix.Part{Name: p.name, Source: units, Weight: p.share})
	}
	a := &q.Settings.Arms
	return mix.New(parts, mix.Options{Seed: q.Seed, Length: int(a.SeqLen), Budget: a.Steps * a.BatchTokens, Separate: true})
}

func (q *quickstart) rawTexts() ([]string, error) {
	var out []string
	for _, d := range q.raw {
		out = append(out, d.Text)
	}
	return out, nil
}

func (q *quickstart) augmentedTexts() ([]string, error) { return render(q.chains, q.Seed), nil }

func (q *quickstart) tuningTexts() ([]string, error) {
	chains, err := chainsOf(q.tuning, q.Rounds)
	return render(chains, q.Seed), err
}

// chainsOf groups examples by dataset, so many a chain.
func chainsOf(examples []data.Example, shots int) ([]data.Chain, error) {
	var chains []data.Chain
	for c, err := range templates.Group(data.All(examples), shots) {
		if err != nil {
			return nil, err
		}
		chains = append(chains, c)
	}
	return chains, nil
}

// render takes the small set of templates: a model of this size sees each pattern of the full set once or never.
func render(chains []data.Chain, seed uint64) []string {
	var out []string
	for i := range chains {
		if r := templates.Small().Render(&chains[i], seed); r.Text != "" {
			out = append(out, r.Text)
		}
	}
	return out
}

func (q *quickstart) units(texts []string) (*mix.Units, error) {
	ids, err := q.tok.EncodeBatch(texts, true)
	if err != nil {
		return nil, err
	}
	for i := range ids {
		ids[i] = append(q.tok.WithBOS(ids[i]), q.codec.EOS())
	}
	return mix.NewUnits(ids, nil)
}
