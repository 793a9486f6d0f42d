package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// The file names of a folder.
const (
	SingleName     = "model.safetensors"
	IndexName      = "model.safetensors.index.json"
	ConfigName     = "config.json"
	GenerationName = "generation_config.json"
	TokenizerName  = "tokenizer.json"
)

const (
	maxIndexBytes     = 64 << 20
	maxTokenizerBytes = 256 << 20
	maxShards         = 10_000
)

// View is one tensor of an open folder. Bytes lie in the mapped file, little-endian, valid until Close.
type View struct {
	DType string // "F32", "BF16" or "F16"
	Shape []int64
	Bytes []byte
	File  string
}

// Folder is an open model folder whose tensors are exactly those that its config.json describes.
type Folder struct {
	Config *model.Config
	dir    string
	files  []*mappedFile
	views  map[string]View
}

// OpenFolder reads dir/config.json, maps its safetensors and checks every name, dtype and shape against the configuration.
func OpenFolder(dir string) (*Folder, error) {
	config, err := ReadConfig(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	f, err := openTensors(dir, config)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func openTensors(dir string, config *model.Config) (_ *Folder, err error) {
	f := &Folder{Config: config, dir: dir, views: map[string]View{}}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, dir, err)
	}
	defer root.Close()
	if err := f.mapFiles(root); err != nil {
		return nil, err
	}
	if err := f.checkTensors(); err != nil {
		return nil, err
	}
	return f, nil
}

// mapFiles maps model.safetensors, or the shards that the index names.
func (f *Folder) mapFiles(root *os.Root) error {
	_, single := root.Lstat(SingleName)
	_, index := root.Lstat(IndexName)
	switch {
	case single == nil && index == nil:
		return fmt.Errorf("%w: %s holds both %s and %s: which one counts? Remove the other", ErrFile, f.dir, SingleName, IndexName)
	case single == nil:
		return f.mapFile(root, SingleName, nil)
	case index != nil && errors.Is(index, fs.ErrNotExist):
		return fmt.Errorf("%w: %s holds neither %s nor %s (pickled .bin and .pt weights are never loaded)", ErrFile, f.dir, SingleName, IndexName)
	}
	b, err := readSmall(root, IndexName, maxIndexBytes)
	if err != nil {
		return err
	}
	shards, err := parseIndex(b)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(f.dir, IndexName), err)
	}
	names := make([]string, 0, len(shards))
	for name := range shards {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := f.mapFile(root, name, shards[name]); err != nil {
			return err
		}
	}
	return nil
}

// parseIndex returns the tensors of each shard that an index names.
func parseIndex(b []byte) (map[string][]string, error) {
	top, err := decodeObject(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIndex, err)
	}
	weightMap, err := decodeObject(top["weight_map"])
	if err != nil {
		return nil, fmt.Errorf("%w: weight_map: %w", ErrIndex, err)
	}
	if len(weightMap) == 0 || len(weightMap) > maxTensors {
		return nil, fmt.Errorf("%w: weight_map has %d tensors, must be 1 to %d", ErrIndex, len(weightMap), maxTensors)
	}
	out := map[string][]string{}
	for tensor, raw := range weightMap {
		var name string
		if err := json.Unmarshal(raw, &name); err != nil {
			return nil, fmt.Errorf("%w: weight_map[%q] is %.40s, expected a file name", ErrIndex, tensor, raw)
		}
		if filepath.Base(name) != name || strings.ContainsAny(name, "\\\x00") || !strings.HasSuffix(name, ".safetensors") {
			return nil, fmt.Errorf("%w: weight_map[%q] is %q, expected the plain name of a .safetensors file in the folder", ErrIndex, tensor, name)
		}
		out[name] = append(out[name], tensor)
	}
	if len(out) > maxShards {
		return nil, fmt.Errorf("%w: %d shards, at most %d", ErrIndex, len(out), maxShards)
	}
	return out, nil
}

// mapFile adds one file's tensors; want, where given, is what the index says it holds.
func (f *Folder) mapFile(root *os.Root, name string, want []string) error {
	m, err := openMapped(root, name)
	if err != nil {
		return err
	}
	f.files = append(f.files, m)
	if want != nil {
		sort.Strings(want)
	}
	for _, e := range m.entries {
		if before, ok := f.views[e.Name]; ok {
			return fmt.Errorf("%w: %q is in %s and in %s", ErrTensor, e.Name, before.File, m.path)
		}
		if want != nil {
			if _, ok := slices.BinarySearch(want, e.Name); !ok {
				return fmt.Errorf("%w: %s holds %q, which the index does not place there", ErrIndex, m.path, e.Name)
			}
		}
		f.views[e.Name] = View{DType: e.DType, Shape: e.Shape, Bytes: m.data[e.Begin:e.End:e.End], File: m.path}
	}
	for _, name := range want {
		if v, ok := f.views[name]; !ok || v.File != m.path {
			return fmt.Errorf("%w: the index places %q in %s, which does not hold it", ErrIndex, name, m.path)
		}
	}
	return nil
}

