package page

import (
	"reflect"
	"strings"
	"testing"
)

func TestHistogramBins(t *testing.T) {
	var lengths Histogram
	for _, v := range []float64{0, 1, 3, 4, 5, 6, 7, 8, 11, 12, 100, 1000} {
		lengths.Add(v)
	}
	want := []Bin{{0, 1}, {1, 1}, {3, 1}, {4, 2}, {6, 2}, {8, 2}, {12, 1}, {96, 1}, {768, 1}}
	if !reflect.DeepEqual(lengths.Bins, want) || lengths.Max != 1000 || lengths.N != 12 || lengths.Next(96) != 128 || lengths.Next(4) != 6 || lengths.Next(2) != 3 {
		t.Errorf("%+v", lengths)
	}
	scores := Histogram{Step: 0.25}
	for _, v := range []float64{-0.3, -0.25, 0, 0.1, 0.25} {
		scores.Add(v)
	}
	if want := []Bin{{-0.5, 1}, {-0.25, 1}, {0, 2}, {0.25, 1}}; !reflect.DeepEqual(scores.Bins, want) || scores.Next(-0.5) != -0.25 {
		t.Errorf("%+v", scores)
	}
	thirds := Histogram{Step: 0.1}
	for i := range 11 {
		thirds.Add(float64(i) / 10)
	}
	if len(thirds.Bins) != 11 {
		t.Errorf("tenths share bins: %+v", thirds.Bins)
	}
}

func TestNumbers(t *testing.T) {
	if got := Group(1234567) + " " + Group(12) + " " + Percent(1, 3) + " " + Percent(1, 0) + " " + Short(-0.5) + " " + Short(2) + " " + Short(-0.001) + " " + Short(0) + " " + Short(20); got != "1\u202f234\u202f567 12 33.3% 0.0% −0.5 2 0 0 20" {
		t.Errorf("%q", got)
	}
	if got := Opening("How many towns?") + " " + Opening("  2. Why?") + " " + Opening("…") + " " + Opening(strings.Repeat("a", 15)); got != "how many why other other" {
		t.Errorf("%q", got)
	}
}

func TestCharts(t *testing.T) {
	c := Counted("t", "n", map[string]int{"a": 1, "b": 5, "c": 2, "d": 1, "e": 1}, 3)
	want := []Bar{{"b", 5, "50.0%", 100}, {"c", 2, "20.0%", 40}, {"all others", 3, "30.0%", 60}}
	if !reflect.DeepEqual(c.Bars, want) {
		t.Errorf("%+v", c.Bars)
	}
	var h Histogram
	for i := range 3000 {
		h.Add(float64(i))
	}
	if c := Lengths("t", &h); len(c.Bars) > maxBars || c.Bars[0].Width <= 0 || c.Note != "mean 1499.5, 0 to 2999" {
		t.Errorf("%d bars, %s", len(c.Bars), c.Note)
	}
	if got := Scores(map[string]Histogram{"gain": {N: 1, Bins: []Bin{{0, 1}}}}); len(got) != 1 || got[0].Title != "Its gain from the text" {
		t.Errorf("%+v", got)
	}
}

// A page has what it is given, escaped, in a frame that refers to nothing outside.
func TestPage(t *testing.T) {
	tmpl := Parse("x", `<!doctype html>{{template "style"}}{{template "tiles" .Tiles}}{{template "chart" .Chart}}`, nil)
	var b strings.Builder
	if err := tmpl.Execute(&b, map[string]any{"Tiles": []Tile{{"1", "<b>", "n"}}, "Chart": Chart{Title: "t", Bars: []Bar{{Name: "<script>", Width: 3}}}}); err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"<script", "http", "url(", "@import", "ZgotmplZ", "<b><b>"} {
		if strings.Contains(b.String(), not) {
			t.Errorf("the page has %q", not)
		}
	}
	if !strings.Contains(b.String(), "&lt;script&gt;") || !strings.Contains(b.String(), "width:3.00%") {
		t.Error(b.String())
	}
}
