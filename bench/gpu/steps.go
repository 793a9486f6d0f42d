package gpu

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// step is a part of the check that succeeds or fails as a whole.
type step struct {
	part  string        // "ops", "train" or "decode": what --part chooses
	name  string        // in records and in the summary
	about string        // for people
	share time.Duration // of the time: how long it should take on an H200
	run   func(*check, context.Context) error
}

// State is how a step ended.
type State struct {
	Step, About string
	OK          bool
	NotRun      bool   // nothing of it was measured, since something is missing here
	Why         string // it is not OK
	Seconds     float64
}

// errNotRun marks a step for which something is missing on this machine.
var errNotRun = errors.New("not run")

// partNames lists what --part takes, beside "all".
var partNames = []string{"ops", "train", "decode"}

// steps lists the whole check in order.
func steps(s *Shapes) []step {
	all := []step{
		{"", "device", "what it runs on; first and later start; peaks", 45 * time.Second, (*check).describeDevice},
		{"ops", "conformance", "every op against the reference, on the device", 60 * time.Second, (*check).conformance},
		{"ops", "memcheck", "compute-sanitizer memcheck, every op on small shapes", 30 * time.Second, sanitizerStep("memcheck")},
		{"ops", "racecheck", "compute-sanitizer racecheck, every op on small shapes", 40 * time.Second, sanitizerStep("racecheck")},
		{"ops", "op times", "every op at shapes of training", 30 * time.Second, (*check).opTimes},
		{"ops", "attention", "attention beside PyTorch's SDPA", 70 * time.Second, (*check).attentionTimes},
	}
	for _, c := range s.Training {
		all = append(all,
			step{"train", "train " + c.Model, "training " + c.Model, 15 * time.Second, func(k *check, ctx context.Context) error {
				return k.one(ctx, oursSide, c)
			}},
			step{"train", "train " + c.Model + " PyTorch", "the same by torch.compile and SDPA", 75 * time.Second, func(k *check, ctx context.Context) error {
				return k.one(ctx, torchSide, c)
			}})
	}
	var models []string
	for _, c := range s.Generate {
		if len(models) == 0 || models[len(models)-1] != c.Model {
			models = append(models, c.Model)
		}
	}
	for _, m := range models {
		all = append(all, step{"decode", "generate " + m, "prefill and decode of " + m, 35 * time.Second, func(k *check, ctx context.Context) error {
			return k.generation(ctx, m)
		}})
	}
	return all
}

// chosen returns the steps of a part, those that every part needs among them.
func chosen(all []step, part string) (out []step) {
	for _, s := range all {
		if part == "all" || s.part == "" || s.part == part {
			out = append(out, s)
		}
	}
	return out
}

// runSteps takes steps one after another within their time. Whatever happens to one, the next is taken.
func (k *check) runSteps(ctx context.Context, all []step, total time.Duration) {
	var shares []time.Duration
	for _, s := range all {
		shares = append(shares, s.share)
	}
	b := newBudget(time.Now(), total, shares)
	k.machine = readMachine(ctx)
	for i, s := range all {
		k.waiting = names(all[i+1:])
		began := time.Now()
		state := State{Step: s.name, About: s.about}
		if err := k.runStep(ctx, s, b.next(began)); err != nil {
			state.Why, state.NotRun = err.Error(), errors.Is(err, errNotRun) && !k.measured(s.name)
		}
		state.OK, state.Seconds = state.Why == "", time.Since(began).Seconds()
		k.states = append(k.states, state)
		k.say("%s: %s (%.1f s)", s.name, map[bool]string{true: "ok", false: state.Why}[state.OK], state.Seconds)
		k.save()
	}
}

func (k *check) runStep(ctx context.Context, s step, end time.Time) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: interrupted before", errNotRun)
	}
	if left := time.Until(end); left < leastTime {
		return fmt.Errorf("%w: no time was left", errNotRun)
	}
	k.step = s.name
	allowed, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	began := time.Now()
	err := s.run(k, allowed)
	if err != nil && allowed.Err() != nil {
		return fmt.Errorf("stopped after %.0f s, the time it is given: %w", time.Since(began).Seconds(), err)
	}
	return err
}

// measured reports whether a step has a result.
func (k *check) measured(step string) bool {
	for _, r := range k.records {
		if r.Step == step && r.Error == "" {
			return true
		}
	}
	return false
}

func names(all []step) (names []string) {
	for _, s := range all {
		names = append(names, s.name)
	}
	return names
}
