package speed

import (
	"io"
	"math/rand/v2"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

const fixtureSeed = 1

// trainJob writes what a training job reads below dir: fresh weights as F32 and tokens of steps different steps.
func trainJob(dir string, s *Shape, threads int) (Job, error) {
	const steps = 8
	job := Job{Kind: "train", Folder: filepath.Join(dir, s.Name+"-f32"), Tokens: filepath.Join(dir, s.Name+"-rows"), T: s.T, Rows: s.Rows,
		Threads: threads, Rate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Clip: 1}
	if err := WriteModel(job.Folder, &s.Config, "F32", nil); err != nil {
		return job, err
	}
	return job, writeRandomTokens(job.Tokens, steps*s.Rows*(s.T+1), s.Config.VocabSize)
}

// generateJob writes what a generation job reads below dir: fresh weights as BF16 and a prompt of T tokens a sequence.
func generateJob(dir string, s *Shape, threads int) (Job, error) {
	job := Job{Kind: "generate", Folder: filepath.Join(dir, s.Name+"-bf16"), Tokens: filepath.Join(dir, s.Name+"-prompts"), T: s.T,
		Prompt: s.Prompt, New: s.New, Seqs: s.Seqs, Threads: threads}
	if err := WriteModel(job.Folder, &s.Config, "BF16", nil); err != nil {
		return job, err
	}
	return job, writeRandomTokens(job.Tokens, s.Seqs*s.T, s.Config.VocabSize)
}

// WriteModel writes a freshly initialised model as a Hugging Face folder, its weights as "F32" or "BF16"; tokenizer is its tokenizer.json, or nil.
func WriteModel(folder string, c *model.Config, dtype string, tokenizer []byte) error {
	backend, err := cpu.Open(cpu.Options{})
	if err != nil {
		return err
	}
	defer backend.Close()
	t, err := model.OpenTrainer(backend, c, model.Options{Tokens: 1, Math: kernels.F32})
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Initialize(fixtureSeed); err != nil {
		return err
	}
	stored := map[string]kernels.DType{"F32": kernels.F32, "BF16": kernels.BF16}[dtype]
	return durable.CommitDir(durable.OS, folder, func(tmp *durable.Dir) error {
		return hf.WriteFolder(tmp, hf.Output{Config: c, DType: dtype, Tokenizer: tokenizer, Tensor: func(v model.View, w io.Writer) error {
			return t.WriteView(w, t.State().Master, v.Name, stored)
		}})
	})
}

// writeRandomTokens writes n token ids distributed as words are, rank r with probability about 1/(r+10).
func writeRandomTokens(path string, n int, vocab int64) error {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(fixtureSeed, 0)), 1.05, 10, uint64(vocab-1))
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(zipf.Uint64())
	}
	return durable.WriteFile(durable.OS, path, func(w io.Writer) error { return writeTokens(w, tokens) })
}
