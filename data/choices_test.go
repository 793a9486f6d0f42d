package data

import (
	"reflect"
	"strings"
	"testing"
)

func TestChoices(t *testing.T) {
	options := []string{"Pie", " Ham", "Jam; tea", "tea", "Pie"}
	for response, want := range map[string][]int{
		"Pie": {0}, " Ham ": {1}, "Pie; Ham": {0, 1}, "Ham; Pie": {1, 0}, "Jam; tea": {2}, "Jam; tea; tea": {2, 3}, "tea; Jam; tea; Pie": {3, 2, 0},
		"Pie; Pie": {0, 4}, "Pie; Pie; Pie": nil, "Jam": nil, "Pie;Ham": nil, "Pie; ": nil, "": nil, "Pie; x": nil, "pie": nil,
	} {
		if got := Choices(options, response); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, not %v", response, got, want)
		}
	}
	if got := Choices([]string{"", "a"}, ""); got != nil {
		t.Errorf("empty: %v", got)
	}
}

// A model that repeats itself gives options and responses that fit each other in more ways than there is time for.
func TestChoicesEnd(t *testing.T) {
	same, nested, response := []string{}, []string{}, ""
	for i := range 24 {
		same, response = append(same, "yes"), response+"yes; "
		nested = append(nested, strings.Repeat("yes; ", i)+"yes")
	}
	for _, options := range [][]string{same, nested} {
		if got := Choices(options, response+"no"); got != nil {
			t.Errorf("%v", got)
		}
	}
	if got := Choices(same, strings.TrimSuffix(response, "; ")); len(got) != 24 {
		t.Errorf("all of them: %v", got)
	}
}
