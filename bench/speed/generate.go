package speed

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// generateSide is our side of generation: model.Step on the paged cache and the sampling op, which is what a step of
// model/generate is, with sequences placed in the cache by hand so that prompts and new tokens can be timed apart.
type generateSide struct {
	job     Job
	backend kernels.Backend
	folder  *hf.Folder
	model   *model.Model
	memory  *kernels.Memory  // of cache and sampling
	k, v    []kernels.Tensor // of each layer, [pages,K,pageSize,D]
	pages   int              // of one sequence
	sample  kernels.SampleArgs
	prompts []int32 // [max(Seqs,1), T]
}

const pageSize = 16 // positions, as the engine's callers set it

func openGenerate(job Job) (_ side, err error) {
	s := &generateSide{job: job}
	if s.backend, err = cpu.Open(cpu.Options{Threads: job.Threads}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.prompts, err = readTokens(job.Tokens); err != nil {
		return nil, err
	}
	if len(s.prompts) != job.Seqs*job.T {
		return nil, fmt.Errorf("%s: %d tokens, want %d prompts of %d", job.Tokens, len(s.prompts), job.Seqs, job.T)
	}
	if s.folder, err = hf.OpenFolder(job.Folder); err != nil {
		return nil, err
	}
	dtype, ok := map[string]kernels.DType{"f32": kernels.F32, "bf16": kernels.BF16}[job.Mode]
	if !ok {
		return nil, fmt.Errorf("mode is %q, must be f32 or bf16", job.Mode)
	}
	if s.model, err = model.Open(s.backend, s.folder.Config, s.folder, model.InferOptions{Tokens: int64(max(job.T, job.Seqs)),
		Docs: int64(job.Seqs), MaxLen: int64(job.T), Math: dtype, LogitRows: int64(job.Seqs), PageSize: pageSize}); err != nil {
		return nil, err
	}
	return s, s.allocate()
}

// allocate makes the cache of all sequences and what sampling needs.
func (s *generateSide) allocate() error {
	c, seqs := s.folder.Config, int64(s.job.Seqs)
	s.pages = (s.job.T + pageSize - 1) / pageSize
	cache := kernels.ShapeOf(s.model.CacheType(), seqs*int64(s.pages), c.NumKeyValueHeads, pageSize, c.HeadDim)
	one := (cache.Bytes() + 63) / 64 * 64
	for _, t := range []struct {
		at    *kernels.Tensor
		dtype kernels.DType
	}{{&s.sample.Tokens, kernels.I32}, {&s.sample.LogProbs, kernels.F32}, {&s.sample.Temperature, kernels.F32}, {&s.sample.TopK, kernels.I32},
		{&s.sample.TopP, kernels.F32}, {&s.sample.MinP, kernels.F32}, {&s.sample.Seeds, kernels.I64}, {&s.sample.Positions, kernels.I64}} {
		*t.at = kernels.ShapeOf(t.dtype, seqs)
	}
	s.sample.Logits = kernels.ShapeOf(kernels.F32, seqs, c.VocabSize)
	work := s.backend.SamplePlan(s.sample)
	row := (8*seqs + 63) / 64 * 64
	var err error
	if s.memory, err = s.backend.Alloc(kernels.MemCache, 2*c.NumHiddenLayers*one+8*row+work); err != nil {
		return err
	}
	for i := range 2 * c.NumHiddenLayers {
		s.k = append(s.k, kernels.NewTensor(s.memory, i*one, cache.Type, cache.Dims()...))
	}
	s.k, s.v = s.k[:c.NumHiddenLayers], s.k[c.NumHiddenLayers:]
	at := 2 * c.NumHiddenLayers * one
	// Zero everywhere is greedy sampling.
	for _, t := range []*kernels.Tensor{&s.sample.Tokens, &s.sample.LogProbs, &s.sample.Temperature, &s.sample.TopK, &s.sample.TopP,
		&s.sample.MinP, &s.sample.Seeds, &s.sample.Positions} {
		*t, at = kernels.NewTensor(s.memory, at, t.Type, seqs), at+row
	}
	if work > 0 {
		s.sample.Work = kernels.NewTensor(s.memory, at, kernels.U8, work)
	}
	return nil
}

func (s *generateSide) turn(t Turn) (took Took, err error) {
	for i := range t.Count {
		var seconds float64
		switch t.Work {
		case WorkPrefill:
			seconds, took.Logits, err = s.prefill(i % s.job.Seqs)
		case WorkDecode:
			seconds, err = s.decode(1)
		case WorkBatched:
			seconds, err = s.decode(s.job.Seqs)
		default:
			err = fmt.Errorf("a side that generates cannot %s", t.Work)
		}
		if err != nil {
			return took, err
		}
		took.Seconds = append(took.Seconds, seconds)
	}
	return took, nil
}

// prefill times one prompt of T tokens, to its first new token.
func (s *generateSide) prefill(prompt int) (seconds float64, logits []float64, err error) {
	began := time.Now()
	out, _, err := s.step([]chunk{{from: 0, tokens: s.prompts[prompt*s.job.T:][:s.job.T]}})
	seconds = time.Since(began).Seconds()
	if err != nil {
		return seconds, nil, err
	}
	raw := make([]byte, 4*min(64, out.Dim(1)))
	err = s.backend.Read(raw, out.Reshape(out.Len()).Rows(0, int64(len(raw)/4)))
	for i := 0; i < len(raw); i += 4 {
		logits = append(logits, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[i:]))))
	}
	return seconds, logits, err
}

