package gpu

import (
	"errors"
	"fmt"
	"io"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
)

// exercised begins the line that exercise ends with.
const exercised = "gpucheck: ops run: "

// exercise runs every op once at every layer's shapes, attention with each of its variants, for compute-sanitizer; it ends with a
// line that says how many ran.
func exercise(name string, shapes *Shapes, out io.Writer) error {
	b, err := device.Open(name)
	if err != nil {
		return err
	}
	ran := 0
	for _, layer := range shapes.Layers {
		for _, o := range opTable() {
			for _, mode := range modesOf(b, o.name) {
				if err := once(b, shapes, layer, o, mode); err != nil {
					return errors.Join(fmt.Errorf("%s %s of %s: %w", o.name, mode, layer.Model, err), b.Close())
				}
				ran++
			}
		}
	}
	if err := b.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s%d\n", exercised, ran)
	return err
}

// modesOf lists what to force for an op: its variants, or "" for the one in use.
func modesOf(b kernels.Backend, op string) (modes []string) {
	if op != "Attention" && op != "AttentionBackward" {
		return []string{""}
	}
	prefix := passes[map[string]string{"Attention": "forward", "AttentionBackward": "backward"}[op]]
	return withPrefix(attentionModesOf(b), prefix)
}

// once runs one op with its own tensors.
func once(b kernels.Backend, shapes *Shapes, layer Layer, o op, mode string) error {
	forget, err := force(b, mode)
	if err != nil {
		return err
	}
	defer forget()
	f := &fixture{backend: b}
	defer f.release()
	return caught(func() error {
		o.make(shapeOf(f, layer, shapes.Models[layer.Model])).run()
		return b.Sync()
	})
}
