package records

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/primer-lm/primer/data"
)

// Each column that is read has a buffer: their number is bounded, and over a network their size by their number.
func TestColumnsAreBounded(t *testing.T) {
	group := parquet.Group{}
	for i := range maxColumns + 1 {
		group[fmt.Sprintf("c%d", i)] = parquet.Leaf(parquet.Int32Type)
	}
	var b bytes.Buffer
	if err := parquet.NewGenericWriter[any](&b, parquet.NewSchema("row", group)).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "wide.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := read(path, Options{}); !errors.Is(err, data.ErrLimit) {
		t.Errorf("all of %d columns: %v", maxColumns+1, err)
	}
	some := Options{Choose: func(names []string) ([]string, error) { return names[1:], nil }}
	if _, err := read(path, some); err != nil {
		t.Errorf("all but one: %v", err)
	}
	for _, c := range []struct {
		far           bool
		columns, want int
	}{{false, 1, nearBuffer}, {false, maxColumns, nearBuffer}, {true, 0, farBuffer}, {true, 64, farBuffer}, {true, 65, farBuffer / 2}, {true, maxColumns, nearBuffer}} {
		if got := bufferSize(c.far, c.columns); got != c.want || got*c.columns > maxBuffers {
			t.Errorf("%d columns, far %v: %d bytes", c.columns, c.far, got)
		}
	}
}
