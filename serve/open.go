package serve

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/tokenizer"
)

// Load says how a model folder is opened.
type Load struct {
	Device      string // "cpu" (the default), "cuda:0", …
	Name        string // of the model to clients; "": the folder's
	Seats       int    // sequences computed at a time; 0: 32
	Window      int    // tokens of prompt and continuation together; 0: the model's own
	StepTokens  int    // rows of a step: prompts are read in chunks of what decoding leaves of it; 0: 512
	CacheTokens int64  // positions of the KV cache; 0: every seat's window, at most 64 Ki and at least one window
	CacheType   string // of the KV cache: "f32", "bf16"; "" or "auto": what the model computes in
	// NoPrefixCache computes every prompt from its beginning, so that no answer's time tells what others have asked.
	NoPrefixCache bool
}

const (
	defaultSeats      = 32
	defaultStepTokens = 512
	defaultCache      = 64 << 10
	pageSize          = 16
)

// Open loads a Hugging Face folder: weights, tokenizer and chat template. It computes and caches in the dtype of the stored weights.
// ctx bounds the loading alone.
func Open(ctx context.Context, dir string, l Load) (p Parts, err error) {
	var opened []func() error
	closeAll := func() (err error) {
		for i := len(opened) - 1; i >= 0; i-- {
			err = errors.Join(err, opened[i]())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	l.Device, l.Seats, l.StepTokens = or(l.Device, "cpu"), or(l.Seats, defaultSeats), or(l.StepTokens, defaultStepTokens)
	if l.Seats < 1 || l.StepTokens < 1 || l.Window < 0 || l.CacheTokens < 0 {
		return p, fmt.Errorf("%w: %d sequences, %d rows of a step, window %d, %d positions", ErrOptions, l.Seats, l.StepTokens, l.Window, l.CacheTokens)
	}
	cacheType, err := model.ParseCacheType(l.CacheType)
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	folder, err := hf.OpenFolder(dir)
	if err != nil {
		return p, err
	}
	opened = append(opened, folder.Close)
	tok, err := tokenizer.Open(dir)
	if err != nil {
		return p, err
	}
	opened = append(opened, tok.Close)
	if err := hf.CheckVocabulary(folder.Config, dir, tok.VocabSize()); err != nil {
		return p, fmt.Errorf("%s: %w", dir, err)
	}
	template, err := OpenTemplate(dir, tok)
	if err != nil {
		return p, fmt.Errorf("%s: %w", dir, err)
	}
	if err := ctx.Err(); err != nil {
		return p, err
	}
	b, err := device.Open(l.Device)
	if err != nil {
		return p, err
	}
	opened = append(opened, b.Close)
	window := or(int64(l.Window), folder.Config.MaxPositions)
	if window > folder.Config.MaxPositions {
		return p, fmt.Errorf("%w: window %d, but the model's max_position_embeddings is %d", generate.ErrTooLong, window, folder.Config.MaxPositions)
	}
	seats := int64(l.Seats)
	m, err := model.Open(b, folder.Config, folder, model.InferOptions{Tokens: max(int64(l.StepTokens), seats), Docs: seats, MaxLen: window,
		LogitRows: seats, PageSize: pageSize, Cache: cacheType})
	if err != nil {
		return p, fmt.Errorf("opening the model: %w", err)
	}
	opened = append(opened, func() error { m.Close(); return nil })
	cache := or(l.CacheTokens, max(min(seats*(window+pageSize), defaultCache), window+pageSize))
	if cache < window {
		return p, fmt.Errorf("%w: a cache of %d positions holds no request of the window, %d: raise it, or lower the window", ErrOptions, cache, window)
	}
	engine, err := generate.New(m, generate.Options{CacheTokens: cache, NoReuse: l.NoPrefixCache, TokenBytes: VisibleBytes(tok)})
	if err != nil {
		return p, err
	}
	opened = append(opened, engine.Close)
	if l.Name == "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return p, err
		}
		l.Name = filepath.Base(abs)
	}
	return Parts{Name: l.Name, Engine: engine, Seats: l.Seats, Window: int(window), Tokenizer: tok, Template: template, Close: closeAll}, ctx.Err()
}
