package hf

import (
	"fmt"
	"io"
	"path"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/model"
)

// WriteTensors writes tensors of a model's names and shapes that are not its weights (an optimizer's moments) into a
// sub-folder, without config.json. out.Config says which; out.Tokenizer is not looked at.
func WriteTensors(dir *durable.Dir, sub string, out Output) error {
	if _, ok := dtypeLong[out.DType]; !ok {
		return fmt.Errorf("%w: tensors cannot be written as %q, only as F32, BF16 or F16", ErrTensor, out.DType)
	}
	shards := planShards(out.Config, dtypeBytes[out.DType], out.MaxShard)
	if len(shards) > 1 {
		index := formatIndex(shards, dtypeBytes[out.DType])
		if err := dir.WriteFile(path.Join(sub, IndexName), func(w io.Writer) error { _, err := w.Write(index); return err }); err != nil {
			return err
		}
	}
	for _, s := range shards {
		if err := dir.WriteFile(path.Join(sub, s.name), func(w io.Writer) error { return s.write(w, out) }); err != nil {
			return err
		}
	}
	return nil
}

// OpenTensors opens what WriteTensors wrote, checked against the model's names and shapes.
func OpenTensors(dir, sub string, config *model.Config) (*Folder, error) {
	return openTensors(filepath.Join(dir, sub), config)
}
