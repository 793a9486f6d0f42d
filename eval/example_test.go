package eval_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/model/generate"
)

// letters is a tokenizer with one token a byte; 1 is BOS. In a program a *tokenizer.Tokenizer stands here.
type letters struct{}

func (letters) Encode(text string) ([]int32, error) {
	var ids []int32
	for _, b := range []byte(text) {
		ids = append(ids, int32(b))
	}
	return ids, nil
}
func (letters) BOS() (int32, bool) { return 1, true }
func (letters) EOS() (int32, bool) { return 0, false }

// vowels is a model that gives each vowel probability 1/8 and every other letter 1/64. In a program a *generate.Engine or a
// generate.Batched over a model stands here.
type vowels struct{}

func (vowels) Score(_ context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error) {
	out := make([]generate.ScoreResult, len(requests))
	for i, r := range requests {
		for _, id := range r.Continuation {
			p := 1. / 64
			switch id {
			case 'a', 'e', 'i', 'o', 'u':
				p = 1. / 8
			}
			out[i].LogProbs = append(out[i].LogProbs, float32(math.Log(p)))
			out[i].Greedy = append(out[i].Greedy, id == 'a')
		}
	}
	return out, nil
}

// Options are ranked by what the model thinks of " " + option behind the prompt: by the sum, per character and per token.
// The sum prefers what is short.
func ExampleMultipleChoice() {
	items := []eval.Item{
		{ID: "1", Prompt: "A bird says", Options: []string{"caw", "grrr"}, Answer: 0, Kind: "sounds"},
		{ID: "2", Prompt: "A wolf says", Options: []string{"hm", "aooou"}, Answer: 1, Kind: "sounds"},
	}
	got, err := eval.MultipleChoice(context.Background(), vowels{}, eval.Encoder{Tok: letters{}, AddBOS: true, Window: 64}, items)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("by sum %.2f, per character %.2f, per token %.2f; guessing gives %.2f\n",
		got.Acc.Mean, got.AccNorm.Mean, got.AccMean.Mean, got.Chance)
	// Output: by sum 0.50, per character 1.00, per token 1.00; guessing gives 0.50
}

// A perplexity of 8 is a model that hesitates between eight equally likely tokens.
func ExamplePerplexity() {
	got, err := eval.Perplexity(context.Background(), vowels{}, eval.Encoder{Tok: letters{}, AddBOS: true, Window: 4},
		data.All([]string{"aeiou", "ooo"}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d texts, %d tokens: perplexity %.2f, %.2f bits a byte\n", got.Texts, got.Tokens, got.Perplexity, got.BitsByte)
	// Output: 2 texts, 8 tokens: perplexity 8.00, 3.00 bits a byte
}

// Where a prompt ends in white space, the space belongs to the continuation, as it does inside a text.
func ExampleEncoder_Request() {
	r, err := eval.Encoder{Tok: letters{}}.Request("Who? ", "Me")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(r.Prompt), len(r.Continuation))
	// Output: 4 3
}
