package metric_test

import (
	"fmt"

	"github.com/primer-lm/primer/eval/metric"
)

func ExampleTokenF1() {
	// Case, punctuation and articles do not count; words that one side has and the other has not do.
	fmt.Printf("%.2f\n", metric.TokenF1("The market of Tezikas!", "market of tezikas"))
	fmt.Printf("%.2f\n", metric.TokenF1("soap and wool", "soap and silk and wool"))
	fmt.Printf("%.2f\n", metric.BestF1("wool", []string{"silk", "wool"}))
	// Output:
	// 1.00
	// 0.75
	// 1.00
}

// Pairs have no order, so generated and gold ones are matched one to one; a pair too many or too few costs.
func ExampleSetF1() {
	gold := []string{"Which hill is above Tezikas? Karifar", "What is sold? soap and wool"}
	fmt.Printf("%.2f\n", metric.SetF1([]string{gold[1], gold[0]}, gold))
	fmt.Printf("%.2f\n", metric.SetF1(gold[:1], gold))
	fmt.Printf("%.2f\n", metric.SetF1([]string{gold[0], "Who? Ann", "When? today"}, gold))
	// Output:
	// 1.00
	// 0.50
	// 0.33
}

// Two models on the same 400 questions: by how many standard errors is the second one better?
func ExampleLead() {
	answers := func(right int) []bool {
		out := make([]bool, 400)
		for i := range right {
			out[i] = true
		}
		return out
	}
	a, b := metric.Accuracy(answers(200)), metric.Accuracy(answers(240))
	fmt.Printf("%.3f ± %.3f and %.3f ± %.3f: %.1f standard errors\n", a.Mean, a.Stderr, b.Mean, b.Stderr, metric.Lead(b, a))
	// Output: 0.500 ± 0.025 and 0.600 ± 0.025: 2.9 standard errors
}
