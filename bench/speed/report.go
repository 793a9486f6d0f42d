package speed

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
)

// Report is one run of bench/speed, as its JSON file holds it.
type Report struct {
	What    string    `json:"what"` // "training" or "generation"
	Began   time.Time `json:"began"`
	Machine Machine   `json:"machine"`
	Races   []Result  `json:"races"`
}

// Result is one shape's race.
type Result struct {
	Shape  Shape      `json:"shape"`
	FLOPs  float64    `json:"flops_per_token"` // of a training step; of a prefilled token in generation
	Rounds int        `json:"rounds"`
	Sides  []Measured `json:"sides"`
}

// Write puts the report's Markdown and JSON below dir and returns the path of the former.
func (r *Report) Write(dir string) (string, error) {
	return WriteReport(dir, r.What, &r.Machine, r.Began, r, r.Markdown)
}

// WriteReport writes a report of what was measured on a machine below dir, as JSON and as Markdown, and returns the path of the latter.
func WriteReport(dir, what string, m *Machine, began time.Time, report any, markdown func(io.Writer) error) (string, error) {
	base := filepath.Join(dir, fmt.Sprintf("%s_%s_%s", what, m.Slug(), began.Format(time.DateOnly)))
	raw, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		return "", err
	}
	if err := durable.WriteFile(durable.OS, base+".json", func(w io.Writer) error { _, err := w.Write(append(raw, '\n')); return err }); err != nil {
		return "", err
	}
	return base + ".md", durable.WriteFile(durable.OS, base+".md", markdown)
}

// Markdown writes the report for people.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	m := &r.Machine
	fmt.Fprintf(&b, "# %s, end to end, %s\n\n", strings.ToUpper(r.What[:1])+r.What[1:], r.Began.UTC().Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "- CPU: %s (%s), %d cores, %d threads on every side; %s\n", m.CPU, m.Model, m.Cores, m.Threads, strings.Join(m.Sets, " "))
	fmt.Fprintf(&b, "- Memory: %.1f GiB; %s\n", float64(m.Memory)/(1<<30), m.Kernel)
	fmt.Fprintf(&b, "- Peaks measured before and after the run: f32 %s GFLOP/s, bf16 %s GFLOP/s, copy %s GB/s\n",
		beforeAfter(m.Peaks.GEMM32, m.After.GEMM32), beforeAfter(m.Peaks.GEMM16, m.After.GEMM16), beforeAfter(m.Peaks.Copy, m.After.Copy))
	b.WriteString("- Sides took turns, ours before each of theirs; tokens/s are medians over all turns, spread is the range of the middle half " +
		"of the times over their median, ratios are of medians. Memory is resident bytes at most; the part before the slash is without " +
		"what the process held before it opened the model.\n")
	for i := range r.Races {
		r.Races[i].markdown(&b, m.Peaks)
	}
	b.WriteString("\n## Sides\n\n")
	r.sides(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func beforeAfter(a, b float64) string { return fmt.Sprintf("%.0f / %.0f", a/1e9, b/1e9) }

func (r *Result) markdown(b *strings.Builder, peaks kernels.Peaks) {
	s, c := &r.Shape, &r.Shape.Config
	fmt.Fprintf(b, "\n## %s: hidden %d, intermediate %d, %d layers, %d heads, vocabulary %d%s, T %d\n", s.Name, c.HiddenSize, c.IntermediateSize,
		c.NumHiddenLayers, c.NumHeads, c.VocabSize, map[bool]string{true: " tied"}[c.TieWordEmbeddings], s.T)
	for _, work := range []string{WorkTrain, WorkPrefill, WorkDecode, WorkBatched} {
		all := r.of(work)
		if len(all) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s, %d rounds:\n\n", s.describe(work), r.Rounds)
		b.WriteString("| side | tokens/s | spread | × their best | of GEMM peak | cores busy | memory MiB |\n|---|---|---|---|---|---|---|\n")
		best := fastest(all, work, false)
		for _, m := range all {
			fmt.Fprintf(b, "| %s | %.0f | %.1f %% | %s | %s | %s | %.0f / %.0f |\n", m.Side, m.Rate(), 100*m.Spread(), ratio(m, best),
				r.ofPeak(m, peaks), cores(m), float64(m.Peak-m.Base)/(1<<20), float64(m.Peak)/(1<<20))
		}
		if ours := fastest(all, work, true); ours != nil && best != nil {
			fmt.Fprintf(b, "\n**%s %s: ours %.2f× theirs** (%s beside %s)\n", s.Name, work, ours.Rate()/best.Rate(), ours.Side, best.Side)
		}
	}
}

func (s *Shape) describe(work string) string {
	switch work {
	case WorkTrain:
		return fmt.Sprintf("Training, %d rows of %d tokens a step", s.Rows, s.T)
	case WorkPrefill:
		return fmt.Sprintf("Prefill of %d tokens, to the first new one", s.T)
	case WorkDecode:
		return fmt.Sprintf("Decode of %d tokens behind %d, one sequence", s.New, s.Prompt)
	}
	return fmt.Sprintf("Decode of %d tokens behind %d, %d sequences at once", s.New, s.Prompt, s.Seqs)
}

func (r *Result) of(work string) (out []*Measured) {
	for i := range r.Sides {
		if r.Sides[i].Work == work {
			out = append(out, &r.Sides[i])
		}
	}
	return out
}

// cores is a dash where processor time says nothing.
func cores(m *Measured) string {
	if math.IsNaN(m.Cores()) {
		return "–"
	}
	return fmt.Sprintf("%.2f", m.Cores())
}

func ratio(m, best *Measured) string {
	if best == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", m.Rate()/best.Rate())
}

// ofPeak is the share of the peak of a side's own dtype that training or prefill reaches: multiply-adds of the model as
// Config.FLOPs counts them, three times those for training, nothing that a side computes beyond.
func (r *Result) ofPeak(m *Measured, peaks kernels.Peaks) string {
	peak := peaks.GEMM32
	if strings.Contains(m.Side, "bf16") && peaks.GEMM16 > 0 {
		peak = peaks.GEMM16
	}
	if (m.Work != WorkTrain && m.Work != WorkPrefill) || peak == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*m.Rate()*r.FLOPs/peak)
}

func (r *Report) sides(b *strings.Builder) {
	seen := map[string]bool{}
	for _, race := range r.Races {
		for _, m := range race.Sides {
			if line := fmt.Sprintf("- %s: %s; %s\n", m.Side, m.Is, strings.Join(m.Settings, "; ")); !seen[line] {
				seen[line] = true
				b.WriteString(line)
			}
		}
	}
}

// prefillFLOPs is the operations of a prompt of T tokens, per token: the output matrix is multiplied with the last only.
func prefillFLOPs(s *Shape) float64 {
	c := &s.Config
	head := 2 * float64(c.VocabSize) * float64(c.HiddenSize)
	return c.FLOPs(int64(s.T)) - head + head/float64(s.T)
}