// checkTensors holds the folder to the configuration: every tensor there, none unknown, shapes and dtypes right.
func (f *Folder) checkTensors() error {
	known := map[string]bool{}
	for _, p := range f.Config.Params() {
		for _, view := range p.Views {
			known[view.Name] = true
			got, ok := f.views[view.Name]
			if !ok && view.Alias {
				continue
			}
			if err := checkTensor(view, got, ok, f.dir); err != nil {
				return err
			}
			if first := f.views[p.Views[0].Name]; view.Alias && (got.DType != first.DType || !bytes.Equal(got.Bytes, first.Bytes)) {
				return fmt.Errorf("%w: %s: %q differs from %q, but tie_word_embeddings is true", ErrTensor, got.File, view.Name, p.Views[0].Name)
			}
		}
	}
	for name, v := range f.views {
		if !known[name] && !isRotaryBuffer(name, v, f.Config) {
			return fmt.Errorf("%w: %s: %q is no tensor of this configuration (biases, adapters and other architectures are not supported)", ErrTensor, v.File, name)
		}
	}
	return nil
}

func checkTensor(want model.View, got View, ok bool, dir string) error {
	if !ok {
		return fmt.Errorf("%w: %s: %q is missing", ErrTensor, dir, want.Name)
	}
	if !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("%w: %s: %q has shape %v, config.json makes it %v", ErrTensor, got.File, want.Name, got.Shape, want.Shape)
	}
	if got.DType != "F32" && got.DType != "BF16" && got.DType != "F16" {
		return fmt.Errorf("%w: %s: %q is %s, supported are F32, BF16 and F16", ErrTensor, got.File, want.Name, got.DType)
	}
	return nil
}

// isRotaryBuffer: the first Llama checkpoints carry the inverse frequencies, which follow from config.json and are not read.
func isRotaryBuffer(name string, v View, c *model.Config) bool {
	rest, ok := strings.CutPrefix(name, "model.layers.")
	if !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, ".")
	return rest == "self_attn.rotary_emb.inv_freq" && slices.Equal(v.Shape, []int64{c.HeadDim / 2})
}

// Tensor returns a tensor by its Hugging Face name; for tied embeddings, under both names.
func (f *Folder) Tensor(name string) (View, bool) {
	if v, ok := f.views[name]; ok {
		return v, true
	}
	if name == "lm_head.weight" && f.Config.TieWordEmbeddings {
		v, ok := f.views["model.embed_tokens.weight"]
		return v, ok
	}
	return View{}, false
}

// Check returns ErrChanged when a mapped file is no longer the one that was opened: to be called before and after a long
// read of tensors.
func (f *Folder) Check() error {
	for _, m := range f.files {
		if err := m.check(); err != nil {
			return err
		}
	}
	return nil
}

// TokenizerJSON reads the folder's tokenizer.json; nil without error when there is none.
func (f *Folder) TokenizerJSON() ([]byte, error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, f.dir, err)
	}
	defer root.Close()
	if _, err := root.Lstat(TokenizerName); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return readSmall(root, TokenizerName, maxTokenizerBytes)
}

// CheckVocabulary returns ErrVocabulary when a tokenizer of size ids cannot belong to a model: every id it can produce
// must have a row. A model may have more rows than the tokenizer (padded vocabularies).
func CheckVocabulary(c *model.Config, tokenizer string, size int) error {
	if int64(size) > c.VocabSize {
		return fmt.Errorf("%w: %s has %d tokens, but config.json says vocab_size %d: the tokenizer belongs to another model",
			ErrVocabulary, tokenizer, size, c.VocabSize)
	}
	return nil
}

// Close unmaps the files. Views are invalid afterwards.
func (f *Folder) Close() error {
	var first error
	for _, m := range f.files {
		if err := m.close(); first == nil {
			first = err
		}
	}
	f.files, f.views = nil, nil
	return first
}

// Stored implements model.Source.
func (f *Folder) Stored(name string) (model.Stored, bool) {
	v, ok := f.Tensor(name)
	if !ok {
		return model.Stored{}, false
	}
	return model.Stored{DType: storedTypes[v.DType], Shape: v.Shape, Bytes: v.Bytes, Mapped: true}, true
}

var storedTypes = map[string]kernels.DType{"F32": kernels.F32, "BF16": kernels.BF16, "F16": kernels.F16}
