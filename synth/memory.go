package synth

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// Memory is what Open would take on the device, in bytes, but for the buffers of one step.
type Memory struct {
	Parameters  int64 `json:"parameters"`
	Weights     int64 `json:"weights_bytes"`
	Cache       int64 `json:"cache_bytes"`
	CacheTokens int64 `json:"cache_tokens"` // positions of the cache
	Window      int   `json:"window"`       // tokens
}

// PlanMemory says what Open with the same arguments would take; it reads no weights.
func PlanMemory(dir string, opts ...Option) (_ Memory, err error) {
	set := defaults()
	for _, o := range opts {
		o(&set)
	}
	if err := set.validate(); err != nil {
		return Memory{}, err
	}
	folder, err := hf.OpenFolder(dir)
	if err != nil {
		return Memory{}, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	c := folder.Config
	if err := set.fit(c); err != nil {
		return Memory{}, err
	}
	if err := set.rounds.validate(); err != nil {
		return Memory{}, err
	}
	m := Memory{CacheTokens: set.cache(), Window: set.rounds.Window}
	math := model.StoredMath(c, folder)
	for _, p := range c.Params() {
		n := int64(1)
		for _, d := range p.Shape {
			n *= d
		}
		m.Parameters += n
		for _, v := range p.Views {
			if _, ok := folder.Stored(v.Name); !ok {
				return m, fmt.Errorf("%s: %w: %s is missing", dir, hf.ErrTensor, v.Name)
			}
		}
	}
	pages := (m.CacheTokens + pageSize - 1) / pageSize
	m.Weights = m.Parameters * math.Size()
	m.Cache = 2 * c.NumHiddenLayers * pages * pageSize * c.NumKeyValueHeads * c.HeadDim * cmp.Or(set.cacheType, math).Size()
	return m, nil
}
