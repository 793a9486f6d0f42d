package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// A checkpoint is a Hugging Face folder with float32 master weights, and beside them
//
//	exp_avg/, exp_avg_sq/   AdamW's moments, safetensors under the weights' names and logical shapes
//	training.json           position, and which device and kernel variants computed it
//
// so that another world size, device or layout of the flat buffers can read it.
const (
	stateName  = "training.json"
	momentName = "exp_avg"
	squareName = "exp_avg_sq"
)

// savedState is training.json.
type savedState struct {
	Version  int      `json:"version"`
	Position Position `json:"position"`
	// Device is the kind of device that computed it: "cpu", "cuda". Absent in checkpoints written before it was recorded.
	Device string `json:"device,omitempty"`
	// Bits says, per op, which kind of bits its variant computes: going on with others on the same kind of device would change the
	// losses. Another kind of device computes others anyway.
	Bits map[string]string `json:"kernel_bits"`
	Math string            `json:"math"`
}

const stateVersion = 1

// maxShard keeps the files of large models within what tools and file systems handle gladly.
const maxShard = 5 << 30

// save writes a checkpoint into a folder that is being committed.
func save(dir *durable.Dir, m *model.Trainer, cfg Config, tokenizer []byte, at Position) error {
	st := m.State()
	dump := func(flat kernels.Tensor) func(model.View, io.Writer) error {
		return func(v model.View, w io.Writer) error { return m.WriteView(w, flat, v.Name, kernels.F32) }
	}
	if err := hf.WriteFolder(dir, hf.Output{Config: m.Config(), DType: "F32", MaxShard: maxShard, Tokenizer: tokenizer, Tensor: dump(st.Master)}); err != nil {
		return err
	}
	for sub, flat := range map[string]kernels.Tensor{momentName: st.M, squareName: st.V} {
		if err := hf.WriteTensors(dir, sub, hf.Output{Config: m.Config(), DType: "F32", MaxShard: maxShard, Tensor: dump(flat)}); err != nil {
			return err
		}
	}
	raw, err := json.MarshalIndent(savedState{stateVersion, at, deviceKind(m.Backend()), bitsOf(m.Backend()), cfg.Math}, "", "  ")
	if err != nil {
		return err
	}
	return dir.WriteFile(stateName, func(w io.Writer) error { _, err := w.Write(append(raw, '\n')); return err })
}

// readState reads training.json.
func readState(dir string, math string) (st savedState, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil {
		return st, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&st); err != nil {
		return st, fmt.Errorf("%w: %s: %w", ErrCheckpoint, stateName, err)
	}
	switch {
	case st.Version != stateVersion:
		return st, fmt.Errorf("%w: %s is version %d, this program reads %d", ErrCheckpoint, stateName, st.Version, stateVersion)
	case st.Math != math:
		return st, fmt.Errorf("%w: was computed with math %s, the run asks for %s", ErrCheckpoint, st.Math, math)
	}
	return st, nil
}

// restore fills a model from a checkpoint and returns its position. moved is the kind of device that computed it, where that is
// not the model's: the run goes on from the same numbers, and its losses will differ in their last digits.
func restore(dir string, m *model.Trainer, cfg Config) (at Position, moved string, err error) {
	st, err := readState(dir, cfg.Math)
	if err != nil {
		return Position{}, "", err
	}
	if st.Device != "" && st.Device != deviceKind(m.Backend()) {
		moved = st.Device
	} else if err := keepBits(m.Backend(), st.Bits); err != nil {
		return Position{}, "", err
	}
	return st.Position, moved, restoreTensors(dir, m)
}

// restoreTensors fills weights and moments.
func restoreTensors(dir string, m *model.Trainer) error {
	weights, err := hf.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer weights.Close()
	if got, want := hf.FormatConfig(weights.Config), hf.FormatConfig(stored(m.Config())); !bytes.Equal(got, want) {
		return fmt.Errorf("%w: holds a model of another architecture: config.json is\n%s\nthe run has\n%s", ErrCheckpoint, got, want)
	}
	if err := m.Load(weights); err != nil {
		return err
	}
	state := m.State()
	for sub, flat := range map[string]kernels.Tensor{momentName: state.M, squareName: state.V} {
		if err := restoreMoment(dir, sub, m, flat); err != nil {
			return err
		}
	}
	return nil
}

func restoreMoment(dir, sub string, m *model.Trainer, flat kernels.Tensor) error {
	moments, err := hf.OpenTensors(dir, sub, m.Config())
	if err != nil {
		return err
	}
	defer moments.Close()
	return m.LoadInto(flat, moments)
}

// stored is a configuration as a checkpoint writes it.
func stored(c *model.Config) *model.Config {
	out := *c
	out.DType = "float32"
	return &out
}

// deviceKind is a backend's name without its number: bits are those of a kind of device.
func deviceKind(b kernels.Backend) string {
	kind, _, _ := strings.Cut(b.Name(), ":")
	return kind
}

func bitsOf(b kernels.Backend) map[string]string {
	out := map[string]string{}
	for _, v := range b.Variants() {
		if v.InUse {
			out[v.Op] = v.Bits
		}
	}
	return out
}

// keepBits forces, for every op whose choice here would compute other bits than the checkpoint's, a variant that computes
// the same; none on this machine is an error.
func keepBits(b kernels.Backend, want map[string]string) error {
	table := b.Variants()
	spec := ""
	for _, v := range table {
		if v.InUse && want[v.Op] != "" && v.Bits != want[v.Op] {
			name := sameBits(table, v.Op, want[v.Op])
			if name == "" {
				return fmt.Errorf("%w: %s was computed by variant kind %q, which this machine cannot run (it runs %q): resume on a machine of the first kind, or start anew",
					ErrCheckpoint, v.Op, want[v.Op], v.Bits)
			}
			spec += v.Op + "=" + name + ","
		}
	}
	if spec == "" {
		return nil
	}
	return kernels.Force(spec, table)
}

func sameBits(table []kernels.Variant, op, bits string) string {
	for _, v := range table {
		if v.Op == op && v.Available && v.Bits == bits {
			return v.Name
		}
	}
	return ""
}
