package synth

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/tokenizer"
)

const (
	defaultInFlight   = 32
	defaultStepTokens = 512 // rows of a generation step: prompts are read in chunks of what decoding leaves of it
	pageSize          = 16
)

// Open makes a Synthesizer of a Hugging Face folder with a tokenizer.json. ctx bounds the opening alone. Close frees the
// device and unmaps the weights.
func Open(ctx context.Context, dir string, opts ...Option) (_ *Synthesizer, err error) {
	set := defaults()
	for _, o := range opts {
		o(&set)
	}
	var parts closers
	defer func() {
		if err != nil {
			err = errors.Join(err, parts.close())
		}
	}()
	if err := set.validate(); err != nil {
		return nil, err
	}
	folder, err := hf.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	parts.add(folder.Close)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	codec, tok, err := openCodec(dir, folder)
	if err != nil {
		return nil, err
	}
	parts.add(tok.Close)
	engine, err := openEngine(&parts, &set, folder, tok)
	if err != nil {
		return nil, err
	}
	s, err := New(codec, engine, set.rounds, set.inFlight, opts...)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.close = sync.OnceValue(parts.close)
	return s, nil
}

func openCodec(dir string, folder *hf.Folder) (*Codec, *tokenizer.Tokenizer, error) {
	tok, err := tokenizer.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	codec, err := NewCodec(tok)
	if err == nil {
		err = hf.CheckVocabulary(folder.Config, dir, tok.VocabSize())
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", dir, err), tok.Close())
	}
	return codec, tok, nil
}

func openEngine(parts *closers, set *settings, folder *hf.Folder, tok *tokenizer.Tokenizer) (*generate.Engine, error) {
	b, err := device.Open(set.device)
	if err != nil {
		return nil, err
	}
	parts.add(b.Close)
	if err := set.fit(folder.Config); err != nil {
		return nil, err
	}
	window := int64(set.rounds.Window)
	m, err := model.Open(b, folder.Config, folder, model.InferOptions{Tokens: max(set.stepTokens, int64(set.inFlight)), Docs: int64(set.inFlight),
		MaxLen: window, Math: kernels.NoType, LogitRows: int64(set.inFlight), PageSize: pageSize, Cache: set.cacheType})
	if err != nil {
		return nil, fmt.Errorf("opening the model: %w", err)
	}
	parts.add(func() error { m.Close(); return nil })
	engine, err := generate.New(m, generate.Options{CacheTokens: set.cache(), TokenBytes: tok.TokenBytes})
	if err != nil {
		return nil, err
	}
	parts.add(engine.Close)
	return engine, nil
}

// closers closes what was opened, the last first.
type closers struct{ fs []func() error }

func (c *closers) add(f func() error) { c.fs = append(c.fs, f) }

func (c *closers) close() error {
	var err error
	for i := len(c.fs) - 1; i >= 0; i-- {
		err = errors.Join(err, c.fs[i]())
	}
	c.fs = nil
	return err
}
