package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
	"github.com/primer-lm/primer/synth"
)

const documents, shards = 22, 6

// whole is what one uninterrupted worker makes of the corpus.
func whole(t testing.TB) (map[string]string, *crashfs.FS) {
	t.Helper()
	disk := crashfs.New()
	res, err := start(context.Background(), t, disk, &model{}, data.All(corpus(documents)), 0, 1)
	if err != nil || !res.Whole || res.Shards != shards || res.Mine != shards || res.Found != 0 || res.Documents != documents {
		t.Fatalf("%+v, %v", res, err)
	}
	files, err := content(disk, "out")
	if err != nil {
		t.Fatal(err)
	}
	return files, disk
}

// Every piece of every document stands once in the shards, in order, and the manifest adds up.
func TestEveryTextOnce(t *testing.T) {
	files, disk := whole(t)
	var want []string
	for _, doc := range corpus(documents) {
		pieces, err := synthesizer(t, &model{}).Pieces(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pieces {
			want = append(want, p.ID)
		}
	}
	if got := texts(t, disk, shards); !slices.Equal(got, want) || len(want) <= documents {
		t.Errorf("texts %v, want %v", got, want)
	}
	m, err := ReadManifest(disk, "out")
	if err != nil || len(m.Shards) != shards || m.Texts != int64(len(want)) || m.Documents != documents || m.Pairs == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	for _, name := range []string{"report.json", "report.html", "job.json", "manifest.json", "chains/00005.jsonl.zst", "shards/00005.json"} {
		if files["out/"+name] == "" {
			t.Errorf("no %s", name)
		}
	}
	if left, err := disk.ReadDir("out/" + workName); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The number of workers, and the order in which they run, changes no byte; a second start computes nothing.
func TestWorkersShareAJob(t *testing.T) {
	want, _ := whole(t)
	for parts := 2; parts <= 7; parts++ {
		disk := crashfs.New()
		for part := parts - 1; part >= 0; part-- {
			res, err := start(context.Background(), t, disk, &model{}, data.All(corpus(documents)), part, parts)
			if err != nil || res.Whole != (part == 0) {
				t.Fatalf("part %d of %d: %+v, %v", part, parts, res, err)
			}
		}
		got, err := content(disk, "out")
		if err == nil {
			err = same(got, want)
		}
		if err != nil {
			t.Errorf("%d workers: %v", parts, err)
		}
		again := &model{}
		res, err := start(context.Background(), t, disk, again, data.All(corpus(documents)), 0, 1)
		if err != nil || again.asked.Load() != 0 || res.Found != shards || res.Stats.Texts == 0 {
			t.Errorf("second start: %+v, %v, %d texts computed", res, err, again.asked.Load())
		}
	}
}

// Workers that start at once, two of each part, and again until all is done: no text is lost or doubled.
func TestWorkersAtOnce(t *testing.T) {
	want, _ := whole(t)
	for range 5 {
		disk := crashfs.New()
		for {
			var work sync.WaitGroup
			busy := make([]error, 4)
			for i := range busy {
				work.Go(func() {
					_, busy[i] = start(context.Background(), t, disk, &model{}, data.All(corpus(documents)), i/2, 2)
				})
			}
			work.Wait()
			err := errors.Join(busy...)
			if err == nil {
				break
			}
			if !errors.Is(err, ErrBusy) {
				t.Fatal(err)
			}
		}
		got, err := content(disk, "out")
		if err == nil {
			err = same(got, want)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Stopped after every number of chains and started again each time, the result is the same, and no chain is computed that is
// in a journal.
func TestStoppedAndStartedAgain(t *testing.T) {
	want, _ := whole(t)
	disk := crashfs.New()
	asked, starts, kept, chains := int64(0), 0, 0, 0
	if _, err := Run(context.Background(), synthesizer(t, &model{}), data.All(corpus(documents)), Options{FS: crashfs.New(), Dir: "out",
		Settings: settings, Each: func(*synth.Augmented, bool) { chains++ }}); err != nil {
		t.Fatal(err)
	}
	for stop := 1; ; stop = stop%5 + 1 {
		ctx, cancel := context.WithCancel(context.Background())
		g, fresh := &model{}, 0
		_, err := Run(ctx, synthesizer(t, g), data.All(corpus(documents)), Options{FS: disk, Dir: "out", Settings: settings,
			Each: func(_ *synth.Augmented, old bool) {
				if !old {
					if fresh++; fresh == stop {
						cancel()
					}
				}
			}})
		cancel()
		asked, starts, kept = asked+g.asked.Load(), starts+1, kept+fresh
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	got, err := content(disk, "out")
	if err == nil {
		err = same(got, want)
	}
	if err != nil || starts < 3 {
		t.Errorf("%d starts: %v", starts, err)
	}
	if kept != chains {
		t.Errorf("%d chains were kept in all starts, there are %d: some were made twice", kept, chains)
	}
	m, err := ReadManifest(disk, "out")
	if err != nil {
		t.Fatal(err)
	}
	// At most the chains in flight, twice three of them, of two texts, are computed again at each start.
	if most := m.Texts + int64(starts)*12; asked > most {
		t.Errorf("%d texts computed in %d starts for %d", asked, starts, m.Texts)
	}
}

func TestAnotherJobIsRefused(t *testing.T) {
	_, disk := whole(t)
	run := func(docs []data.Document, change func(*Settings)) error {
		set := settings
		set.Documents = documents
		change(&set)
		_, err := Run(context.Background(), synthesizer(t, &model{}), data.All(docs), Options{FS: disk, Dir: "out", Settings: set})
		return err
	}
	if err := run(corpus(documents), func(*Settings) {}); err != nil {
		t.Error(err)
	}
	changed := corpus(documents)
	changed[9].Text += "!"
	for want, err := range map[string]error{
		"texts_per_shard was 4, is 5":                            run(corpus(documents), func(s *Settings) { s.ShardTexts = 5 }),
		"model was m, is other":                                  run(corpus(documents), func(s *Settings) { s.Model = "other" }),
		"verify was model, is none":                              run(corpus(documents), func(s *Settings) { s.Verify = "none" }),
		"input 1 was a.jsonl of 5 bytes, is a.jsonl of 6":        run(corpus(documents), func(s *Settings) { s.Inputs = []Input{{"a.jsonl", 6}} }),
		"inputs were 1 files, are 0":                             run(corpus(documents), func(s *Settings) { s.Inputs = nil }),
		"the documents of shard 2, 4 from number 9 on":           run(changed, func(*Settings) {}),
		"the documents of shard 5, 1 from number 21 on, are not": run(corpus(documents)[:21], func(*Settings) {}),
	} {
		if !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// A journal knows the documents too.
	disk = crashfs.New()
	stopAfter(t, disk, corpus(documents), 1)
	changed[0].Text += "?"
	if _, err := start(context.Background(), t, disk, &model{}, data.All(changed), 0, 1); !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), `from "d0" on`) {
		t.Errorf("%v", err)
	}
	full := crashfs.New()
	if err := durable.WriteFile(full, "out/thesis.tex", func(w io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := start(context.Background(), t, full, &model{}, data.All(corpus(1)), 0, 1); !errors.Is(err, ErrNotJob) || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("%v", err)
	}
}

// Every damage to a finished job is found and repaired by the same command, to the same bytes.
func TestDamageIsRepaired(t *testing.T) {
	want, _ := whole(t)
	for name := range want {
		if strings.HasPrefix(name, "out/report") || name == "out/job.json" || name == "out/manifest.json" {
			continue
		}
		for what, damage := range map[string]func(string) string{
			"a bit":     func(s string) string { return s[:len(s)/2] + string(s[len(s)/2]^4) + s[len(s)/2+1:] },
			"truncated": func(s string) string { return s[:len(s)-1] },
			"empty":     func(string) string { return "" },
			"gone":      nil,
		} {
			_, disk := whole(t)
			if err := disk.Remove(name); err != nil {
				t.Fatal(err)
			}
			if damage != nil {
				if err := durable.WriteFile(disk, name, func(w io.Writer) error {
					_, err := fmt.Fprint(w, damage(want[name]))
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			res, err := start(context.Background(), t, disk, &model{}, data.All(corpus(documents)), 0, 1)
			if err != nil {
				t.Errorf("%s, %s: %v", name, what, err)
				continue
			}
			got, err := content(disk, "out")
			if err == nil {
				err = same(got, want)
			}
			if err != nil || res.Found != shards-1 {
				t.Errorf("%s, %s: %+v, %v", name, what, res, err)
			}
		}
	}
}
