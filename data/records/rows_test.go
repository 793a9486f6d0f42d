package records

import (
	"errors"
	"testing"

	"github.com/primer-lm/primer/data"
)

func TestRowLengths(t *testing.T) {
	type page struct {
		b      []byte
		values int64
	}
	for name, c := range map[string]struct {
		width   int
		pages   []page
		longest int64
	}{
		"no lists":          {0, []page{{nil, 100}}, 0},
		"each its own":      {1, []page{{[]byte{20, 0}, 10}}, 1},
		"a run":             {1, []page{{[]byte{2, 0, 18, 1}, 10}}, 10},
		"through two pages": {1, []page{{[]byte{2, 0, 18, 1}, 10}, {[]byte{10, 1, 2, 0}, 6}}, 15},
		"packed":            {1, []page{{[]byte{3, 0b01101110}, 8}}, 4}, // 0 1 1 1 0 1 1 0
		"packed, filled up": {1, []page{{[]byte{3, 0b11111110}, 3}}, 3},
		"two bits":          {2, []page{{[]byte{3, 0b11100100, 0b00011011}, 8}}, 7}, // 0 1 2 3 3 2 1 0
	} {
		l := rowLengths{width: c.width}
		for _, p := range c.pages {
			if err := l.page(p.b, p.values); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if l.longest != c.longest {
			t.Errorf("%s: a longest row of %d, not %d", name, l.longest, c.longest)
		}
	}
	l, err := rowLengths{width: 1}, error(nil)
	pages := 0
	for ; err == nil && pages < 10; pages++ {
		err = l.page([]byte{0x80, 0x80, 0x80, 1, 1}, 1<<20) // a run of 2^20
	}
	if !errors.Is(err, data.ErrLimit) || pages != 5 {
		t.Errorf("%d pages of 2^20 values of one row: %v", pages, err)
	}
}
