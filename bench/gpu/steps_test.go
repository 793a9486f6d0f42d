package gpu

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a step leaves goes to those behind it, in proportion; the whole never ends later.
func TestBudget(t *testing.T) {
	start := time.Unix(0, 0)
	seconds := func(n float64) time.Time { return start.Add(time.Duration(n * float64(time.Second))) }
	b := newBudget(start, 100*time.Second+reserve, []time.Duration{10 * time.Second, 30 * time.Second, 10 * time.Second, time.Second})
	for i, c := range []struct{ now, want float64 }{
		{0, 100 * 10 / 51.},  // 100 s for shares of 51
		{10, 10 + 90*30/41.}, // the first ended early
		{99, 99 + 1*10/11.},  // the second took long
		{101, 101},           // nothing is left
	} {
		if got := b.next(seconds(c.now)); got.Sub(seconds(c.want)).Abs() > time.Millisecond {
			t.Errorf("step %d ends %v after the start, want %v s", i, got.Sub(start), c.want)
		}
	}
}

// The shares of the whole check fit into its nine minutes, and every part can be asked for.
func TestSharesFit(t *testing.T) {
	total, all := reserve, steps(fullShapes())
	for _, s := range all {
		total += s.share
	}
	if total > limit {
		t.Errorf("the steps should take %v, more than %v", total, limit)
	}
	for _, part := range partNames {
		if n := len(chosen(all, part)); n < 3 || n >= len(all) {
			t.Errorf("part %s has %d of %d steps", part, n, len(all))
		}
	}
	if totalTime(0, all) > limit || totalTime(time.Minute, all) != time.Minute {
		t.Errorf("%v, and %v when a minute is asked for", totalTime(0, all), totalTime(time.Minute, all))
	}
}

// A step that takes longer than its time is stopped, a step that fails is one that failed, and those behind them run.
func TestStepsGoOn(t *testing.T) {
	k := &check{Options: Options{Out: filepath.Join(t.TempDir(), "out"), Log: &bytes.Buffer{}}, outputs: map[string]string{}}
	k.runSteps(t.Context(), []step{
		{"", "fails", "", 3 * time.Second, func(*check, context.Context) error { return errors.New("broken") }},
		{"", "hangs", "", 3 * time.Second, func(k *check, ctx context.Context) error {
			k.record(Case{Kind: kindOp, Name: "measured before", Side: oursSide}, Answer{})
			<-ctx.Done()
			return ctx.Err()
		}},
		{"", "is absent", "", 3 * time.Second, func(*check, context.Context) error { return errNotRun }},
		{"", "works", "", 3 * time.Second, func(*check, context.Context) error { return nil }},
	}, reserve+10*time.Second)
	var got []string
	for _, s := range k.states {
		got = append(got, s.Step+": "+s.Why)
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{"fails: broken", "hangs: stopped after ", "is absent: not run", "works: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if len(k.states) != 4 || !k.states[3].OK || k.states[1].OK || k.states[1].NotRun || !k.states[2].NotRun || k.verdict() == nil {
		t.Errorf("states %+v", k.states)
	}
	raw, err := os.ReadFile(filepath.Join(k.Out, recordsFile))
	if err != nil || !strings.Contains(string(raw), "measured before") {
		t.Errorf("records %q, %v", raw, err)
	}
}

// Without time no step begins, and each says so.
func TestNoTime(t *testing.T) {
	k := &check{Options: Options{Out: t.TempDir(), Log: &bytes.Buffer{}}, outputs: map[string]string{}}
	k.runSteps(t.Context(), []step{{"", "late", "", time.Second, func(*check, context.Context) error { panic("begun") }}}, time.Second)
	if len(k.states) != 1 || !k.states[0].NotRun || !strings.Contains(k.states[0].Why, "no time was left") {
		t.Errorf("states %+v", k.states)
	}
}
