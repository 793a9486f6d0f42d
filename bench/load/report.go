package load

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/primer-lm/primer/bench/speed"
)

// Report is one run of both servers.
type Report struct {
	Began   time.Time     `json:"began"`
	Machine speed.Machine `json:"machine"`
	Models  []*Result     `json:"models"`
}

// Result is what was measured on one model.
type Result struct {
	Model  string      `json:"model"` // with its sizes
	Corpus string      `json:"corpus"`
	Runs   []Augmented `json:"runs"`
	Crowd  string      `json:"crowd"`
	Crowds []Crowded   `json:"crowds"`
	Memory [][]int64   `json:"memory"` // of each crowd's server: resident bytes, once a second
}

// Write puts the report's Markdown and JSON below dir and returns the path of the former.
func (r *Report) Write(dir string) (string, error) {
	return speed.WriteReport(dir, "serving", &r.Machine, r.Began, r, r.Markdown)
}

// Markdown writes the report for people.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	m := &r.Machine
	fmt.Fprintf(&b, "# Serving, beside llama.cpp's server, %s\n\n", r.Began.UTC().Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "- CPU: %s (%s), %d cores, %d threads on both sides; %s\n", m.CPU, m.Model, m.Cores, m.Threads, strings.Join(m.Sets, " "))
	fmt.Fprintf(&b, "- Memory: %.1f GiB; %s\n", float64(m.Memory)/(1<<30), m.Kernel)
	b.WriteString("- Both servers hold the same bf16 weights (random) and tokenizer, one at a time, and get the same requests from the same " +
		"client over loopback. The client shares the cores.\n")
	for _, one := range r.Models {
		one.markdown(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n", r.Model)
	if len(r.Runs) > 0 {
		fmt.Fprintf(b, "\n%s\n\n| server | seconds | texts/s | prompt tokens | new tokens | × |\n|---|---|---|---|---|---|\n", r.Corpus)
		base := r.Runs[len(r.Runs)-1].Rate()
		for i := range r.Runs {
			a := &r.Runs[i]
			fmt.Fprintf(b, "| %s | %.1f | %.2f | %d | %d | %.2f |\n", a.Server, a.Took.Seconds(), a.Rate(), a.Prompt, a.New, a.Rate()/base)
		}
	}
	if len(r.Crowds) > 0 {
		fmt.Fprintf(b, "\n%s\n\n| server | answered | 429 | failed | new tokens/s | first token p50, p99 | between tokens p50, p99 | memory MiB at 10 s, at the end |\n"+
			"|---|---|---|---|---|---|---|---|\n", r.Crowd)
		for i, c := range r.Crowds {
			from, to := flat(r.Memory[i])
			fmt.Fprintf(b, "| %s | %d | %d | %d | %.0f | %v, %v | %v, %v | %d, %d |\n", c.Server, c.Answered, c.Busy, c.Failed, float64(c.New)/c.Took.Seconds(),
				short(c.First.P50), short(c.First.P99), short(c.Gaps.P50), short(c.Gaps.P99), from>>20, to>>20)
		}
	}
}

func short(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}

// flat gives the memory when the crowd had been there for ten seconds, and the most of the last ten.
func flat(memory []int64) (from, to int64) {
	if len(memory) == 0 {
		return 0, 0
	}
	return memory[min(10, len(memory)-1)], slices.Max(memory[max(0, len(memory)-10):])
}
