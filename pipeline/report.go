package pipeline

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/synth"
)

// Report is what a quickstart measured; report.json holds it.
type Report struct {
	Seed    uint64  `json:"seed"`
	Seconds float64 `json:"seconds"`
	Stages  []Stage `json:"stages"`

	ParsedShare   float64            `json:"parsed_share"`
	PairsPerText  float64            `json:"pairs_per_text"`
	TokensPerPair float64            `json:"tokens_per_pair"`
	Synthesis     synth.Report       `json:"synthesis"`
	Verification  synth.FilterCounts `json:"verification"`

	Base        *Made          `json:"base,omitempty"` // what the synthesizer was tuned from
	SynthF1     float64        `json:"synth_f1"`
	Synthesizer eval.PairScore `json:"synthesizer"`

	Arms        map[string]*Arm `json:"arms"`
	LeadVanilla lead            `json:"instruct_leads_vanilla_by_standard_errors"`
	LeadMix     lead            `json:"instruct_leads_mix_by_standard_errors"`
	Curves      []Curve         `json:"curves"`
	Examples    []Shown         `json:"examples"`

	GoVersion  string        `json:"go_version"` // of the documentation that was read
	GoHash     string        `json:"go_sha256"`
	GoPackages int           `json:"go_packages"`
	Peaks      kernels.Peaks `json:"peaks"`
	Math       string        `json:"math"` // of the matrix products
}

// lead is a difference in standard errors; null where they are zero.
type lead float64

// MarshalJSON implements json.Marshaler.
func (l lead) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(l)) || math.IsInf(float64(l), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(l))
}

// Stage is one part of the run.
type Stage struct {
	Name            string  `json:"name"`
	Seconds         float64 `json:"seconds"`
	Tokens          int64   `json:"tokens,omitempty"`
	TokensPerSecond float64 `json:"tokens_per_second,omitempty"`
	Note            string  `json:"note,omitempty"`
}

func (s *Stage) describe() string {
	out := fmt.Sprintf("%6.1f s", s.Seconds)
	if s.Tokens > 0 {
		out += fmt.Sprintf(", %s tokens, %s tokens/s", progress.Count(s.Tokens), progress.Count(s.TokensPerSecond))
	}
	if s.Note != "" {
		out += ": " + s.Note
	}
	return out
}

// Arm is one pre-trained model and its scores. Accuracy and Stderr are of the closed-book questions, options ranked by mean
// log-probability per token; Perplexity is per token on Go documentation that no model was trained on.
type Arm struct {
	Accuracy   float64                 `json:"accuracy"`
	Stderr     float64                 `json:"stderr"`
	Chance     float64                 `json:"chance"`
	Questions  int                     `json:"questions"`
	Perplexity float64                 `json:"perplexity"`
	Tokens     int64                   `json:"tokens"`
	Tests      map[string]eval.Choices `json:"tests"`
	GoText     eval.TextLoss           `json:"go_text"`
	WorldText  eval.TextLoss           `json:"world_text"`
	Taken      any                     `json:"mixture"`
	Checkpoint string                  `json:"checkpoint"`
}

// Curve is an arm's training loss, step by step.
type Curve struct {
	Arm    string    `json:"arm"`
	Tokens []int64   `json:"tokens"`
	Losses []float64 `json:"losses"`
}

// Shown is a generated example to read.
type Shown struct {
	Text  string      `json:"text"`
	Pairs []data.Pair `json:"pairs"`
}

// write puts report.json, report.md and report.png into a folder.
func (r *Report) write(fsys durable.FS, dir string) error {
	if err := writeJSON(fsys, filepath.Join(dir, "report.json"), r); err != nil {
		return err
	}
	if err := durable.WriteFile(fsys, filepath.Join(dir, "report.png"), r.Plot); err != nil {
		return err
	}
	return durable.WriteFile(fsys, filepath.Join(dir, "report.md"), r.Markdown)
}

func writeJSON(fsys durable.FS, name string, v any) error {
	return durable.WriteFile(fsys, name, indented(v))
}

func indented(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(v)
	}
}

// tests are the columns of the arms' table.
var tests = []struct{ name, title string }{
	{"closed_book", "closed book"}, {"recall", "recall"}, {"cloze", "cloze"}, {"comprehension", "comprehension"},
}

