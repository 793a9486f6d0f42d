package pipeline

import (
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Plot draws the three loss curves and the scores as a PNG.
func (r *Report) Plot(w io.Writer) error {
	curves, err := r.curvesPlot()
	if err != nil {
		return err
	}
	scores, err := r.scoresPlot()
	if err != nil {
		return err
	}
	img := vgimg.New(12*vg.Inch, 4.5*vg.Inch)
	tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: vg.Points(24), PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(12)}
	canvas := plot.Align([][]*plot.Plot{{curves, scores}}, tiles, draw.New(img))
	curves.Draw(canvas[0][0])
	scores.Draw(canvas[0][1])
	_, err = vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

func (r *Report) curvesPlot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Pre-training loss", "tokens", "loss (nats per token)"
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	for i, c := range r.Curves {
		line, err := plotter.NewLine(smooth(c))
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = plotutil.Color(i), vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(c.Arm, line)
	}
	return p, nil
}

// smooth averages a curve over its last steps, an exponential mean with a weight of 0.1.
func smooth(c Curve) plotter.XYs {
	out := make(plotter.XYs, len(c.Losses))
	mean := 0.0
	for i, l := range c.Losses {
		if mean += 0.1 * (l - mean); i == 0 {
			mean = l
		}
		out[i] = plotter.XY{X: float64(c.Tokens[i]), Y: mean}
	}
	return out
}

func (r *Report) scoresPlot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = "Accuracy (bars: ± 2 standard errors)", "share of questions answered"
	p.Y.Min, p.Y.Max = 0, 1
	p.Legend.Top = true
	const width = 16.0
	var names []string
	for _, t := range tests {
		names = append(names, t.title)
	}
	for i, arm := range Arms {
		var values plotter.Values
		points := &scorePoints{}
		for j, t := range tests {
			s := r.Arms[arm].Tests[t.name].AccMean
			values = append(values, s.Mean)
			points.XYs = append(points.XYs, plotter.XY{X: float64(j), Y: s.Mean})
			points.YErrors = append(points.YErrors, struct{ Low, High float64 }{2 * s.Stderr, 2 * s.Stderr})
		}
		bars, err := plotter.NewBarChart(values, vg.Points(width))
		if err != nil {
			return nil, err
		}
		offset := vg.Points(width * float64(i-1))
		bars.Color, bars.Offset, bars.LineStyle.Width = plotutil.Color(i), offset, 0
		p.Add(bars)
		p.Legend.Add(arm, bars)
		whiskers, err := plotter.NewYErrorBars(points)
		if err != nil {
			return nil, err
		}
		p.Add(shifted{whiskers, offset})
	}
	chance := plotter.NewFunction(func(float64) float64 { return r.Arms[Vanilla].Chance })
	chance.Dashes = []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(chance)
	p.Legend.Add("chance", chance)
	p.NominalX(names...)
	return p, nil
}

type scorePoints struct {
	plotter.XYs
	plotter.YErrors
}

// shifted draws error bars beside the middle of their group, on their bar.
type shifted struct {
	*plotter.YErrorBars
	offset vg.Length
}

// Plot implements plot.Plotter.
func (s shifted) Plot(c draw.Canvas, p *plot.Plot) {
	c.Min.X += s.offset
	c.Max.X += s.offset
	s.YErrorBars.Plot(c, p)
}
