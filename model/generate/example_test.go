package generate_test

import (
	"context"
	"fmt"
	"log"
	"reflect"
	"sync"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
)

// Many goroutines hand requests to one engine, which computes them together. What each gets, also when it samples, is what
// it would get alone.
func ExampleEngine() {
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	m, free := randomModel(b)
	defer free()
	engine, err := generate.New(m, generate.Options{CacheTokens: 256})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	requests := []generate.Request{
		{Prompt: []int32{1, 7, 9}, MaxNewTokens: 12},                                                 // greedy
		{Prompt: []int32{1, 30, 31, 32, 33}, MaxNewTokens: 20, Temperature: 0.8, TopP: 0.9, Seed: 5}, // sampled
	}
	together := make([]generate.Result, len(requests))
	var all sync.WaitGroup
	for i, r := range requests {
		all.Go(func() {
			res, err := engine.Generate(context.Background(), r)
			if err != nil {
				log.Fatal(err)
			}
			together[i] = res
		})
	}
	all.Wait()
	for i, r := range requests {
		alone, err := engine.Generate(context.Background(), r)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(alone.Tokens), alone.Finish, reflect.DeepEqual(alone.Tokens, together[i].Tokens))
	}
	// Output:
	// 12 length true
	// 20 length true
}

// Scoring tells how probable a given continuation is; what the model itself would write is its own arg max.
func ExampleEngine_Score() {
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	m, free := randomModel(b)
	defer free()
	engine, err := generate.New(m, generate.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	ctx, prompt := context.Background(), []int32{1, 7, 9}
	greedy, err := engine.Generate(ctx, generate.Request{Prompt: prompt, MaxNewTokens: 4})
	if err != nil {
		log.Fatal(err)
	}
	other := []int32{11, 12, 13, 14}
	scores, err := engine.Score(ctx, []generate.ScoreRequest{{Prompt: prompt, Continuation: greedy.Tokens}, {Prompt: prompt, Continuation: other}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(scores[0].Greedy, scores[0].Sum() > scores[1].Sum())
	// Output: [true true true true] true
}

// randomModel is a model of two small layers with fresh weights; a real one comes from model.Open and a folder.
func randomModel(b kernels.Backend) (m *model.Model, free func()) {
	c := &model.Config{ModelType: model.Llama, VocabSize: 50, HiddenSize: 16, IntermediateSize: 24, NumHiddenLayers: 2, NumHeads: 2,
		NumKeyValueHeads: 1, HeadDim: 8, MaxPositions: 64, HiddenAct: "silu", RMSNormEps: 1e-5,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.5}
	t, err := model.OpenTrainer(b, c, model.Options{Tokens: 2, Math: kernels.F32})
	if err != nil {
		log.Fatal(err)
	}
	if err := t.Initialize(7); err != nil {
		log.Fatal(err)
	}
	m, err = t.Inference(model.InferOptions{Tokens: 64, Docs: 8, PageSize: 8}) // a PageSize is what generation needs
	if err != nil {
		log.Fatal(err)
	}
	return m, func() { m.Close(); t.Close() }
}
