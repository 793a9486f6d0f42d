package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/synth"
)

// byteTokenizer has one token a byte, and <s> and </s>.
type byteTokenizer struct{}

func (byteTokenizer) Encode(text string) ([]int32, error) {
	var out []int32
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "<s>"); ok {
			out, text = append(out, 256), rest
		} else if rest, ok := strings.CutPrefix(text, "</s>"); ok {
			out, text = append(out, 257), rest
		} else {
			out, text = append(out, int32(text[0])), text[1:]
		}
	}
	return out, nil
}

func (byteTokenizer) Decode(ids []int32, _ bool) (string, error) {
	var b strings.Builder
	for _, id := range ids {
		if id < 256 {
			b.WriteByte(byte(id))
		}
	}
	return b.String(), nil
}

func (byteTokenizer) BOS() (int32, bool) { return 256, true }
func (byteTokenizer) EOS() (int32, bool) { return 257, true }
func (byteTokenizer) Token(id int32) (string, bool) {
	return map[int32]string{256: "<s>", 257: "</s>"}[id], id == 256 || id == 257
}
func (byteTokenizer) SpecialTexts() []string { return []string{"<s>", "</s>"} }

// model writes two pairs about a prompt, one of them cut off, and counts what it was asked. What it writes depends on the
// whole prompt, and on the stream where it samples.
type model struct{ asked atomic.Int64 }

func (m *model) Generate(ctx context.Context, r generate.Request) (generate.Result, error) {
	if err := ctx.Err(); err != nil {
		return generate.Result{}, err
	}
	m.asked.Add(1)
	sum := uint64(1)
	for _, id := range r.Prompt {
		sum = sum*31 + uint64(id)
	}
	if r.Temperature > 0 {
		sum ^= r.Seed
	}
	written := fmt.Sprintf("<QUE> what is <b>%d</b>? <ANS> it is %d </END>\n\n<QUE> why", sum%97, sum%89)
	if sum%11 == 0 {
		written = "nothing"
	}
	ids, err := byteTokenizer{}.Encode(written)
	return generate.Result{Tokens: ids, Finish: generate.FinishStop}, err
}

func (m *model) Score(_ context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error) {
	var out []generate.ScoreResult
	for _, r := range requests {
		logs := make([]float32, len(r.Continuation))
		for i := range logs {
			logs[i] = -float32(len(r.Prompt)%7) / 3
		}
		out = append(out, generate.ScoreResult{LogProbs: logs})
	}
	return out, nil
}

func synthesizer(t testing.TB, g *model) *synth.Synthesizer {
	t.Helper()
	codec, err := synth.NewCodec(byteTokenizer{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := synth.New(codec, g, synth.RoundOptions{Rounds: 2, Window: 400, MaxNewTokens: 80, Temperature: 1, Seed: 7}, 3, synth.Verification(synth.VerifyOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// corpus is n documents; some are longer than the window.
func corpus(n int) []data.Document {
	var out []data.Document
	for i := range n {
		text := fmt.Sprintf("Text %d of <them> & all. ", i)
		if i%5 == 3 {
			text = strings.Repeat(text, 20)
		}
		out = append(out, data.Document{ID: fmt.Sprint("d", i), Text: text, Extra: map[string]json.RawMessage{"at": json.RawMessage(fmt.Sprint(i))}})
	}
	return out
}

var settings = Settings{Model: "m", ShardTexts: 4, Verify: "model", Inputs: []Input{{"a.jsonl", 5}}}

func start(ctx context.Context, t testing.TB, fsys durable.FS, g *model, docs iter.Seq2[data.Document, error], part, parts int) (*Result, error) {
	return Run(ctx, synthesizer(t, g), docs, Options{FS: fsys, Dir: "out", Settings: settings, Part: part, Parts: parts})
}

// content is what a job has made: every file but the journals' and the count of cached tokens.
func content(fsys durable.FS, dir string) (map[string]string, error) {
	out := map[string]string{}
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := dir + "/" + e.Name()
		switch {
		case e.Name() == workName:
		case e.IsDir():
			sub, err := content(fsys, path)
			if err != nil {
				return nil, err
			}
			for name, text := range sub {
				out[name] = text
			}
		default:
			f, err := fsys.Open(path)
			if err != nil {
				return nil, err
			}
			raw, err := io.ReadAll(f)
			if err := errors.Join(err, f.Close()); err != nil {
				return nil, err
			}
			out[path] = string(raw)
		}
	}
	return out, nil
}

// texts lists the documents of the chains of a job in order of the files.
func texts(t testing.TB, fsys durable.FS, shards int) (ids []string) {
	t.Helper()
	for n := range int64(shards) {
		if _, err := readRecord(fsys, "out", n, true); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Open("out/" + chainsFile(n))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		for c, err := range data.Chains([]string{data.Stdin}, data.Options{Kind: data.JSONL, Strict: true, Stdin: bytes.NewReader(raw)}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, ex := range c.Examples {
				ids = append(ids, ex.ID)
			}
		}
	}
	return ids
}

// same compares two jobs file by file.
func same(got, want map[string]string) error {
	for name, text := range want {
		if got[name] != text {
			return fmt.Errorf("%s differs: %.300q, want %.300q", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d files, want %d", len(got), len(want))
	}
	return nil
}

func writeText(fsys durable.FS, path, text string) error {
	return durable.WriteFile(fsys, path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

var errPlanted = errors.New("planted")

// stopAfter runs a job until n chains are in journals.
func stopAfter(t testing.TB, disk *crashfs.FS, docs []data.Document, n int) {
	t.Helper()
	written := 0
	_, err := start(context.Background(), t, crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
		if op.Kind == "write" && strings.HasSuffix(op.Path, ".log") {
			if written++; written > n {
				return errPlanted
			}
		}
		return nil
	}}), &model{}, data.All(docs), 0, 1)
	if !errors.Is(err, errPlanted) {
		t.Fatal(err)
	}
}
