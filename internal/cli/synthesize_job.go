package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/synth/job"
)

// runJob does this process's part of a job in a folder.
func (s *synthesize) runJob(ctx context.Context, model *synth.Synthesizer) error {
	settings, err := s.settings(ctx)
	if err != nil {
		return err
	}
	s.total = partDocuments(settings.Documents, s.shardTexts, s.part, s.parts)
	res, err := job.Run(ctx, model, data.Documents(s.in, s.options(s.stdio, &s.input)), job.Options{Dir: s.out, Settings: settings,
		Part: s.part, Parts: s.parts, Each: s.tell, Note: func(text string) { s.line.Println("synthesize: " + text) },
		Found: func(r *job.Record) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.stats.Merge(&r.Stats)
			s.docs += r.Documents
			s.update()
		}})
	if !s.began.IsZero() {
		s.line.Done()
	}
	s.stdio.problems(&s.input)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %d texts are done and kept in %s; the same command goes on: %w", s.stats.Texts, s.out, ctx.Err())
	}
	if err != nil {
		return err
	}
	return s.stdio.emit(s.json, &jobResult{&s.stats, res.Shards, res.Mine, res.Found, res.Repaired, res.Whole}, func(w io.Writer) {
		s.stats.WriteText(w)
		fmt.Fprintf(w, "%s: %d of %d shards are this part's, %d of them were done before", s.out, res.Mine, res.Shards, res.Found)
		if res.Repaired > 0 {
			fmt.Fprintf(w, ", %d damaged ones were made again", res.Repaired)
		}
		if res.Whole {
			fmt.Fprintf(w, "\nthe corpus is whole: see %s\n", filepath.Join(s.out, job.ReportHTML))
		} else {
			fmt.Fprintf(w, "\nother parts are still to be done\n")
		}
	})
}

// jobResult is the result of a part as JSON.
type jobResult struct {
	*job.Stats
	Shards   int64 `json:"shards"`
	Mine     int64 `json:"shards_of_this_part"`
	Found    int64 `json:"shards_done_before"`
	Repaired int64 `json:"shards_repaired"`
	Whole    bool  `json:"whole"`
}

// settings is what decides the output. Documents are counted once in a job.
func (s *synthesize) settings(ctx context.Context) (job.Settings, error) {
	set := job.Settings{ShardTexts: s.shardTexts, Verify: s.verify, Reading: s.reading()}
	if s.cache.DType != kernels.NoType {
		set.Cache = s.cache.String()
	}
	var err error
	if set.Model, err = job.Fingerprint(s.model); err != nil {
		return set, err
	}
	files, err := data.Inputs(s.in, s.options(s.stdio, nil))
	if err != nil {
		return set, err
	}
	for _, f := range files {
		if f.Name() == data.Stdin {
			set.Inputs = append(set.Inputs, job.Input{Name: data.Stdin})
			continue
		}
		size, _, err := f.Version()
		if err != nil {
			return set, fmt.Errorf("%w: %w", data.ErrNoFile, err)
		}
		set.Inputs = append(set.Inputs, job.Input{Name: filepath.Base(f.Name()), Bytes: size})
	}
	have, err := job.ReadSettings(durable.OS, s.out)
	if err == nil && have.Documents > 0 {
		set.Documents = have.Documents
		return set, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, durable.ErrDamaged) && !errors.Is(err, job.ErrOther) {
		return set, err
	}
	set.Documents, err = s.count(ctx)
	return set, err
}

// reading names the flags that decide how inputs become documents.
func (s *synthesize) reading() string {
	var out []string
	if s.plainText {
		out = append(out, "text")
	}
	if s.blankSplit {
		out = append(out, "blank-split")
	}
	if s.textField != "" {
		out = append(out, "text-field="+s.textField)
	}
	if c := s.columns.String(); c != "" {
		out = append(out, "columns="+c)
	}
	return strings.Join(out, " ")
}

// partDocuments is how many of all documents are in a part's shards; 0: not known.
func partDocuments(all, perShard int64, part, parts int) (n int64) {
	for from := int64(part) * perShard; from < all; from += int64(parts) * perShard {
		n += min(perShard, all-from)
	}
	return n
}

// partOf tells which part of how many this process does: by the flag, i/n or /n, or by what schedulers set.
func partOf(flag string, getenv func(string) string) (part, parts int, err error) {
	own, of, slash := strings.Cut(flag, "/")
	if flag != "" {
		parts, err = strconv.Atoi(of)
		if !slash || err != nil || parts < 1 {
			return 0, 0, usage("--shard %q: i/n, such as 0/8, or /n", flag)
		}
	}
	switch {
	case own != "":
		if part, err = strconv.Atoi(own); err != nil || part < 0 || part >= parts {
			return 0, 0, usage("--shard %s: the part is a number from 0 to %d", flag, parts-1)
		}
		return part, parts, nil
	case getenv("SLURM_ARRAY_TASK_ID") != "":
		return slurmPart(parts, getenv)
	case getenv("JOB_COMPLETION_INDEX") != "":
		index := getenv("JOB_COMPLETION_INDEX")
		if parts == 0 {
			return 0, 0, usage("JOB_COMPLETION_INDEX is %s, but nothing says of how many: give --shard /n with the Job's completions", index)
		}
		if part, err = strconv.Atoi(index); err != nil || part < 0 || part >= parts {
			return 0, 0, usage("JOB_COMPLETION_INDEX is %s, --shard %s: it must be from 0 to %d", index, flag, parts-1)
		}
		return part, parts, nil
	case flag != "":
		return 0, 0, usage("--shard %s: which part? Neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set", flag)
	}
	return 0, 1, nil
}

// slurmPart numbers the tasks of an array from 0, whatever its first index and step.
func slurmPart(parts int, getenv func(string) string) (int, int, error) {
	value := func(name string, missing int) (int, error) {
		text := getenv(name)
		if text == "" && missing >= 0 {
			return missing, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, usage("%s is %q, no number: give --shard i/n", name, text)
		}
		return n, nil
	}
	id, err1 := value("SLURM_ARRAY_TASK_ID", -1)
	first, err2 := value("SLURM_ARRAY_TASK_MIN", 0)
	step, err3 := value("SLURM_ARRAY_TASK_STEP", 1)
	if parts == 0 {
		var err error
		if parts, err = value("SLURM_ARRAY_TASK_COUNT", -1); err != nil {
			return 0, 0, err
		}
	}
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, 0, err
	}
	if part := (id - first) / max(step, 1); part >= 0 && part < parts {
		return part, parts, nil
	}
	return 0, 0, usage("SLURM_ARRAY_TASK_ID is %d in an array of %d from %d in steps of %d: its numbers are not regular: give --shard i/n", id, parts, first, step)
}
