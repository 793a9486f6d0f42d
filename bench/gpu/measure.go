package gpu

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// describeDevice opens the device twice: with nothing compiled yet, and again. What the tables cannot do without comes first.
func (k *check) describeDevice(ctx context.Context) error {
	err := k.all(ctx, oursSide, []Case{{Kind: kindStart, Name: "first"}, {Kind: kindDescribe}, {Kind: kindPeaks}})
	k.findModes()
	err = errors.Join(err, k.one(ctx, oursSide, Case{Kind: kindStart, Name: "later"}))
	_ = k.one(ctx, torchSide, Case{Kind: kindDescribe}) // what is missing is said by the steps that need it
	return err
}

// findModes takes the variants of attention from the device's description, where there is one.
func (k *check) findModes() {
	for _, r := range k.records {
		if r.Kind == kindDescribe && r.Side == oursSide && r.Error == "" {
			k.modes = r.Modes
		}
	}
}

// opTimes measures every op at the shapes of every layer.
func (k *check) opTimes(ctx context.Context) error {
	var cases []Case
	for _, l := range k.shapes.Layers {
		for _, name := range opNames() {
			cases = append(cases, Case{Kind: kindOp, Name: name, Model: l.Model, T: l.T, Rounds: k.shapes.Rounds})
		}
	}
	return k.all(ctx, oursSide, cases)
}

// generation measures all the cases of one model in one process.
func (k *check) generation(ctx context.Context, model string) error {
	var cases []Case
	for _, c := range k.shapes.Generate {
		if c.Model == model {
			cases = append(cases, c)
		}
	}
	return k.all(ctx, oursSide, cases)
}

// sdpa are the back ends of scaled_dot_product_attention, as tools/gpucheck/attention.py calls them.
var sdpa = []string{"flash", "efficient", "cudnn"}

// passes maps a pass of attention to what the names of its variants begin with.
var passes = map[string]string{"forward": "attention=", "backward": "attention_backward="}

func withPrefix(modes []string, prefix string) (out []string) {
	for _, m := range modes {
		if strings.HasPrefix(m, prefix) {
			out = append(out, m)
		}
	}
	return out
}

// attentionTimes asks both sides in turns, shape by shape: ours with every variant of the pass, then each back end of SDPA.
func (k *check) attentionTimes(ctx context.Context) error {
	if len(k.modes) == 0 { // the step that asks was stopped
		if err := k.one(ctx, oursSide, Case{Kind: kindDescribe}); err != nil {
			return err
		}
		k.findModes()
	}
	ours, theirs := k.keep(ctx, oursSide), k.keep(ctx, torchSide)
	var problems []error
	asked := 0
	ask := func(s *keeper, c Case, mode string) {
		c.Mode = mode
		asked++
		if err := s.ask(c); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", c.what(), err))
		}
	}
	for _, c := range k.shapes.Attention {
		for _, mode := range withPrefix(k.modes, passes[c.Name]) {
			ask(ours, c, mode)
		}
		for _, mode := range sdpa {
			ask(theirs, c, mode)
		}
	}
	return errors.Join(summed(problems, asked), ours.close(), theirs.close())
}
