package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/tokenizer"
	"github.com/primer-lm/primer/train"
)

// quickstart is one run under way.
type quickstart struct {
	Settings
	backend kernels.Backend
	peak    float64 // FLOP/s of the GEMMs used
	tok     *tokenizer.Tokenizer
	codec   *synth.Codec
	world   *sample.World
	docs    *sample.GoCorpus
	report  *Report

	raw    []data.Document // the raw corpus: world texts, then Go texts
	goHeld []data.Document // Go texts that no model is trained on
	chains []data.Chain    // the raw corpus with verified pairs
	tuning []data.Example  // what the synthesizer was tuned on
}

// Quickstart runs everything and returns the report, which it has written to Out as report.json, report.md and report.png.
// A folder that holds an earlier quickstart is started over: the earlier one is moved aside.
func Quickstart(ctx context.Context, s Settings) (*Report, error) {
	q := &quickstart{Settings: s, report: &Report{Seed: s.Seed}}
	began := time.Now()
	if s.Base != "" { // before an earlier quickstart is moved
		if _, err := hf.ReadConfig(s.Base); err != nil {
			return nil, fmt.Errorf("base: %w", err)
		}
	}
	if err := q.open(); err != nil {
		return nil, err
	}
	defer q.close()
	for _, stage := range []struct {
		name string
		run  func(context.Context, *Stage) error
	}{
		{"tune", q.tune}, {"synthesize", q.synthesize}, {"verify", q.verify}, {"score synthesizer", q.scoreSynthesizer},
		{"pre-train vanilla", q.arm(Vanilla)}, {"pre-train mix", q.arm(Mix)}, {"pre-train instruct", q.arm(Instruct)},
		{"evaluate", q.evaluate},
	} {
		st := Stage{Name: stage.name}
		start := time.Now()
		if err := stage.run(ctx, &st); err != nil {
			return nil, fmt.Errorf("%s: %w", stage.name, err)
		}
		st.Seconds = time.Since(start).Seconds()
		if st.Tokens > 0 {
			st.TokensPerSecond = float64(st.Tokens) / st.Seconds
		}
		q.report.Stages = append(q.report.Stages, st)
		q.printf("%-18s %s", st.Name, st.describe())
	}
	q.report.Seconds = time.Since(began).Seconds()
	return q.report, q.report.write(durable.OS, s.Out)
}

// open makes the data and opens the device.
func (q *quickstart) open() (err error) {
	if err := q.moveAside(); err != nil {
		return err
	}
	if q.tok, err = tokenizer.FromBytes("sample tokenizer.json", sample.Tokenizer()); err != nil {
		return err
	}
	if q.codec, err = synth.NewCodec(q.tok); err != nil {
		return err
	}
	for _, m := range []*model.Config{&q.Settings.Model, &q.ArmsModel} {
		m.VocabSize, m.EOS = int64(q.tok.VocabSize()), []int32{q.codec.EOS()}
		if bos, ok := q.tok.BOS(); ok {
			m.BOS = []int32{bos}
		}
	}
	if err := q.World.Validate(); err != nil {
		return err
	}
	q.world = sample.NewWorld(q.Seed, q.World)
	q.Go.Seed = q.Seed
	if q.docs, err = sample.GoDocs("", q.Go); err != nil {
		return err
	}
	q.corpus()
	if q.backend, err = device.Open(q.Device); err != nil {
		return err
	}
	if meter, ok := q.backend.(kernels.PeakMeter); ok {
		peaks, err := meter.MeasurePeaks()
		if err != nil {
			return err
		}
		q.report.Peaks = peaks
	}
	q.resolveMath()
	q.report.GoVersion, q.report.GoHash, q.report.GoPackages = q.docs.Version, q.docs.Hash, len(q.docs.Packages)
	return nil
}

// resolveMath takes bf16 products where this machine computes them faster than f32 ones.
func (q *quickstart) resolveMath() {
	peaks, math := q.report.Peaks, train.MathF32
	if q.peak = peaks.GEMM32; peaks.GEMM16 > 1.2*peaks.GEMM32 {
		q.peak, math = peaks.GEMM16, train.MathBF16
	}
	for _, c := range []*train.Config{&q.BaseTrain, &q.Tune, &q.Settings.Arms} {
		if c.Math == mathAuto {
			c.Math = math
		}
	}
	q.report.Math = q.Tune.Math
}

// moveAside keeps an earlier quickstart of the folder, under the next free name.
func (q *quickstart) moveAside() error {
	if _, err := durable.OS.Stat(q.Out); err != nil {
		return durable.MkdirAll(durable.OS, q.Out)
	}
	for n := 1; ; n++ {
		old := fmt.Sprintf("%s.old-%d", filepath.Clean(q.Out), n)
		if _, err := durable.OS.Stat(old); err == nil {
			continue
		}
		if err := durable.RenameDir(durable.OS, q.Out, old); err != nil {
			return err
		}
		q.printf("the earlier quickstart now lies in %s", old)
		return durable.MkdirAll(durable.OS, q.Out)
	}
}

// corpus splits the sample: which texts are raw corpus, which are held out. Documents of one kind stand together, so that a
// chain is of one kind, as the tuning sequences are.
func (q *quickstart) corpus() {
	bySource := map[string][]data.Document{}
	var order []string
	add := func(d data.Document) {
		if bySource[d.Source] == nil {
			order = append(order, d.Source)
		}
		bySource[d.Source] = append(bySource[d.Source], d)
	}
	for _, ex := range q.world.Raw() {
		add(ex.Document)
	}
	held := int(q.GoHeldOut * float64(len(q.docs.Unseen)))
	for i, ex := range q.docs.Unseen {
		if i < held {
			q.goHeld = append(q.goHeld, ex.Document)
		} else {
			add(ex.Document)
		}
	}
	for _, source := range order {
		q.raw = append(q.raw, bySource[source]...)
	}
}

func (q *quickstart) close() {
	if q.backend != nil {
		_ = q.backend.Close() // nothing is issued any more; a failure before has been reported
	}
	_ = q.tok.Close()
}

func (q *quickstart) printf(format string, args ...any) {
	if q.Log != nil {
		fmt.Fprintf(q.Log, format+"\n", args...)
	}
}

var errShort = errors.New("the sample is too small for the settings")
