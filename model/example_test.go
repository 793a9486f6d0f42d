package model_test

import (
	"fmt"
	"log"
	"math"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// Everything about a model follows from its configuration, before anything is allocated.
func ExampleConfig() {
	c := model.Config{ModelType: model.Mistral, VocabSize: 32000, HiddenSize: 4096, IntermediateSize: 14336, NumHiddenLayers: 32,
		NumHeads: 32, NumKeyValueHeads: 8, HeadDim: 128, MaxPositions: 32768, HiddenAct: "silu", RMSNormEps: 1e-5, SlidingWindow: 4096,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.02}
	if err := c.Validate(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.NumParams(), "parameters")
	qkv := c.Params()[2]
	fmt.Println(qkv.Name, qkv.Shape)
	for _, v := range qkv.Views {
		fmt.Println(" ", v.Name, v.Shape)
	}
	c.NumKeyValueHeads = 7
	fmt.Println(c.Validate())
	// Output:
	// 7241732096 parameters
	// model.layers.0.self_attn.qkv_proj.weight [6144 4096]
	//   model.layers.0.self_attn.q_proj.weight [4096 4096]
	//   model.layers.0.self_attn.k_proj.weight [1024 4096]
	//   model.layers.0.self_attn.v_proj.weight [1024 4096]
	// model configuration: num_attention_heads (32) is no multiple of num_key_value_heads (7)
}

// A step of training is micro-batches of documents, one after another without padding: here two, of five and three tokens.
// The optimizer's part of a step, and everything around it, is package train's.
func ExampleTrainer() {
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	c := &model.Config{ModelType: model.Llama, VocabSize: 55, HiddenSize: 16, IntermediateSize: 40, NumHiddenLayers: 2, NumHeads: 2,
		NumKeyValueHeads: 1, HeadDim: 8, MaxPositions: 32, HiddenAct: "silu", RMSNormEps: 1e-5,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.02}
	t, err := model.OpenTrainer(b, c, model.Options{Tokens: 32, Math: kernels.F32, Moments: kernels.F32})
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	if err := t.Initialize(1); err != nil {
		log.Fatal(err)
	}
	batch := &model.Batch{
		Tokens:  []int32{1, 5, 6, 7, 8, 1, 9, 10},
		Targets: []int32{5, 6, 7, 8, 2, 9, 10, 2},
		CuLens:  []int32{0, 5, 8},
	}
	batch.Scale = 1 / float32(batch.LossTokens())
	if err := t.MicroBatch(batch, true, nil); err != nil { // issues forward and backward
		log.Fatal(err)
	}
	sum, err := t.LossSum() // waits; over the tokens that have a loss
	if err != nil {
		log.Fatal(err)
	}
	grad := t.State().Grad // one flat tensor; t.Flat says where each parameter lies in it
	fmt.Printf("loss %.1f, that of guessing among %d tokens: %.1f\n", sum*float64(batch.Scale), c.VocabSize, math.Log(float64(c.VocabSize)))
	fmt.Println(t.Plan().Params, "parameters, gradients in", grad.Type, grad.Len() == t.Flat().Len)
	// Output:
	// loss 4.0, that of guessing among 55 tokens: 4.0
	// 7216 parameters, gradients in f32 true
}

// A model from a folder, for scoring: which token it holds most probable behind each token of a document.
func ExampleOpen() {
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	folder, err := hf.OpenFolder("testdata/goldens/llama2-mha")
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close() // after the model: it reads the weights where they are mapped
	m, err := model.Open(b, folder.Config, folder, model.InferOptions{Tokens: 64, Math: kernels.F32})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	doc := []int32{1, 5, 6, 7, 8}
	scores, err := m.Score(&model.Batch{Tokens: doc[:4], Targets: doc[1:], CuLens: []int32{0, 4}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(scores.NLL), scores.ArgMax)
	// Output: 4 [35 52 81 80]
}
