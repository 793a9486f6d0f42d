package model_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// What the plan says is what is allocated, kind by kind, and a step allocates nothing.
func TestPlanIsWhatIsAllocated(t *testing.T) {
	g := openGolden(t, "llama-gqa-odd")
	var kept []int64
	for _, r := range []model.Recompute{model.RecomputeNone, model.RecomputeLight, model.RecomputeLayer} {
		for _, b := range backends(t) {
			o := model.Options{Tokens: 64, MaxLen: 40, Math: kernels.BF16, Recompute: r, Moments: kernels.F32, Dropout: 0.1}
			before := b.Usage()
			plan, err := model.NewPlan(b, g.folder.Config, o)
			if err != nil || b.Usage() != before {
				t.Fatalf("planning: %v, allocated %v", err, b.Usage() != before)
			}
			tr, err := model.OpenTrainer(b, g.folder.Config, o)
			if err != nil {
				t.Fatal(err)
			}
			after := b.Usage()
			for kind, want := range plan.Bytes {
				if got := after.Now[kind] - before.Now[kind]; got != want {
					t.Errorf("%s, recompute %v: %d bytes of %v, planned %d", b.Name(), r, got, kernels.MemoryKind(kind), want)
				}
			}
			if err := tr.Initialize(3); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				step(t, tr, nextTokens(g.Tokens[0]), nextTokens(g.Tokens[1]))
			}
			if b.Usage() != after {
				t.Errorf("%s: a step allocated memory: %v, before %v", b.Name(), b.Usage(), after)
			}
			tr.Close()
			if b.Usage().Now != before.Now {
				t.Errorf("%s: memory is left: %v", b.Name(), b.Usage().Now)
			}
			if b.Name() == "ref" {
				kept = append(kept, plan.Bytes[kernels.MemActivations])
			}
		}
	}
	if !(kept[0] > kept[1] && kept[1] > kept[2]) {
		t.Errorf("bytes of activations by recompute: %v, each must be less", kept)
	}
}

// The published sizes of the paper's models (Table 14).
func TestParameterCounts(t *testing.T) {
	c := model.Config{ModelType: model.Mistral, VocabSize: 32000, HiddenSize: 1536, IntermediateSize: 4320, NumHiddenLayers: 16, NumHeads: 24,
		NumKeyValueHeads: 24, HeadDim: 64}
	for _, want := range []int64{567_900_000, 1_347_500_000, 8_030_000_000} {
		if got := c.NumParams(); got < want-5_000_00 || got > want+5_000_00 {
			t.Errorf("%d parameters, published %d", got, want)
		}
		if c.NumHiddenLayers == 16 {
			c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumHeads, c.NumKeyValueHeads = 2048, 8192, 20, 32, 8
		} else {
			c.VocabSize, c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.HeadDim = 128256, 4096, 14336, 32, 128
		}
	}
}

// Buckets cover the flat buffer once, in the order of backward, and a bucket's gradient is final when it is announced.
func TestBucketsAreFinalWhenReady(t *testing.T) {
	for _, name := range []string{"llama3-tied", "llama3-headdim"} {
		g := openGolden(t, name)
		for _, b := range backends(t) {
			tr := openTrainer(t, b, g, model.Options{Math: kernels.F32})
			grad := tr.State().Grad
			mem, err := b.Alloc(kernels.MemWorkspace, grad.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Free(mem) })
			early := kernels.NewTensor(mem, 0, grad.Type, grad.Len())
			next := grad.Len()
			var names []string
			if err := tr.MicroBatch(nextTokens(g.Tokens...), true, func(bucket model.Bucket) {
				if bucket.From+bucket.Len != next {
					t.Errorf("%s: bucket %s ends at %d, not %d", name, bucket.Name, bucket.From+bucket.Len, next)
				}
				next = bucket.From
				names = append(names, bucket.Name)
				b.Copy(kernels.CopyArgs{Dst: early.Rows(bucket.From, bucket.Len), X: grad.Rows(bucket.From, bucket.Len)})
			}); err != nil {
				t.Fatal(err)
			}
			if err := tr.Sync(); err != nil {
				t.Fatal(err)
			}
			if next != 0 || strings.Join(names, ",") != "head,layer 1,layer 0,embed" {
				t.Errorf("%s: buckets %v end at %d", name, names, next)
			}
			if !slices.Equal(early.HostF32(), grad.HostF32()) {
				t.Errorf("%s on %s: a gradient changed after its bucket was announced", name, b.Name())
			}
		}
	}
}

