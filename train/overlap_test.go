package train

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// watched is a backend that notes when a micro-batch begins, when the optimizer writes, and when the host waits.
type watched struct {
	kernels.Backend
	notes *[]string
}

func (w watched) note(what string) { *w.notes = append(*w.notes, what) }

func (w watched) EmbedBackward(a kernels.EmbedBackwardArgs) {
	w.note("gradients")
	w.Backend.EmbedBackward(a)
}
func (w watched) AdamW(a kernels.AdamWArgs) { w.note("update"); w.Backend.AdamW(a) }
func (w watched) Sync() error               { w.note("sync"); return w.Backend.Sync() }
func (w watched) Read(dst []byte, src kernels.Tensor) error {
	w.note("read")
	return w.Backend.Read(dst, src)
}
func (w watched) OpenReadback(n int64) (kernels.Readback, error) {
	r, err := w.Backend.OpenReadback(n)
	return watchedReadback{r, w}, err
}

type watchedReadback struct {
	kernels.Readback
	w watched
}

func (r watchedReadback) Wait() ([]byte, error) { r.w.note("wait"); return r.Readback.Wait() }

// The host issues the gradients of a step before it waits for the step before, and the update after; it waits for nothing else.
// Every hook finds its step's state and no more.
func TestGradientsAreIssuedBeforeTheHostWaits(t *testing.T) {
	job := tinyJob(t, t.TempDir())
	job.Config.Steps, job.Config.SaveEvery = 5, 0
	var notes []string
	job.Backend = watched{job.Backend, &notes}
	m, err := job.open()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := job.Init(m); err != nil {
		t.Fatal(err)
	}
	notes = nil
	hooks := Hooks{Step: func(r StepRecord) error { notes = append(notes, fmt.Sprint("step ", r.Step)); return nil }}
	if _, err := Loop(context.Background(), job.Config, m, job.Source, Position{}, hooks); err != nil {
		t.Fatal(err)
	}
	want := "gradients gradients update" // of two micro-batches
	for step := 1; step < 5; step++ {
		want += fmt.Sprintf(" gradients gradients wait step %d update", step)
	}
	if got := strings.Join(notes, " "); got != want+" wait step 5" {
		t.Errorf("the host's order is\n%s, want\n%s", got, want)
	}
}
