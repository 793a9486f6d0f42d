package gpu

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Summary is what summary.md is made of: nothing else goes into it.
type Summary struct {
	Began    time.Time
	Part     string
	Shapes   string
	Revision string
	Machine  []Line
	States   []State // of the steps that are over
	Waiting  []string
	Tests    []Test
	Records  []Record
}

// standIn reports whether the device is the stand-in driver of the tests.
func (s *Summary) standIn() bool { return s.about(oursSide)["stand-in"] != "" }

// unreal is empty when the times are those of a GPU; otherwise it says why they are not.
func (s *Summary) unreal() string {
	about := s.about(oursSide)
	switch {
	case about == nil:
		return "no device was opened: nothing was measured on it"
	case s.standIn():
		return "stand-in, times mean nothing: this ran on the emulated driver of the tests, not on a GPU"
	case about["gpu"] == "":
		return fmt.Sprintf("device %s is no GPU: times are the host's, and say nothing about a GPU", about["device"])
	}
	return ""
}

// about is what a side said of itself; nil when it said nothing.
func (s *Summary) about(side string) map[string]string {
	for _, r := range s.Records {
		if r.Kind == kindDescribe && r.Side == side && r.Error == "" {
			return r.About
		}
	}
	return nil
}

// peaks are those that were measured; zero when they were not.
func (s *Summary) peaks() Answer {
	for _, r := range s.Records {
		if r.Kind == kindPeaks && r.Error == "" {
			return r.Answer
		}
	}
	return Answer{}
}

// of lists the records of a kind that were measured.
func (s *Summary) of(kind string) (out []Record) {
	for _, r := range s.Records {
		if r.Kind == kind && r.Error == "" {
			out = append(out, r)
		}
	}
	return out
}

// Markdown is the summary for people.
func (s *Summary) Markdown() string {
	var b page
	b.line("# gpu-check, %s\n", s.Began.UTC().Format("2006-01-02 15:04 MST"))
	if why := s.unreal(); why != "" {
		b.line("**%s.**\n", strings.ToUpper(why[:1])+why[1:])
	}
	s.header(&b)
	s.verdicts(&b)
	s.conformance(&b)
	s.opTables(&b)
	s.attentionTables(&b)
	s.trainingTable(&b)
	s.generationTable(&b)
	s.problems(&b)
	return b.String()
}

func (s *Summary) header(b *page) {
	b.line("- Built from %s; part %s, shapes %s", s.Revision, s.Part, s.Shapes)
	for _, side := range []string{oursSide, torchSide} {
		about := s.about(side)
		var facts []string
		for name := range about {
			facts = append(facts, name+" "+about[name])
		}
		slices.Sort(facts)
		if facts == nil {
			facts = []string{"did not answer"}
		}
		b.line("- %s: %s", side, strings.Join(facts, "; "))
	}
	for _, m := range s.Machine {
		b.line("- %s: %s", m.Name, m.Value)
	}
	if p := s.peaks(); p.GEMM > 0 {
		b.line("- Peaks, measured: bf16 products %.1f TFLOP/s (cuBLASLt), copy %.0f GB/s read and written (driver)", p.GEMM/1e12, p.Copy/1e9)
	}
	for _, r := range s.of(kindStart) {
		target := map[string]float64{"first": 10, "later": 0.5}[r.Name]
		b.line("- %s start: %.2f s%s", strings.ToUpper(r.Name[:1])+r.Name[1:], r.Median(), s.against(r.Median() <= target, fmt.Sprintf("≤ %g s", target)))
	}
}

// section begins one with figures. Where they mean nothing its title says so too: a table may be copied alone.
func (s *Summary) section(b *page, title string) {
	if s.unreal() != "" {
		title += " (not a GPU: times mean nothing)"
	}
	b.line("\n## %s\n", title)
}

// against marks what misses its target. Where times mean nothing nothing is marked.
func (s *Summary) against(met bool, target string) string {
	if s.unreal() != "" {
		return ""
	}
	if met {
		return " (target " + target + ": met)"
	}
	return " (target " + target + ": **missed**)"
}

func (s *Summary) verdicts(b *page) {
	b.line("\n## Steps\n")
	b.table("step", "what", "result", "seconds")
	for _, st := range s.States {
		result := "passed"
		if !st.OK {
			first, _, _ := strings.Cut(st.Why, "\n")
			result = "**not passed**: " + first
			if st.NotRun {
				result = "**not run**: " + strings.TrimPrefix(first, errNotRun.Error()+": ")
			}
		}
		b.row(st.Step, st.About, result, fmt.Sprintf("%.1f", st.Seconds))
	}
	for _, name := range s.Waiting {
		b.row(name, "", "**not run** when this was written", "")
	}
	b.line("\nWhatever is not passed or not run makes the exit code 1.")
}

func (s *Summary) conformance(b *page) {
	if len(s.Tests) == 0 {
		return
	}
	passed := 0
	var bad []string
	for _, t := range s.Tests {
		if t.Result == "PASS" {
			passed++
		} else {
			bad = append(bad, fmt.Sprintf("%s (%s)", t.Name, map[string]string{"FAIL": "failed", "SKIP": "skipped", "": "did not end"}[t.Result]))
		}
	}
	b.line("\n## Conformance\n\n%d of %d tests passed; a skipped test counts as failed.", passed, len(s.Tests))
	if len(bad) > 0 {
		b.line("Not passed: %s.", strings.Join(bad, ", "))
	}
}

// problems lists every case that has no result, once for each reason.
func (s *Summary) problems(b *page) {
	type reason struct{ step, text string }
	cases := map[reason][]string{}
	var order []reason
	for _, r := range s.Records {
		if r.Error == "" {
			continue
		}
		text, _, _ := strings.Cut(r.Error, "\n")
		key := reason{r.Step, text}
		if cases[key] == nil {
			order = append(order, key)
		}
		cases[key] = append(cases[key], r.what())
	}
	if order == nil {
		return
	}
	b.line("\n## Cases without a result\n")
	b.table("step", "cases", "why")
	for _, key := range order {
		list := cases[key]
		text := list[0]
		if len(list) > 1 {
			text = fmt.Sprintf("%s and %d more", text, len(list)-1)
		}
		b.row(key.step, text, key.text)
	}
}

// page is Markdown in the making.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.Builder, format+"\n", args...) }

// table begins one; columns are named, the first is a text.
func (p *page) table(columns ...string) {
	p.row(columns...)
	p.line("|%s", strings.Repeat("---|", len(columns)))
}

func (p *page) row(cells ...string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", "\\|")
	}
	p.line("| %s |", strings.Join(cells, " | "))
}
