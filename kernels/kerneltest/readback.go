package kerneltest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// testReadback: what comes back is what stood in the tensors between the operations before Fetch and those after it, however
// late it is looked at; a failure before it comes back too, and stays for Sync.
func testReadback(b kernels.Backend) error {
	before := b.Usage().Now
	mem, err := b.Alloc(kernels.MemInputs, 4096)
	if err != nil {
		return err
	}
	r, err := b.OpenReadback(300)
	if err != nil {
		return err
	}
	if got := b.Usage().Now[kernels.MemStaging] - before[kernels.MemStaging]; got < 300 {
		return fmt.Errorf("a readback of 300 bytes counts as %d of %v", got, kernels.MemStaging)
	}
	if err := errors.Join(readbackIsInOrder(b, r, mem), readbackFails(b, r, mem)); err != nil {
		return err
	}
	tooLong := kernels.NewTensor(mem, 0, kernels.U8, 301)
	for name, src := range map[string]kernels.Tensor{"301 bytes": tooLong, "an absent tensor": {}} {
		if !refuses(func() { r.Fetch(src) }) {
			return fmt.Errorf("%s into a readback of 300 did not panic with a ShapeError", name)
		}
	}
	r.Close()
	b.Free(mem)
	if after := b.Usage().Now; after != before {
		return fmt.Errorf("after Close %v is held, before %v", after, before)
	}
	return b.Sync()
}

func readbackIsInOrder(b kernels.Backend, r kernels.Readback, mem *kernels.Memory) error {
	x, y := kernels.NewTensor(mem, 64, kernels.U8, 13), kernels.NewTensor(mem, 1024, kernels.F32, 71)
	for k := range 40 {
		b.Fill(kernels.FillArgs{Dst: x, Value: float64(k)})
		b.Fill(kernels.FillArgs{Dst: y, Value: float64(k)})
		r.Fetch(x, y)
		b.Fill(kernels.FillArgs{Dst: x, Value: 200})
		b.Fill(kernels.FillArgs{Dst: y, Value: 200})
		got, err := r.Wait()
		if err != nil {
			return err
		}
		want := append(bytes.Repeat([]byte{byte(k)}, 13), bytes.Repeat(encode(kernels.F32, []float64{float64(k)}), 71)...)
		if !bytes.Equal(got, want) {
			return fmt.Errorf("round %d: the readback holds %v, want %v", k, got, want)
		}
		again, err := r.Wait()
		if err != nil || !bytes.Equal(again, want) {
			return fmt.Errorf("round %d: waiting again: %v, %w", k, again, err)
		}
	}
	return nil
}

func readbackFails(b kernels.Backend, r kernels.Readback, mem *kernels.Memory) error {
	table, out := kernels.NewTensor(mem, 0, kernels.F32, 2, 4), kernels.NewTensor(mem, 1024, kernels.F32, 1, 4)
	token := kernels.NewTensor(mem, 512, kernels.I32, 1)
	b.Write(token, encode(kernels.I32, []float64{5}))
	b.Embed(kernels.EmbedArgs{Out: out, Table: table, Tokens: token})
	r.Fetch(out)
	fails := func(when string) error {
		for range 2 {
			if _, err := r.Wait(); !errors.Is(err, kernels.ErrDevice) {
				return fmt.Errorf("behind a failure, %s Wait says %v, want kernels.ErrDevice", when, err)
			}
		}
		return nil
	}
	if err := fails("before Sync"); err != nil {
		return err
	}
	if err := b.Sync(); !errors.Is(err, kernels.ErrDevice) {
		return fmt.Errorf("after Wait the failure is gone: Sync says %v", err)
	}
	if err := fails("after Sync"); err != nil {
		return err
	}
	b.Embed(kernels.EmbedArgs{Out: out, Table: table, Tokens: token})
	r.Fetch(out)
	if err := b.Sync(); !errors.Is(err, kernels.ErrDevice) {
		return fmt.Errorf("behind Fetch Sync says %v, want kernels.ErrDevice", err)
	}
	if err := fails("looked at only after Sync,"); err != nil {
		return err
	}
	r.Fetch(out)
	_, err := r.Wait()
	return err
}