// decode reads seqs prompts and then times New steps of one greedy token for each.
func (s *generateSide) decode(seqs int) (seconds float64, err error) {
	chunks := make([]chunk, seqs)
	for q := range chunks {
		prompt := chunk{seq: q, tokens: s.prompts[q*s.job.T:][:s.job.Prompt]}
		_, next, err := s.step([]chunk{prompt})
		if err != nil {
			return 0, err
		}
		chunks[q] = chunk{seq: q, from: s.job.Prompt, tokens: next}
	}
	began := time.Now()
	for range s.job.New {
		_, next, err := s.step(chunks)
		if err != nil {
			return 0, err
		}
		for q := range chunks {
			chunks[q].from++
			chunks[q].tokens = next[q : q+1]
		}
	}
	return time.Since(began).Seconds(), nil
}

// chunk is what one sequence adds in a step: tokens from a position on.
type chunk struct {
	seq, from int
	tokens    []int32
}

// step adds chunks to their sequences; next is each one's most probable token.
func (s *generateSide) step(chunks []chunk) (logits kernels.Tensor, next []int32, err error) {
	in := &model.StepInput{CuLens: []int32{0}, K: s.k, V: s.v}
	for _, c := range chunks {
		for i, token := range c.tokens {
			at := c.from + i
			in.Tokens, in.Positions = append(in.Tokens, token), append(in.Positions, int32(at))
			in.Slots = append(in.Slots, int64((c.seq*s.pages+at/pageSize)*pageSize+at%pageSize))
		}
		in.CuLens, in.Lens = append(in.CuLens, int32(len(in.Tokens))), append(in.Lens, int32(c.from+len(c.tokens)))
		in.Rows = append(in.Rows, int32(len(in.Tokens)-1))
		for p := range s.pages {
			in.PageTable = append(in.PageTable, int32(c.seq*s.pages+p))
		}
	}
	if logits, err = s.model.Step(in); err != nil {
		return logits, nil, err
	}
	next, err = s.greedy(logits)
	return logits, next, err
}

// greedy samples the most probable token of each row and waits.
func (s *generateSide) greedy(logits kernels.Tensor) ([]int32, error) {
	n, a := logits.Dim(0), s.sample
	a.Logits = logits
	for _, t := range []*kernels.Tensor{&a.Tokens, &a.LogProbs, &a.Temperature, &a.TopK, &a.TopP, &a.MinP, &a.Seeds, &a.Positions} {
		*t = t.Rows(0, n)
	}
	s.backend.Sample(a)
	raw := make([]byte, 4*n)
	if err := s.backend.Read(raw, a.Tokens); err != nil {
		return nil, err
	}
	next := make([]int32, n)
	for i := range next {
		next[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return next, s.model.Sync()
}

func (s *generateSide) close() error {
	if s.memory != nil {
		s.backend.Free(s.memory)
	}
	if s.model != nil {
		s.model.Close()
	}
	if s.folder != nil {
		s.folder.Close()
	}
	return s.backend.Close()
}
