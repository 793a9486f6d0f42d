package datasets

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A program of ConvFinQA is steps such as subtract(206588, 181001), divide(#0, 181001):
// #k is the result of step k, const_100 is 100, const_m1 is -1; operations over a table
// name one of its rows. A bare number is a look-up.

var finStep = regexp.MustCompile(`^\s*,?\s*([a-z_]+)\(([^(),]*(?:\([^()]*\)[^(),]*)*),([^()]*(?:\([^()]*\)[^()]*)*)\)`)

var finSigns = map[string]string{"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "exp": "^", "greater": ">"}

var finTables = map[string]string{"table_max": "maximum", "table_min": "minimum", "table_sum": "sum", "table_average": "average"}

// finThought writes a program out, one step a line, the last with the answer as it is
// given. A program that cannot be followed, and a look-up, have no thought.
func finThought(program, answer string, table [][]string) string {
	var lines, results []string
	for rest := strings.TrimSpace(program); rest != ""; {
		m := finStep.FindStringSubmatch(rest)
		if m == nil {
			return ""
		}
		rest = strings.TrimSpace(rest[len(m[0]):])
		left, result, ok := finRun(m[1], strings.TrimSpace(m[2]), strings.TrimSpace(m[3]), results, table)
		if !ok {
			return ""
		}
		if rest == "" {
			result = answer
		}
		results = append(results, result)
		if m[1] == "greater" {
			lines = append(lines, left+": "+result)
		} else {
			lines = append(lines, left+" = "+result)
		}
	}
	return strings.Join(lines, "\n")
}

// finRun gives what stands left of the equals sign of a step, and its result.
func finRun(op, a, b string, results []string, table [][]string) (left, result string, ok bool) {
	if word, is := finTables[op]; is {
		value, ok := finTableRow(op, a, table)
		return "the " + word + " of " + a, finDigits(value), ok
	}
	sign, known := finSigns[op]
	x, ok1 := finArgument(a, results)
	y, ok2 := finArgument(b, results)
	if !known || !ok1 || !ok2 {
		return "", "", false
	}
	u, ok1 := finNumber(x)
	v, ok2 := finNumber(y)
	if !ok1 || !ok2 {
		return "", "", false
	}
	left = x + " " + sign + " " + y
	if op == "greater" {
		if u > v {
			return left, "yes", true
		}
		return left, "no", true
	}
	f := map[string]float64{"add": u + v, "subtract": u - v, "multiply": u * v, "divide": u / v, "exp": math.Pow(u, v)}[op]
	return left, finDigits(f), !math.IsInf(f, 0) && !math.IsNaN(f)
}

// finArgument is a number as it is printed: a result of an earlier step, a constant, or
// what the program says.
func finArgument(s string, results []string) (string, bool) {
	if k, is := strings.CutPrefix(s, "#"); is {
		i, err := strconv.Atoi(k)
		if err != nil || i < 0 || i >= len(results) {
			return "", false
		}
		return results[i], true
	}
	if k, is := strings.CutPrefix(s, "const_"); is {
		s = strings.Replace(k, "m", "-", 1)
	}
	return s, true
}

// finTableRow computes over the numbers of the row that starts with a name.
func finTableRow(op, name string, table [][]string) (float64, bool) {
	for _, row := range table {
		if len(row) == 0 || strings.TrimSpace(row[0]) != name {
			continue
		}
		var values []float64
		for _, cell := range row[1:] {
			if f, ok := finNumber(cell); ok {
				values = append(values, f)
			}
		}
		if len(values) == 0 {
			return 0, false
		}
		sum, low, high := 0.0, values[0], values[0]
		for _, v := range values {
			sum, low, high = sum+v, min(low, v), max(high, v)
		}
		return map[string]float64{"table_sum": sum, "table_average": sum / float64(len(values)), "table_min": low, "table_max": high}[op], true
	}
	return 0, false
}

// finNumber reads 1,234 and $ 5 and 12.5% and ( 3 ), which is negative.
func finNumber(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, '('); i > 0 { // -4 ( 4 ): the number twice
		s = s[:i]
	}
	negative := strings.HasPrefix(s, "(")
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("$, ()", r) {
			return -1
		}
		return r
	}, s)
	s, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	if percent {
		f /= 100
	}
	if negative {
		f = -f
	}
	return f, true
}

// finDigits prints at most five decimals, as the dataset's results have.
func finDigits(f float64) string {
	f = math.Round(f*1e5) / 1e5
	return strconv.FormatFloat(f+0, 'f', -1, 64) // + 0: no minus zero
}
