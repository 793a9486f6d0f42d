package warc

import (
	"strings"
	"testing"
	"time"
)

// Pages that are built to take long end within seconds.
func TestHostilePagesEnd(t *testing.T) {
	for name, page := range map[string]string{
		"deep":      strings.Repeat("<div>", 40_000) + "x",
		"deep text": strings.Repeat("<div><p>some words, and more of them, here", 20_000),
		"siblings":  strings.Repeat("<p>some words, and more of them, here</p>", 40_000),
		"tables":    strings.Repeat("<table><tr><td>some words, and more of them", 12_000),
		"breaks":    "<div>" + strings.Repeat("x<br><br>", 20_000),
		"format":    strings.Repeat("<b><i><a href=x><font>t", 10_000),
	} {
		start := time.Now()
		_, _, skip, err := readable([]byte("<html><body>"+page), "http://a.example/")
		took := time.Since(start)
		t.Logf("%s: %v, %q, %v", name, took, skip, err)
		if took > 60*time.Second { // generous: machines are busy
			t.Errorf("%s: %v", name, took)
		}
	}
}
