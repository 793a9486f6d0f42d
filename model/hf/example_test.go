package hf_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// A folder that opens holds exactly the tensors that its config.json describes; they are views of the mapped files.
func ExampleOpenFolder() {
	folder, err := hf.OpenFolder("../testdata/goldens/mistral-window")
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close()
	c := folder.Config
	fmt.Println(c.ModelType, c.NumHiddenLayers, "layers, window", c.SlidingWindow)
	k, ok := folder.Tensor("model.layers.0.self_attn.k_proj.weight")
	fmt.Println(ok, k.DType, k.Shape, len(k.Bytes), "bytes")
	_, err = hf.OpenFolder("../testdata")
	fmt.Println(errors.Is(err, hf.ErrFile))
	// Output:
	// mistral 3 layers, window 7
	// true BF16 [16 32] 1024 bytes
	// true
}

// Writing goes through a folder that appears whole or not at all. The numbers come from wherever they are: here from another
// folder, which is cut into shards; package train writes a trainer's weights with Trainer.WriteView.
func ExampleWriteFolder() {
	in, err := hf.OpenFolder("../testdata/goldens/mistral-window")
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	tmp, err := os.MkdirTemp("", "hf")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	dir := filepath.Join(tmp, "copy")
	err = durable.CommitDir(durable.OS, dir, func(d *durable.Dir) error {
		return hf.WriteFolder(d, hf.Output{Config: in.Config, DType: "BF16", MaxShard: 32 << 10, Tensor: func(v model.View, w io.Writer) error {
			t, _ := in.Tensor(v.Name)
			_, err := w.Write(t.Bytes)
			return err
		}})
	})
	if err != nil {
		log.Fatal(err)
	}
	out, err := hf.OpenFolder(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()
	a, _ := in.Tensor("lm_head.weight")
	b, _ := out.Tensor("lm_head.weight")
	fmt.Println(filepath.Base(b.File), string(a.Bytes) == string(b.Bytes))
	// Output: model-00003-of-00003.safetensors true
}
