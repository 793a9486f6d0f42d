package speed

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/primer-lm/primer/kernels"
)

func TestMediansAndSpread(t *testing.T) {
	m := Measured{Tokens: 100, Seconds: []float64{4, 1, 2, 3, 10}}
	if got := m.Rate(); got != 100.0/3 {
		t.Errorf("rate %v, want %v", got, 100.0/3)
	}
	if got := m.Spread(); got != 2.0/3 { // quartiles 2 and 4
		t.Errorf("spread %v, want %v", got, 2.0/3)
	}
	if got := Median([]float64{1, 2, 3, 8}); got != 2.5 {
		t.Errorf("median of four: %v", got)
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
	if !slices.Equal(m.Seconds, []float64{4, 1, 2, 3, 10}) {
		t.Error("measured times were reordered")
	}
}

func TestTurnOrder(t *testing.T) {
	for _, c := range []struct {
		ours, theirs int
		want         []int
	}{{1, 1, []int{0, 1}}, {2, 4, []int{0, 2, 1, 3, 0, 4, 1, 5}}, {2, 1, []int{0, 2, 1, 2}}, {2, 0, []int{0, 1}}, {0, 1, []int{0}}} {
		if got := turnOrder(c.ours, c.theirs); !slices.Equal(got, c.want) {
			t.Errorf("%d of ours, %d of theirs: %v, want %v", c.ours, c.theirs, got, c.want)
		}
	}
}

func TestSidesThatDisagreeAreRefused(t *testing.T) {
	a := &Measured{Side: "a", Losses: []float64{10, 9, 8}}
	for _, c := range []struct {
		losses []float64
		ok     bool
	}{{[]float64{10.05, 9, 8}, true}, {[]float64{10, 9, 8.2}, false}, {[]float64{10, math.NaN(), 8}, false}, {[]float64{10}, false}} {
		if err := agreeLosses(a, &Measured{Side: "b", Losses: c.losses}, 0.01); (err == nil) != c.ok {
			t.Errorf("losses %v: %v", c.losses, err)
		}
	}
	for _, c := range []struct {
		logits []float64
		ok     bool
	}{{[]float64{1.04, -2}, true}, {[]float64{1, 2}, false}, {[]float64{1}, false}, {[]float64{1, math.NaN()}, false}} {
		if err := agreeLogits([]float64{1, -2}, c.logits, 0.05); (err == nil) != c.ok {
			t.Errorf("logits %v: %v", c.logits, err)
		}
	}
}

func TestMachine(t *testing.T) {
	var m Machine
	m.readCPU(strings.NewReader("processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz\ncpu family\t: 6\nmodel\t: 143\n" +
		"stepping\t: 8\nflags\t\t: fpu fma avx2 avx512f amx_bf16\n\nprocessor\t: 1\nmodel name\t: another\n"))
	if m.Slug() != "intel-xeon-platinum-8481c" || m.Model != "family 6 model 143 stepping 8" ||
		!slices.Equal(m.Sets, []string{"fma", "avx2", "avx512f", "amx_bf16"}) {
		t.Errorf("%q: %+v", m.Slug(), m)
	}
	if got := StatusBytes("Name:\tx\nVmHWM:\t  12 kB\nVmRSS:\t 7 kB\n", "VmRSS"); got != 7<<10 {
		t.Errorf("VmRSS: %d", got)
	}
}

func TestReport(t *testing.T) {
	r := Report{What: "training", Began: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC),
		Machine: Machine{CPU: "AMD EPYC", Threads: 2, Peaks: kernels.Peaks{GEMM32: 100e9, GEMM16: 200e9}},
		Races: []Result{{Shape: tiny(), FLOPs: 1e9, Rounds: 3, Sides: []Measured{
			{Side: "ours bf16", Ours: true, Work: WorkTrain, Is: "primer", Tokens: 32, Seconds: []float64{0.4, 0.4}, CPU: 1.2, Peak: 9 << 20, Base: 2 << 20},
			{Side: "peer f32", Work: WorkTrain, Is: "Peer 1", Tokens: 32, Seconds: []float64{0.8, 0.8}}}}}}
	dir := t.TempDir()
	path, err := r.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ours 2.00× theirs", "| ours bf16 | 80 | 0.0 % | 2.00 | 40 % | 1.50 | 7 / 9 |", "| peer f32 | 40 | 0.0 % | 1.00 | 40 % |", "- peer f32: Peer 1"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q:\n%s", path, want, text)
		}
	}
	if want := dir + "/training_amd-epyc_2026-01-02.md"; path != want {
		t.Errorf("written to %s, want %s", path, want)
	}
	raw, err := os.ReadFile(strings.TrimSuffix(path, "md") + "json")
	var back Report
	if err != nil || json.Unmarshal(raw, &back) != nil || back.Races[0].Sides[1].Seconds[0] != 0.8 {
		t.Errorf("raw JSON: %v", err)
	}
}

// TestRaceOfTwoOfOurs runs the whole harness on a tiny model: processes, turns, agreement, both kinds of work.
func TestRaceOfTwoOfOurs(t *testing.T) {
	shape, dir := tiny(), t.TempDir()
	for kind, works := range map[string][]string{"train": {WorkTrain}, "generate": {WorkPrefill, WorkDecode, WorkBatched}} {
		job := jobOf(t, kind, dir, &shape, 2)
		race := Race{Shape: &shape, Rounds: 2, Log: t.Logf}
		for _, mode := range []string{"f32", "bf16"} {
			job.Mode = mode
			race.Ours(self(t, "ours "+mode, job))
		}
		for _, work := range works {
			sides, err := race.Run(work, 3, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range sides {
				if len(m.Seconds) != 2 || !(m.Rate() > 0) || m.Peak < m.Base {
					t.Errorf("%s: %+v", work, m)
				}
			}
		}
		if err := race.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestProfilerAddsUp(t *testing.T) {
	shape := tiny()
	p, side := profiled(t, &shape, "f32")
	if _, err := side.turn(Turn{Work: WorkTrain, Count: 2}); err != nil {
		t.Fatal(err)
	}
	c := &shape.Config
	flops := 0.0
	for _, s := range p.Spent {
		flops += s.FLOPs
	}
	// Every matrix is in three products a step; attention is not counted.
	want := 2 * 3 * 2 * float64(shape.BatchTokens()) * float64(c.VocabSize*c.HiddenSize+c.NumHiddenLayers*c.HiddenSize*(4*c.HiddenSize+3*c.IntermediateSize))
	if flops != want {
		t.Errorf("%v FLOPs in products, want %v", flops, want)
	}
	if table := p.Table(2, 1e9); !strings.Contains(table, "| attention backward | 2 |") || !strings.Contains(table, "| adamw | 1 |") {
		t.Errorf("table:\n%s", table)
	}
}

// jobOf writes the fixtures of a kind of job.
func jobOf(t testing.TB, kind, dir string, s *Shape, threads int) Job {
	t.Helper()
	write := trainJob
	if kind == "generate" {
		write = generateJob
	}
	job, err := write(dir, s, threads)
	if err != nil {
		t.Fatal(err)
	}
	return job
}