// A trainer's weights, written as a folder, are the same numbers when they are loaded; generation uses them where they lie.
func TestFolderOfATrainer(t *testing.T) {
	g := openGolden(t, "mistral-full-tied")
	for _, b := range backends(t) {
		tr := openTrainer(t, b, g, model.Options{Math: kernels.BF16})
		if err := tr.Initialize(11); err != nil {
			t.Fatal(err)
		}
		for dtype, stored := range map[string]kernels.DType{"F32": kernels.F32, "BF16": kernels.BF16, "F16": kernels.F16} {
			folder := writeFolder(t, tr, dtype, stored)
			again := openTrainer(t, b, g, model.Options{Math: kernels.BF16})
			if err := again.Load(folder); err != nil {
				t.Fatal(err)
			}
			if same := slices.Equal(tr.State().Master.HostF32(), again.State().Master.HostF32()); same != (stored == kernels.F32) {
				t.Errorf("%s: weights through %s: equal %v", b.Name(), dtype, same)
			}
			if stored != kernels.BF16 {
				continue
			}
			if !slices.Equal(tr.State().Shadow.HostU16(), again.State().Shadow.HostU16()) {
				t.Errorf("%s: weights through bf16 differ from those that training multiplies", b.Name())
			}
			checkInPlace(t, b, tr, folder, nextTokens(g.Tokens...))
		}
	}
}

