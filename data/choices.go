package data

import (
	"slices"
	"strings"
)

// Several joins the right options in the response of a multiple choice that has more than
// one.
const Several = "; "

// Choices gives the indexes of the options that a response is: one, or several joined by
// Several, each once. It is nil when the response is anything else. Blanks around options
// and response do not count; an option may contain Several itself.
func Choices(options []string, response string) []int {
	clean := make([]string, len(options))
	for i, o := range options {
		clean[i] = strings.TrimSpace(o)
	}
	steps := maxChoices
	return choices(clean, strings.TrimSpace(response), nil, &steps)
}

// maxChoices bounds the search for options that are pieces of each other; what nobody would write takes more.
const maxChoices = 10_000

// choices tries each option that the rest begins with; of equal ones the first, for the others lead to the same.
func choices(options []string, rest string, taken []int, steps *int) []int {
	var tried []string
	for i, o := range options {
		if *steps--; *steps < 0 {
			return nil
		}
		if o == "" || slices.Contains(taken, i) || slices.Contains(tried, o) {
			continue
		}
		tried = append(tried, o)
		if rest == o {
			return append(taken, i)
		}
		if more, ok := strings.CutPrefix(rest, o+Several); ok {
			if found := choices(options, strings.TrimSpace(more), append(slices.Clone(taken), i), steps); found != nil {
				return found
			}
		}
	}
	return nil
}
