package load

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Corpus is texts to augment in rounds: chain i is texts i·Rounds … i·Rounds+Rounds-1.
type Corpus struct {
	Texts  []string
	Rounds int
	New    int // tokens generated for each text
	Chains int // in flight
}

// Augmented is what a server made of a corpus.
type Augmented struct {
	Server  string        `json:"server"`
	Texts   int           `json:"texts"`
	Prompt  int           `json:"prompt_tokens"`
	New     int           `json:"new_tokens"`
	Took    time.Duration `json:"nanoseconds"`
	Details string        `json:"details,omitempty"`
}

// Rate is texts a second.
func (a *Augmented) Rate() float64 { return float64(a.Texts) / a.Took.Seconds() }

// Augment has every text continued behind the texts and continuations of its chain that came before it: what a synthesizer's
// rounds ask of a server. Any failure ends it.
func (s *Server) Augment(ctx context.Context, c *Corpus) (Augmented, error) {
	out := Augmented{Server: s.Name, Texts: len(c.Texts)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var work sync.WaitGroup
	chains := make(chan []string)
	began := time.Now()
	for range c.Chains {
		work.Go(func() {
			for chain := range chains {
				prompt, fresh, err := s.chain(ctx, chain, c.New)
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				out.Prompt, out.New = out.Prompt+prompt, out.New+fresh
				mu.Unlock()
			}
		})
	}
	for at := 0; at < len(c.Texts); at += c.Rounds {
		select {
		case chains <- c.Texts[at:min(at+c.Rounds, len(c.Texts))]:
		case <-ctx.Done():
		}
	}
	close(chains)
	work.Wait()
	out.Took = time.Since(began)
	return out, context.Cause(ctx)
}

func (s *Server) chain(ctx context.Context, texts []string, n int) (prompt, fresh int, err error) {
	history := ""
	for _, text := range texts {
		history += "<CON> " + text + " </CON>\n\n"
		a, err := s.Complete(ctx, history, n)
		if err == nil && a.Status != http.StatusOK {
			err = fmt.Errorf("%s: status %d: %s", s.Name, a.Status, a.Problem)
		}
		if err != nil {
			return 0, 0, err
		}
		prompt, fresh = prompt+a.Prompt, fresh+a.New
		history += a.Text + "\n\n"
	}
	return prompt, fresh, nil
}
