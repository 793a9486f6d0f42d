package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/templates"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/tokenizer"
)

// shown is one thing that inspect shows: a unit, a tuning sequence or a packed row.
type shown struct {
	What   string    `json:"what"`
	Text   string    `json:"text"`
	Drawn  string    `json:"templates,omitempty"`
	Spans  []part    `json:"spans,omitempty"` // what of the text came from the chain
	IDs    []int32   `json:"ids"`
	Pieces []string  `json:"pieces"`
	Loss   []uint8   `json:"loss"`             // 1 where the model learns to say the token, in rows the token that follows
	Starts []int32   `json:"starts,omitempty"` // of the units packed in a row
	Docs   []int32   `json:"documents"`        // where documents start: attention does not cross
	Drops  []dropped `json:"dropped,omitempty"`
}

type part struct {
	Part  string `json:"part"`
	Start int    `json:"start"` // bytes of the text
	End   int    `json:"end"`
}

type dropped struct {
	Example int    `json:"example"`
	Pair    int    `json:"pair"`
	Reason  string `json:"reason"`
}

// inspect is the verb that shows what training sees.
type inspect struct {
	corpusFlags
	show, tokens, window int
	tok                  *tokenizer.Tokenizer
}

// kindSequences shows examples as the tuning sequences of a synthesizer.
const kindSequences = "sequences"

func corpusInspect(stdio IO) *cobra.Command {
	c := &inspect{corpusFlags: corpusFlags{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Show rendered text, token ids, loss mask and packing boundaries",
		Long: "Inspect shows what training will see, before any step: documents, chains and instructions as rendered and tokenized\n" +
			"(--kind), examples as tuning sequences (--kind sequences), folders of shards, and the packed rows of a mixture file.",
		Example: "  corpus inspect --in corpus.jsonl --show 1\n" +
			"  corpus inspect --kind sequences --in examples.jsonl --window 2048 --tokenizer DIR\n" +
			"  corpus inspect --in mixture.toml --json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := c.check(false); err != nil {
				return err
			}
			return c.run(cmd.Context())
		},
	}
	c.bind(cmd, "records, one folder of shards, or one mixture file", "")
	c.bindTokenizer(cmd)
	cmd.Flags().IntVar(&c.show, "show", 3, "how many to show")
	cmd.Flags().IntVar(&c.tokens, "tokens", 64, "tokens to show of each; 0: all (with --json always all)")
	cmd.Flags().IntVar(&c.window, "window", 4096, "tokens of a tuning sequence")
	cmd.Flags().Lookup("kind").Usage += ", " + kindSequences
	return cmd
}

func (c *inspect) run(ctx context.Context) (err error) {
	single := c.in[0]
	isMixture := len(c.in) == 1 && strings.HasSuffix(single, ".toml")
	if c.tokenizer == "" && len(c.in) == 1 && isShards(single) {
		c.tokenizer = single
	}
	if !isMixture {
		if c.tok, err = c.openTokenizer(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.tok.Close()) }()
	}
	var all iter.Seq2[shown, error]
	switch {
	case isMixture:
		all = c.rows(ctx)
	case len(c.in) == 1 && isShards(single):
		all = c.units(single)
	case c.kind == kindSequences:
		all = c.sequences()
	default:
		all = c.texts()
	}
	n := 0
	for s, err := range checked(ctx, all) {
		if err != nil {
			return err
		}
		if err := c.print(&s); err != nil {
			return err
		}
		if n++; n >= c.show {
			break
		}
	}
	return nil
}

// texts shows records as text and tokens.
func (c *inspect) texts() iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		var report data.Report
		rendered, err := c.rendered(c.stdio, c.in, &report, nil)
		if err != nil {
			yield(shown{}, err)
			return
		}
		for r, err := range rendered {
			var s shown
			if err == nil {
				s, err = c.rendering(&r)
			}
			if !yield(s, err) || err != nil {
				break
			}
		}
		c.stdio.problems(&report)
	}
}

func (c *inspect) rendering(r *templates.Rendered) (shown, error) {
	ids, err := c.tok.EncodePlain(r.Text)
	if err != nil {
		return shown{}, err
	}
	ids = c.tok.WithEOS(c.tok.WithBOS(ids))
	s := c.tokensOf("text", ids, slices.Repeat([]uint8{1}, len(ids)))
	s.Loss[0] = 0 // nothing predicts the first token
	s.Text, s.Drawn = r.Text, r.Describe()
	for _, span := range r.Spans {
		s.Spans = append(s.Spans, part{span.Part.String(), span.Start, span.End})
	}
	for _, d := range r.Dropped {
		s.Drops = append(s.Drops, dropped{d.Example, d.Pair, string(d.Reason)})
	}
	return s, nil
}