// rows is the table of the arms, header first.
func (r *Report) rows() [][]string {
	head := []string{"arm"}
	for _, t := range tests {
		head = append(head, t.title)
	}
	out := [][]string{append(head, "perplexity, Go text", "perplexity, world text")}
	for _, name := range Arms {
		arm := r.Arms[name]
		row := []string{name}
		for _, t := range tests {
			s := arm.Tests[t.name].AccMean
			row = append(row, fmt.Sprintf("%.3f ± %.3f", s.Mean, s.Stderr))
		}
		out = append(out, append(row, fmt.Sprintf("%.1f", arm.GoText.Perplexity), fmt.Sprintf("%.1f", arm.WorldText.Perplexity)))
	}
	chance := []string{"chance"}
	for _, t := range tests {
		chance = append(chance, fmt.Sprintf("%.3f", r.Arms[Vanilla].Tests[t.name].Chance))
	}
	return append(out, append(chance, "", ""))
}

// Print writes the report for a terminal.
func (r *Report) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.rows() {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n%s\n%s\n%s\n", r.synthesizerLine(), r.baseLine(), r.leadLine(), r.sourceLine())
	for _, ex := range r.Examples {
		fmt.Fprintf(w, "\n%s\n", ex.Text)
		for _, p := range ex.Pairs {
			fmt.Fprintf(w, "  Q: %s\n", p.Instruction)
			for _, o := range p.Options {
				fmt.Fprintf(w, "     - %s\n", o)
			}
			if p.Thought != "" {
				fmt.Fprintf(w, "     (%s)\n", p.Thought)
			}
			fmt.Fprintf(w, "  A: %s\n", p.Response)
		}
	}
	return err
}

func (r *Report) synthesizerLine() string {
	rounds := ""
	for i, s := range r.Synthesizer.ByRound {
		rounds += fmt.Sprintf(", round %d %.3f", i+1, s.Mean)
	}
	return fmt.Sprintf("synthesizer: token F1 %.3f ± %.3f on %d unseen texts%s; %.1f%% of the pieces parsed, %.2f pairs a text, %.1f tokens a pair, %d of %d pairs verified",
		r.SynthF1, r.Synthesizer.F1.Stderr, r.Synthesizer.F1.N, rounds, 100*r.ParsedShare, r.PairsPerText, r.TokensPerPair,
		r.Verification.Kept, r.Verification.Pairs)
}

func (r *Report) leadLine() string {
	return fmt.Sprintf("closed book: Instruct above Vanilla by %.1f, above Mix by %.1f standard errors of the difference, on %d questions",
		r.LeadVanilla, r.LeadMix, r.Arms[Instruct].Questions)
}

func (r *Report) sourceLine() string {
	return fmt.Sprintf("real text: doc comments of %d packages of %s (sha256 %.16s…); seed %d; %s products; %.0f s in all", r.GoPackages, r.GoVersion,
		r.GoHash, r.Seed, r.Math, r.Seconds)
}

// Markdown writes the report as a page.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Quickstart, seed %d\n\n", r.Seed)
	for i, row := range r.rows() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	fmt.Fprintf(&b, "\n- %s\n- %s\n- %s\n- %s\n\n![loss curves and scores](report.png)\n\n", r.synthesizerLine(), r.baseLine(), r.leadLine(), r.sourceLine())
	b.WriteString("| stage | seconds | tokens | tokens/s | |\n|---|---|---|---|---|\n")
	for _, s := range r.Stages {
		tokens, rate := "", "" // not every stage is counted in tokens
		if s.Tokens > 0 {
			tokens, rate = progress.Count(s.Tokens), progress.Count(s.TokensPerSecond)
		}
		fmt.Fprintf(&b, "| %s | %.1f | %s | %s | %s |\n", s.Name, s.Seconds, tokens, rate, s.Note)
	}
	b.WriteString("\n## Generated examples\n")
	for _, ex := range r.Examples {
		fmt.Fprintf(&b, "\n> %s\n\n", strings.ReplaceAll(ex.Text, "\n", "\n> "))
		for _, p := range ex.Pairs {
			fmt.Fprintf(&b, "- **%s**", strings.ReplaceAll(p.Instruction, "\n", " "))
			if len(p.Options) > 0 {
				fmt.Fprintf(&b, " (%s)", strings.Join(p.Options, " / "))
			}
			if p.Thought != "" {
				fmt.Fprintf(&b, " *%s*", p.Thought)
			}
			fmt.Fprintf(&b, " %s\n", p.Response)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