func writeFolder(t *testing.T, tr *model.Trainer, dtype string, stored kernels.DType) *hf.Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	err := durable.CommitDir(durable.OS, dir, func(tmp *durable.Dir) error {
		return hf.WriteFolder(tmp, hf.Output{Config: tr.Config(), DType: dtype, Tensor: func(v model.View, w io.Writer) error {
			return tr.WriteView(w, tr.State().Master, v.Name, stored)
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := hf.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	return folder
}

// checkInPlace: every matrix of a folder of our own is used in the mapped file, with no memory beside it but what the
// backend's Prepare takes for a layout of its own, and scores as the trainer does.
func checkInPlace(t *testing.T, b kernels.Backend, tr *model.Trainer, folder *hf.Folder, batch *model.Batch) {
	t.Helper()
	before := b.Usage().Now[kernels.MemWeights]
	m, err := model.Open(b, folder.Config, folder, model.InferOptions{Tokens: 64, MaxLen: 32})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	matrices, packed := int64(0), int64(0)
	for _, p := range folder.Config.Params() {
		if len(p.Shape) > 1 {
			matrices += 2 * p.Len()
			if p.Role != model.RoleEmbed || folder.Config.TieWordEmbeddings {
				packed += preparedBytes(t, b, p.Shape)
			}
		}
	}
	small := int64(4096 + 2*4*32*6) // norms, and the rope's tables
	if got := b.Usage().Now[kernels.MemWeights] - before; got < matrices+packed || got > matrices+packed+small {
		t.Errorf("%s: %d bytes of weights, %d are in the file and %d packed", b.Name(), got, matrices, packed)
	}
	want, err := tr.Score(batch)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := tr.Inference(model.InferOptions{Tokens: 64, MaxLen: 32})
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	for _, other := range []*model.Model{m, shared} {
		got, err := other.Score(batch)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.NLL, want.NLL) || !slices.Equal(got.ArgMax, want.ArgMax) {
			t.Errorf("%s: a loaded or shared model scores otherwise than the trainer", b.Name())
		}
	}
}

// preparedBytes is what the backend takes to prepare a frozen BF16 matrix.
func preparedBytes(t *testing.T, b kernels.Backend, shape []int64) int64 {
	t.Helper()
	mem, err := b.Alloc(kernels.MemInputs, 2*shape[0]*shape[1])
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free(mem)
	before := b.Usage().Now[kernels.MemWeights]
	w, err := b.Prepare(kernels.NewTensor(mem, 0, kernels.BF16, shape...), kernels.WeightFrozen)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release(w)
	return b.Usage().Now[kernels.MemWeights] - before
}

// Batches that do not fit are refused with a reason, and nothing is issued.
func TestBadBatchesAreRefused(t *testing.T) {
	g := openGolden(t, "llama2-mha")
	b := backends(t)[0]
	tr := openTrainer(t, b, g, model.Options{Math: kernels.F32, Docs: 2})
	good := func() *model.Batch { return nextTokens(g.Tokens...) }
	want := step(t, tr, good())
	for says, spoil := range map[string]func(*model.Batch){
		"0 tokens":                    func(b *model.Batch) { *b = model.Batch{CuLens: []int32{0}} },
		"token 96 of row 3":           func(b *model.Batch) { b.Tokens[3] = 96 },
		"token -1 of row 0":           func(b *model.Batch) { b.Tokens[0] = -1 },
		"target 96 of row 1":          func(b *model.Batch) { b.Targets[1] = 96 },
		"lengths differ":              func(b *model.Batch) { b.Targets = b.Targets[1:] },
		"0 documents":                 func(b *model.Batch) { b.CuLens = []int32{0} },
		"3 documents, opened for":     func(b *model.Batch) { b.CuLens = []int32{0, 3, 5, 48} },
		"documents span rows 1":       func(b *model.Batch) { b.CuLens[0] = 1 },
		"documents span rows 0 to 47": func(b *model.Batch) { b.CuLens[2] = 47 },
		"document 0 has 30":           func(b *model.Batch) { b.CuLens[1] = 30 },
		"document 1 has":              func(b *model.Batch) { b.CuLens[1] = -1; b.CuLens[2] = 48 },
		"position 24 of row 0":        func(b *model.Batch) { b.Positions = make([]int32, 48); b.Positions[0] = 24 },
		"scale is 0":                  func(b *model.Batch) { b.Scale = 0 },
	} {
		batch := good()
		spoil(batch)
		err := tr.MicroBatch(batch, true, nil)
		if !errors.Is(err, model.ErrBatch) || (!strings.Contains(err.Error(), says) && says != "document 1 has") {
			t.Errorf("%v, expected an error that says %q", err, says)
		}
	}
	long := nextTokens(append(slices.Clone(g.Tokens[0]), g.Tokens[1]...), g.Tokens[0])
	if err := tr.MicroBatch(long, true, nil); !errors.Is(err, model.ErrBatch) {
		t.Errorf("a batch larger than the plan: %v", err)
	}
	if got := step(t, tr, good()); got != want {
		t.Errorf("loss %v after refusals, %v before", got, want)
	}
}

func TestPlanPrints(t *testing.T) {
	g := openGolden(t, "llama2-mha")
	plan, err := model.NewPlan(backends(t)[0], g.folder.Config, model.Options{Tokens: 64, Math: kernels.F32, Moments: kernels.F32})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	plan.Print(&out)
	for _, want := range []string{"parameters    23712", "weights", "gradients", "optimizer", "activations", "workspace", "FLOPs/token"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, out.String())
		}
	}
}

// spoiled is a source with one element replaced.
type spoiled struct {
	model.Source
	name string
	bits []byte
}

func (s spoiled) Stored(name string) (model.Stored, bool) {
	out, ok := s.Source.Stored(name)
	if name == s.name {
		out.Bytes = slices.Clone(out.Bytes)
		copy(out.Bytes[len(s.bits)*3:], s.bits)
		out.Mapped = false
	}
	return out, ok
}

// Weights that are not finite are reported by name and place, in every dtype of a file.
func TestNonFiniteWeightsAreRefused(t *testing.T) {
	for golden, bits := range map[string][][]byte{
		"llama2-mha":     {{0, 0, 0x80, 0x7f}, {0, 0, 0x80, 0xff}, {1, 0, 0xc0, 0x7f}},
		"llama-gqa-odd":  {{0x80, 0x7f}, {0xc1, 0xff}},
		"llama3-headdim": {{0, 0x7c}, {1, 0xfc}},
	} {
		g := openGolden(t, golden)
		tr := openTrainer(t, backends(t)[0], g, model.Options{Math: kernels.F32})
		for _, b := range bits {
			err := tr.Load(spoiled{g.folder, "model.norm.weight", b})
			if !errors.Is(err, model.ErrNonFinite) || !strings.Contains(err.Error(), `"model.norm.weight": element 3`) {
				t.Errorf("%s with %x: %v", golden, b, err)
			}
		}
	}
}
