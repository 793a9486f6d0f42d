package model

import (
	"encoding/binary"
	"math"

	"github.com/primer-lm/primer/kernels"
)

// Outcome is what the host learns of a step, once the device is through with it.
type Outcome struct {
	LossSum  float64 // over all tokens that have a loss, in nats, not yet divided by their number
	GradNorm float64 // before clipping
	Finite   bool    // norm and loss are, and so the optimizer has written
}

func (l *trainLayout) outcomeBytes() int64 { return l.loss.shape.Bytes() + l.clip.shape.Bytes() }

// FetchOutcome issues the copy of a step's outcome to the host; behind the optimizer's ops. Nothing waits.
func (t *Trainer) FetchOutcome() { t.outcome.Fetch(t.layout.loss.full(), t.layout.clip.full()) }

// Outcome waits for what the last FetchOutcome asked for, and for nothing issued since: the device has the next step to work
// on meanwhile. It returns the first failure, which stays for Sync.
func (t *Trainer) Outcome() (out Outcome, err error) {
	raw, err := t.outcome.Wait()
	if err != nil {
		return out, err
	}
	loss, clip := raw[:8], raw[8:]
	at := func(i int) float64 {
		if t.layout.clip.shape.Type == kernels.F64 {
			return math.Float64frombits(le64(clip[8*i:]))
		}
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(clip[4*i:])))
	}
	return Outcome{LossSum: math.Float64frombits(le64(loss)), GradNorm: at(kernels.ClipNorm), Finite: at(kernels.ClipFinite) == 1}, nil
}

// LossSum waits for everything and returns the sum of the step's losses over all tokens that have one, in nats, not yet divided
// by their number.
func (t *Trainer) LossSum() (float64, error) {
	var raw [8]byte
	if err := t.b.Read(raw[:], t.layout.loss.full()); err != nil {
		return 0, err
	}
	return math.Float64frombits(le64(raw[:])), nil
}