// sequences shows examples as a synthesizer is tuned on them.
func (c *inspect) sequences() iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		var report data.Report
		sets := map[string][]data.Example{}
		for ex, err := range data.Examples(c.in, c.options(c.stdio, &report)) {
			if err != nil {
				yield(shown{}, err)
				return
			}
			sets[ex.Source] = append(sets[ex.Source], ex)
		}
		c.stdio.problems(&report)
		codec, err := synth.NewCodec(c.tok)
		if err != nil {
			yield(shown{}, err)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(sets)) {
			seqs, _, err := codec.Sequences(sets[name], 0, synth.SequenceOptions{Window: c.window, Seed: 1})
			if err != nil {
				yield(shown{}, err)
				return
			}
			for _, q := range seqs {
				s := c.tokensOf(fmt.Sprintf("tuning sequence of %q, %d examples", name, q.Shots), q.Tokens, q.Mask)
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// units shows what shards hold.
func (c *inspect) units(dir string) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		set, err := openShards(dir, c.tok)
		if err != nil {
			yield(shown{}, err)
			return
		}
		defer set.Close()
		for i := range set.Len() {
			n, err := set.UnitLen(i)
			ids, mask := make([]int32, n), make([]uint8, n)
			if err == nil {
				err = set.Read(i, 0, ids, mask)
			}
			if !yield(c.tokensOf(fmt.Sprintf("unit %d of %d", i, set.Len()), ids, mask), err) || err != nil {
				return
			}
		}
	}
}

// rows shows the packed rows of a mixture.
func (c *inspect) rows(ctx context.Context) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		m, closeAll, err := c.openMixture(ctx, filepath.Clean(c.in[0])+".shards")
		if err != nil {
			yield(shown{}, err)
			return
		}
		defer closeAll()
		if c.tok, err = c.openTokenizer(); err != nil {
			yield(shown{}, err)
			return
		}
		defer c.tok.Close()
		stream := m.Stream()
		for {
			row := stream.Row()
			b, err := stream.Next(1)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(shown{}, err)
				return
			}
			s := c.tokensOf(fmt.Sprintf("row %d of %d", row, m.Rows()), b.Tokens, b.Mask)
			s.Starts, s.Docs = b.Starts, b.CuLens[:len(b.CuLens)-1]
			if !yield(s, nil) {
				return
			}
		}
	}
}

// tokensOf shows tokens with their texts.
func (c *inspect) tokensOf(what string, ids []int32, loss []uint8) shown {
	s := shown{What: what, IDs: ids, Loss: slices.Clone(loss), Docs: []int32{0}}
	for _, id := range ids {
		s.Pieces = append(s.Pieces, string(c.tok.TokenBytes(id)))
	}
	if text, err := c.tok.Decode(ids, false); err == nil {
		s.Text = text
	}
	return s
}

func (c *inspect) print(s *shown) error {
	w := c.stdio.Out
	if c.json {
		return json.NewEncoder(w).Encode(s)
	}
	learnt := 0
	for _, l := range s.Loss {
		learnt += int(l)
	}
	fmt.Fprintf(w, "=== %s: %d tokens, %d with a loss\n%s\n", s.What, len(s.IDs), learnt, s.Text)
	if s.Drawn != "" {
		fmt.Fprintf(w, "--- templates\n%s\n", strings.TrimRight(s.Drawn, "\n"))
	}
	for _, d := range s.Drops {
		fmt.Fprintf(w, "left out: example %d, pair %d: %s\n", d.Example+1, d.Pair+1, d.Reason)
	}
	which := "the token"
	if s.Starts != nil {
		which = "the one that follows"
	}
	fmt.Fprintf(w, "--- tokens: number, id, L where %s has a loss, text; | where a text starts, ‖ where attention does\n", which)
	for i, id := range s.IDs {
		if c.tokens > 0 && i == c.tokens {
			fmt.Fprintf(w, "… %d more (--tokens 0 shows all)\n", len(s.IDs)-i)
			break
		}
		fmt.Fprintf(w, "%5d %6d %s%s %q\n", i, id, mark(s.Loss[i] == 1, "L"), boundary(s, int32(i)), s.Pieces[i])
	}
	return nil
}

func boundary(s *shown, at int32) string {
	switch {
	case slices.Contains(s.Docs, at):
		return "‖"
	case slices.Contains(s.Starts, at):
		return "|"
	}
	return " "
}

func mark(on bool, sign string) string {
	if on {
		return sign
	}
	return " "
}
