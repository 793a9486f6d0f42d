package model

import (
	"fmt"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// StoredMath is what Open computes in where Math says nothing: BF16 products for weights that are all stored in BF16, F32 for all
// else (so f32 is computed in f32, and f16, whose range BF16 has but whose precision it has not, loses nothing).
func StoredMath(c *Config, src Source) kernels.DType {
	for _, p := range c.Params() {
		for _, v := range p.Views {
			if s, ok := src.Stored(v.Name); ok && len(p.Shape) > 1 && s.DType != kernels.BF16 {
				return kernels.F32
			}
		}
	}
	return kernels.BF16
}

// loadWeights maps what lies in the source as it is needed (right dtype, aligned, and, for q,k,v and gate,up, one behind
// the other) and copies the rest into one allocation. Norms are always F32: they are small.
func (m *Model) loadWeights(src Source) error {
	if err := unchanged(src); err != nil {
		return err
	}
	params := m.cfg.Params()
	inPlace, slots := make([][]byte, len(params)), make([]*slot, len(params))
	for i := range params {
		p := &params[i]
		if len(p.Shape) > 1 {
			inPlace[i] = contiguous(p, m.opt.Math, src)
		}
		if inPlace[i] == nil {
			slots[i] = m.takeWeight(p)
		}
	}
	if err := m.copied.allocate(m.b); err != nil {
		return err
	}
	for i := range params {
		p := &params[i]
		t, err := m.weight(p, inPlace[i], slots[i], src)
		if err != nil {
			return err
		}
		if err := m.w.place(m.b, p, t, kernels.WeightFrozen, m.cfg.TieWordEmbeddings); err != nil {
			return err
		}
	}
	return unchanged(src)
}

// takeWeight plans room for a stored tensor.
func (m *Model) takeWeight(p *Param) *slot {
	if len(p.Shape) == 1 {
		return m.copied.take(exact(m.opt.Math), p.Shape...)
	}
	return m.copied.take(m.opt.Math, p.Shape...)
}

// drawWeights makes fresh weights where they will be used.
func (m *Model) drawWeights(seed uint64) error {
	params := m.cfg.Params()
	slots := make([]*slot, len(params))
	for i := range params {
		slots[i] = m.takeWeight(&params[i])
	}
	if err := m.copied.allocate(m.b); err != nil {
		return err
	}
	for i := range params {
		p, t := &params[i], slots[i].full()
		if err := m.cfg.drawParam(m.b, t, p, i, seed); err != nil {
			return fmt.Errorf("model: %s: %w", p.Name, err)
		}
		if err := m.w.place(m.b, p, t, kernels.WeightFrozen, m.cfg.TieWordEmbeddings); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) weight(p *Param, inPlace []byte, s *slot, src Source) (kernels.Tensor, error) {
	if inPlace != nil {
		mem, err := m.b.Map(kernels.MemWeights, inPlace)
		if err != nil {
			return kernels.Tensor{}, fmt.Errorf("model: %s: %w", p.Name, err)
		}
		m.mapped = append(m.mapped, mem)
		return kernels.NewTensor(mem, 0, m.opt.Math, p.Shape...), nil
	}
	t := s.full()
	for _, v := range p.Views {
		if v.Alias {
			continue
		}
		if err := loadView(m.b, t.Rows(v.From, v.Rows), v.Name, v.Shape, src, false); err != nil {
			return t, err
		}
	}
	return t, nil
}

// contiguous returns the source's bytes of a stored tensor when its views lie there one behind the other in dtype t.
func contiguous(p *Param, t kernels.DType, src Source) []byte {
	var all []byte
	for _, v := range p.Views {
		if v.Alias {
			continue
		}
		s, ok := src.Stored(v.Name)
		if !ok || !s.Mapped || s.DType != t || len(s.Bytes) == 0 {
			return nil
		}
		switch begin := address(s.Bytes); {
		case all == nil && begin%uintptr(t.Size()) == 0:
			all = s.Bytes
		case all != nil && begin == address(all)+uintptr(len(all)):
			all = unsafe.Slice(unsafe.SliceData(all), len(all)+len(s.Bytes))
		default:
			return nil
		}
	}
	return all
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
