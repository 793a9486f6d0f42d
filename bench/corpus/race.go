package corpus

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/primer-lm/primer/bench/speed"
)

// Side is one that takes turns.
type Side struct {
	Name    string    `json:"name"`
	Is      string    `json:"is"` // version and settings
	Ours    bool      `json:"ours"`
	Seconds []float64 `json:"seconds"` // of each turn
	Texts   int64     `json:"texts"`   // of a turn
	Tokens  int64     `json:"tokens,omitempty"`
	Peak    int64     `json:"peak_bytes,omitempty"`
	turn    func() (Took, error)
}

// Median of the turns, in seconds; 0 of none.
func (s *Side) Median() float64 {
	if len(s.Seconds) == 0 {
		return 0
	}
	return speed.Median(s.Seconds)
}

// tokenizing is the race in which all sides must come to the same tokens.
const tokenizing = "Tokenizing"

// Race is one comparison.
type Race struct {
	What  string  `json:"what"`
	Aim   float64 `json:"aim"`   // ratio that ours is to reach
	Bytes int64   `json:"bytes"` // of one turn's input
	Note  string  `json:"note"`
	Sides []*Side `json:"sides"` // ours first
}

// Run warms all sides up once and then has them take turns.
func (r *Race) Run(rounds int, log func(format string, args ...any)) error {
	for round := range rounds + 1 {
		for _, s := range r.Sides {
			took, err := s.turn()
			if err != nil {
				return fmt.Errorf("%s, %s: %w", r.What, s.Name, err)
			}
			s.Texts, s.Tokens, s.Peak = took.Texts, took.Tokens, max(s.Peak, took.Peak)
			if round == 0 {
				continue
			}
			s.Seconds = append(s.Seconds, took.Seconds)
			log("%s, round %d: %s %.3f s", r.What, round, s.Name, took.Seconds)
		}
	}
	return r.agree()
}

// agree wants equal tokens of all that count them, where the texts are the same.
func (r *Race) agree() error {
	for _, s := range r.Sides[1:] {
		if ours := r.Sides[0]; r.What == tokenizing && s.Tokens != ours.Tokens {
			return fmt.Errorf("%s: %d tokens, ours %d: they do different things", s.Name, s.Tokens, ours.Tokens)
		}
	}
	return nil
}

// Ratio is the median of the fastest of theirs over that of ours; 0 where one of them did not run.
func (r *Race) Ratio() float64 {
	best, ours := 0.0, 0.0
	for _, s := range r.Sides {
		switch m := s.Median(); {
		case s.Ours:
			ours = m
		case best == 0 || m < best:
			best = m
		}
	}
	if ours == 0 {
		return 0
	}
	return best / ours
}

// Report is one run.
type Report struct {
	Began   time.Time     `json:"began"`
	Machine speed.Machine `json:"machine"`
	Rounds  int           `json:"rounds"`
	Races   []*Race       `json:"races"`
}

// Write puts Markdown and JSON below dir and gives the path of the former.
func (r *Report) Write(dir string) (string, error) {
	return speed.WriteReport(dir, "corpus", &r.Machine, r.Began, r, func(w io.Writer) error { _, err := io.WriteString(w, r.Markdown()); return err })
}

// Markdown is the report for people.
func (r *Report) Markdown() string {
	var b strings.Builder
	m := &r.Machine
	fmt.Fprintf(&b, "# From records to tokens, %s\n\n", r.Began.UTC().Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "- CPU: %s (%s), %d cores, %d threads or processes on every side\n- Memory: %.1f GiB; %s\n", m.CPU, m.Model, m.Cores, m.Threads,
		float64(m.Memory)/(1<<30), m.Kernel)
	fmt.Fprintf(&b, "- Sides took turns, ours before each of theirs, %d rounds after one to warm up; seconds are medians, spread is the range of the turns over "+
		"the median, ratios are of medians.\n", r.Rounds)
	for _, race := range r.Races {
		fmt.Fprintf(&b, "\n## %s, %.1f MiB a turn\n\n%s\n\n| side | seconds | spread | MiB/s | texts | tokens |\n|---|---|---|---|---|---|\n", race.What, float64(race.Bytes)/(1<<20), race.Note)
		for _, s := range race.Sides {
			if len(s.Seconds) == 0 {
				continue
			}
			spread := (slices.Max(s.Seconds) - slices.Min(s.Seconds)) / s.Median()
			fmt.Fprintf(&b, "| %s (%s) | %.3f | %.0f %% | %.1f | %s | %s |\n", s.Name, s.Is, s.Median(), 100*spread, float64(race.Bytes)/(1<<20)/s.Median(), count(s.Texts), count(s.Tokens))
		}
		if ratio := race.Ratio(); ratio > 0 {
			fmt.Fprintf(&b, "\n**ours %.2f× theirs** (aim %.1f×)\n", ratio, race.Aim)
		} else {
			b.WriteString("\nOurs did not run.\n")
		}
	}
	return b.String()
}

func count(n int64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}
