package load

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Rush is many clients for a time: each sends its next request when the one before is answered.
type Rush struct {
	Clients int
	For     time.Duration
	Prompts []string // client c's request r is Prompts[(c+r·Clients) mod n]
	New     int
	Pause   time.Duration // after a 429
}

// Crowded is how a server did in a Rush.
type Crowded struct {
	Server   string        `json:"server"`
	Answered int           `json:"answered"`
	Busy     int           `json:"busy"`   // 429
	Failed   int           `json:"failed"` // anything else
	Problem  string        `json:"problem,omitempty"`
	New      int           `json:"new_tokens"`
	Took     time.Duration `json:"nanoseconds"`
	First    Times         `json:"first_token"`
	Gaps     Times         `json:"between_tokens"`
}

// Times are quantiles of durations.
type Times struct {
	N   int           `json:"n"`
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

func timesOf(all []time.Duration) Times {
	if len(all) == 0 {
		return Times{}
	}
	slices.Sort(all)
	at := func(q float64) time.Duration { return all[int(q*float64(len(all)-1))] }
	return Times{len(all), at(0.5), at(0.99), all[len(all)-1]}
}

// Crowd runs a Rush. Requests that are under way when the time is over are waited for and count.
func (s *Server) Crowd(ctx context.Context, r *Rush) Crowded {
	out := Crowded{Server: s.Name}
	var first, gaps []time.Duration
	var mu sync.Mutex
	var work sync.WaitGroup
	began := time.Now()
	for client := range r.Clients {
		work.Go(func() {
			for at := client; ctx.Err() == nil && (at == client || time.Since(began) < r.For); at += r.Clients {
				a, err := s.Complete(ctx, r.Prompts[at%len(r.Prompts)], r.New)
				mu.Lock()
				switch {
				case err != nil || a.Status != http.StatusOK && a.Status != http.StatusTooManyRequests:
					out.Failed++
					out.Problem = problem(a, err)
				case a.Status == http.StatusTooManyRequests:
					out.Busy++
				default:
					out.Answered, out.New = out.Answered+1, out.New+a.New
					first, gaps = append(first, a.First), append(gaps, a.Gaps...)
				}
				mu.Unlock()
				if a.Status != http.StatusOK {
					wait(ctx, r.Pause)
				}
			}
		})
	}
	work.Wait()
	out.Took, out.First, out.Gaps = time.Since(began), timesOf(first), timesOf(gaps)
	return out
}

func problem(a Answer, err error) string {
	return errors.Join(err, errors.New(http.StatusText(a.Status)+" "+a.Problem)).Error()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
