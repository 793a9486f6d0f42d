package synth_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/tokenizer"
)

// What a model reads and writes is text with tags. What the tags would be confused with is escaped, and comes back.
func ExampleFormat() {
	f, err := synth.NewFormat([]string{"<s>", "</s>"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", f.Context("Tezikas lies by a river.")) // the end of a prompt
	written := f.Pairs([]data.Pair{
		{Instruction: "Where is Tezikas?", Options: []string{"by a river", "on a hill"}, Response: "by a river"},
		{Instruction: "What does <ANS> mean?", Response: "answer"},
	})
	fmt.Println(written)
	parsed := f.Parse(written + "\n\n<QUE> And what is")
	fmt.Println(len(parsed.Pairs), "pairs:", parsed.Pairs[1].Instruction, parsed.Dropped)
	// Output:
	// " <CON> Tezikas lies by a river. </CON>\n\n"
	// <QUE> Where is Tezikas?
	// Options:
	// - by a river
	// - on a hill <ANS> by a river </END>
	//
	// <QUE> What does <\ANS> mean? <ANS> answer </END>
	// 2 pairs: What does <ANS> mean? map[unfinished:1]
}

// A synthesizer in a program: texts in, chains of texts with their pairs out, in order. Open makes one of a model folder;
// here the model is a rule, so that there is something to see.
func ExampleSynthesizer_Run() {
	tok, err := tokenizer.FromBytes("sample", sample.Tokenizer())
	if err != nil {
		log.Fatal(err)
	}
	defer tok.Close()
	codec, err := synth.NewCodec(tok)
	if err != nil {
		log.Fatal(err)
	}
	s, err := synth.New(codec, rule{codec, tok}, synth.RoundOptions{Rounds: 2, Window: 512, MaxNewTokens: 100}, 4)
	if err != nil {
		log.Fatal(err)
	}
	docs := data.All([]data.Document{{ID: "a", Text: "Karifar is a hill."}, {ID: "b", Text: "Join is a tool."}, {ID: "c", Text: "Mip is a town."}})
	var report synth.Report
	for augmented, err := range s.Run(context.Background(), docs) {
		if err != nil {
			log.Fatal(err)
		}
		report.Add(augmented)
		for _, chain := range augmented.Chains {
			fmt.Println("a chain of", len(chain.Examples))
			for i, ex := range chain.Examples {
				fmt.Printf("  %s: %s (%d shots before)\n", ex.ID, ex.Pairs[0].Response, augmented.Texts[i].Shots)
			}
		}
	}
	fmt.Println(report.Pairs, "pairs,", report.Pieces-report.Pairs, "dropped")
	// Output:
	// a chain of 2
	//   a: 11 tokens (0 shots before)
	//   b: 44 tokens (1 shots before)
	// a chain of 1
	//   c: 10 tokens (0 shots before)
	// 3 pairs, 3 dropped
}

// rule is a generator that asks one question about any prompt, and begins a second one that it does not finish.
type rule struct {
	codec *synth.Codec
	tok   *tokenizer.Tokenizer
}

func (r rule) Generate(_ context.Context, req generate.Request) (generate.Result, error) {
	written := r.codec.Format.Pair(data.Pair{Instruction: "How long is the prompt?", Response: fmt.Sprint(len(req.Prompt), " tokens")})
	ids, err := r.tok.Encode(written + "\n\n<QUE> And")
	return generate.Result{Tokens: ids, Finish: generate.FinishLength}, err
}

// Open takes a Hugging Face folder with a tokenizer.json. This one is untrained: it writes noise, of which no pair is made,
// and its texts come out raw.
func ExampleOpen() {
	tmp, err := os.MkdirTemp("", "synth")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	dir := filepath.Join(tmp, "model")
	if err := untrained(dir, 128); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	s, err := synth.Open(ctx, dir, synth.Device("cpu"), synth.InFlight(2), synth.Rounds(synth.RoundOptions{Rounds: 2, MaxNewTokens: 8}))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	var report synth.Report
	for augmented, err := range s.Run(ctx, data.All([]data.Document{{Text: "One text."}, {Text: "And one."}, {Text: "A third."}})) {
		if err != nil {
			log.Fatal(err)
		}
		report.Add(augmented)
	}
	fmt.Println(report.Texts, "texts,", report.Pairs, "pairs")
	// Output: 3 texts, 0 pairs
}

// untrained writes the folder of a model of one small layer with fresh weights.
func untrained(dir string, positions int64) error {
	b, err := device.Open("cpu")
	if err != nil {
		return err
	}
	defer b.Close()
	t, err := model.OpenTrainer(b, &model.Config{ModelType: model.Llama, VocabSize: 1024, HiddenSize: 16, IntermediateSize: 32,
		NumHiddenLayers: 1, NumHeads: 2, NumKeyValueHeads: 2, HeadDim: 8, MaxPositions: positions, HiddenAct: "silu", RMSNormEps: 1e-5,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.02}, model.Options{Tokens: 2, Math: kernels.F32})
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Initialize(1); err != nil {
		return err
	}
	return durable.CommitDir(durable.OS, dir, func(d *durable.Dir) error {
		return hf.WriteFolder(d, hf.Output{Config: t.Config(), DType: "F32", Tokenizer: sample.Tokenizer(),
			Tensor: func(v model.View, w io.Writer) error {
				return t.WriteView(w, t.State().Master, v.Name, kernels.F32)
			}})
	})
}
