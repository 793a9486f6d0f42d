package ref

import "github.com/primer-lm/primer/kernels"

// readback copies at once: nothing here runs later than it is issued.
type readback struct {
	b      *Backend
	mem    *kernels.Memory
	filled int64
	failed error // why the last Fetch copied nothing
}

// OpenReadback makes room for results that are looked at later.
func (b *Backend) OpenReadback(bytes int64) (kernels.Readback, error) {
	mem, err := b.Alloc(kernels.MemStaging, bytes)
	if err != nil {
		return nil, err
	}
	return &readback{b: b, mem: mem}, nil
}

func (r *readback) Fetch(src ...kernels.Tensor) {
	r.filled = kernels.CheckReadback(r.mem.Size, src)
	r.failed = r.b.run(func() error {
		to := r.bytes()
		for _, t := range src {
			to = to[copy(to, t.HostBytes()):]
		}
		return nil
	})
}

func (r *readback) Wait() ([]byte, error) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	if r.failed != nil {
		return nil, r.failed
	}
	if r.b.failed != nil {
		return nil, r.b.failed
	}
	return r.bytes(), nil
}

func (r *readback) bytes() []byte {
	return kernels.NewTensor(r.mem, 0, kernels.U8, r.filled).HostBytes()
}

func (r *readback) Close() { r.b.Free(r.mem) }
