package gpu

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
)

// worker is our side: a process that answers cases, one JSON object a line each way, until its input ends.
type worker struct {
	name    string // of the device
	shapes  *Shapes
	backend kernels.Backend
	opened  float64 // seconds that it took
	gen     *generator
	genOf   string // model of gen
}

// serve answers every case of in on out.
func serve(device string, shapes *Shapes, in io.Reader, out io.Writer) error {
	w := &worker{name: device, shapes: shapes}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return errors.Join(fmt.Errorf("a case that cannot be read: %w", err), w.close())
		}
		a, err := w.answer(c)
		if err != nil {
			a.Error = err.Error()
		}
		line, err := json.Marshal(a)
		if err != nil {
			return errors.Join(err, w.close())
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return errors.Join(err, w.close())
		}
	}
	return errors.Join(lines.Err(), w.close())
}

// answer measures one case; the first opens the device.
func (w *worker) answer(c Case) (Answer, error) {
	if w.backend == nil {
		began := time.Now()
		b, err := device.Open(w.name)
		if err != nil {
			return Answer{}, err
		}
		w.backend, w.opened = b, time.Since(began).Seconds()
	}
	switch c.Kind {
	case kindDescribe:
		return w.describe(), nil
	case kindStart:
		return Answer{Seconds: []float64{w.opened}, Clock: clockHost}, nil
	case kindPeaks:
		return w.peaks()
	case kindOp:
		return measureOp(w.backend, w.shapes, c)
	case kindAttend:
		return measureAttention(w.backend, c)
	case kindTrain:
		return measureTraining(w.backend, w.shapes, c)
	case kindGenerate:
		return w.generate(c)
	}
	return Answer{}, fmt.Errorf("no kind of case is called %q", c.Kind)
}

// describe says what the device is, and which variants attention has.
func (w *worker) describe() Answer {
	a := Answer{About: map[string]string{"device": w.backend.Name()}}
	if d, ok := w.backend.(interface{ Describe() map[string]string }); ok {
		for k, v := range d.Describe() {
			a.About[k] = v
		}
	}
	a.Modes = attentionModesOf(w.backend)
	return a
}

// peaks measures what the device can do, with the sizes of the shapes where they name some and the backend lets them be chosen.
func (w *worker) peaks() (a Answer, err error) {
	meter, ok := w.backend.(kernels.PeakMeter)
	if !ok {
		return a, fmt.Errorf("%s does not measure its peaks", w.backend.Name())
	}
	measure := meter.MeasurePeaks
	of, sized := w.backend.(interface {
		MeasurePeaksOf(size32, size16, bytes int64) (kernels.Peaks, error)
	})
	if n := w.shapes.Peaks; sized && n > 0 {
		measure = func() (kernels.Peaks, error) { return of.MeasurePeaksOf(n, n, n*n) }
	}
	p, err := measure()
	return Answer{GEMM: max(p.GEMM16, p.GEMM32), Copy: p.Copy, About: map[string]string{"f32 products": fmt.Sprintf("%.4g FLOP/s", p.GEMM32)}}, err
}

// generate keeps the model of the case before, where it is the same.
func (w *worker) generate(c Case) (a Answer, err error) {
	if w.gen != nil && w.genOf != c.Model {
		if err := w.closeModel(); err != nil {
			return a, err
		}
	}
	if w.gen == nil {
		if w.gen, err = openGenerator(w.backend, w.shapes, c.Model); err != nil {
			return a, err
		}
		w.genOf = c.Model
	}
	return w.gen.measure(w.backend, c)
}

func (w *worker) closeModel() error {
	if w.gen == nil {
		return nil
	}
	g := w.gen
	w.gen = nil
	return g.close()
}

func (w *worker) close() error {
	if w.backend == nil {
		return nil
	}
	return errors.Join(w.closeModel(), w.backend.Close())
}
