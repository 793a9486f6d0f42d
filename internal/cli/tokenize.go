package cli

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"sync/atomic"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/tokenizer"
)

// tokenizing shows how far a build of shards is: of the bytes of its files where they have a size, else of nothing.
type tokenizing struct {
	line  *progress.Line
	read  atomic.Int64 // bytes of the files, as they lie
	total int64        // of all files; 0: not known
	began time.Time
	first int64 // tokens that were there when it began
}

func (t *texts) meter(stdio IO, paths []string, report *data.Report) *tokenizing {
	m := &tokenizing{began: time.Now()}
	files, err := data.Files(paths, t.options(stdio, report))
	for _, path := range files {
		info, e := os.Stat(path)
		if e != nil { // standard input, or what reading will name
			err = e
			break
		}
		m.total += info.Size()
	}
	if err != nil || m.total < 1<<20 {
		m.total = 0
	}
	title := "tokenize"
	if m.total > 0 {
		title = "tokenize, MiB read:"
	}
	m.line = progress.New(stdio.Err, title)
	return m
}

// wrote is called by the writer.
func (m *tokenizing) wrote(units, tokens int64) {
	if m.first == 0 {
		m.first = tokens // what an earlier start wrote, and the first batch
		m.began = time.Now()
	}
	fields := []progress.Field{progress.F("texts", progress.Count(units)), progress.F("tokens", progress.Count(tokens))}
	if s := time.Since(m.began).Seconds(); s > 0 && tokens > m.first {
		fields = append(fields, progress.F("tokens/s", progress.Count(float64(tokens-m.first)/s)))
	}
	if m.total > 0 {
		m.line.Update(min(m.read.Load(), m.total)>>20, m.total>>20, fields...)
		return
	}
	m.line.Update(units, 0, fields...)
}

// lockWait is how often a folder is looked at that another process builds.
const lockWait = time.Second

// buildShards is shard.Build that waits for another process that builds the same folder.
func buildShards(ctx context.Context, stdio IO, dir string, tok *tokenizer.Tokenizer, units iter.Seq2[shard.Unit, error], opt shard.Options) (shard.Info, error) {
	for told := false; ; told = true {
		info, err := shard.Build(durable.OS, dir, tok, units, opt)
		if !errors.Is(err, durable.ErrLocked) {
			if told && errors.Is(err, fs.ErrExist) { // the other has made it
				set, err := openShards(dir, tok)
				if err != nil {
					return shard.Info{}, err
				}
				return set.Info(), set.Close()
			}
			return info, err
		}
		if !told {
			stdio.note("waiting: %v", err)
		}
		select {
		case <-time.After(lockWait):
		case <-ctx.Done():
			return shard.Info{}, ctx.Err()
		}
	}
}
