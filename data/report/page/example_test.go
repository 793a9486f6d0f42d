package page_test

import (
	"fmt"

	"github.com/primer-lm/primer/data/report/page"
)

// Lengths become the bars of a chart.
func ExampleLengths() {
	var words page.Histogram
	for _, n := range []float64{3, 5, 5, 9} {
		words.Add(n)
	}
	chart := page.Lengths("Words", &words)
	fmt.Println(chart.Title, chart.Note)
	for _, b := range chart.Bars {
		fmt.Println(b.Name, b.N, b.Share)
	}
	// Output:
	// Words mean 5.5, 3 to 9
	// 3 1 25.0%
	// 4–5 2 50.0%
	// 6–7 0 0.0%
	// 8–11 1 25.0%
}
