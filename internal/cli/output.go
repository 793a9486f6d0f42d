package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// emit prints a result: as JSON for programs, or as text for people.
func (s IO) emit(asJSON bool, result any, text func(w io.Writer)) error {
	if !asJSON {
		text(s.Out)
		return nil
	}
	enc := json.NewEncoder(s.Out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(result); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// number is a float for JSON: null where it is none.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
