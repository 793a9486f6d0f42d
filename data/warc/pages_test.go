package warc

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// Pages that are built to take long or much end, within memory that does not depend on them; go test's -timeout sees what hangs.
func TestHostilePagesEnd(t *testing.T) {
	bold := func(n int, attrs string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<b id=%d%s>", i, attrs)
		}
		return b.String()
	}
	paragraphs := strings.Repeat("<p>x", 20_000)
	for name, page := range map[string]string{
		"deep":                 strings.Repeat("<div>", 40_000) + "x",
		"deep text":            strings.Repeat("<div><p>some words, and more of them, here", 20_000),
		"siblings":             strings.Repeat("<p>some words, and more of them, here</p>", 40_000),
		"tables":               strings.Repeat("<table><tr><td>some words, and more of them", 12_000),
		"breaks":               "<div>" + strings.Repeat("x<br><br>", 20_000),
		"format":               strings.Repeat("<b><i><a href=x><font>t", 10_000),
		"formats again":        "<p>" + bold(480, "") + paragraphs,
		"attributes again":     "<p>" + bold(20, attributes(200)) + paragraphs,
		"again behind a table": "<p>" + bold(400, "") + "<table>" + strings.Repeat("</b>", 480) + "</table>" + paragraphs,
		"again behind cells":   strings.Repeat("<td><table>", 2000) + "</table><p>" + bold(480, "") + paragraphs,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, skip, err := readable([]byte("<html><body>"+page), "http://a.example/")
		runtime.ReadMemStats(&after)
		made := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("%s: %d MiB, %q, %v", name, made, skip, err)
		if made > 256 {
			t.Errorf("%s: %d MiB were allocated", name, made)
		}
		if strings.Contains(name, "again") && !strings.Contains(skip, "nodes") {
			t.Errorf("%s: it was not passed over: %q, %v", name, skip, err)
		}
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d", i)
	}
	return b.String()
}

// What pages leave open by carelessness does not count against them.
func TestOpenFormats(t *testing.T) {
	for name, page := range map[string]string{
		"closed":     strings.Repeat("<p><b id=1><i>some</i> words</b>", 20_000),
		"not closed": strings.Repeat("<p><font size=2>some words", 20_000),
		"anchors":    anchors(20_000),
		"cells":      "<table>" + strings.Repeat("<tr><td><b>a</b><td><a href=x>b</a>", 10_000) + "</table>",
	} {
		if tooManyNodes([]byte(page)) {
			t.Errorf("%s: too many nodes", name)
		}
	}
}

func anchors(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<p><a name=%d>some words", i)
	}
	return b.String()
}
