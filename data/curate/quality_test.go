package curate

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/primer-lm/primer/data"
)

func open() QualityOptions { // no threshold
	return QualityOptions{Repetition: RepetitionOptions{MaxTop: make([]float64, 3), MaxDuplicate: make([]float64, 6)}}
}

// One text for each threshold, just on either side of it.
func TestQualityThresholds(t *testing.T) {
	prose := newWriter(3).text(20)
	for _, c := range []struct {
		reason    string
		set       func(o *QualityOptions)
		good, bad string
		value     float64
	}{
		{"too few characters", func(o *QualityOptions) { o.MinCharacters = 4 }, "ärge", "ärg", 3},
		{"too many characters", func(o *QualityOptions) { o.MaxCharacters = 4 }, "ärge", "ärger", 5},
		{"too few words", func(o *QualityOptions) { o.MinWords = 3 }, "a b c", "a b", 2},
		{"too many words", func(o *QualityOptions) { o.MaxWords = 3 }, "a b c", "a b c d", 4},
		{"words too short", func(o *QualityOptions) { o.MinMeanWord = 3 }, "abc def", "abc de", 2.5},
		{"words too long", func(o *QualityOptions) { o.MaxMeanWord = 3 }, "abc def", "abc defg", 3.5},
		{"too many #", func(o *QualityOptions) { o.MaxSymbols = 0.5 }, "#a b", "#a #b", 1},
		{"too many ellipses", func(o *QualityOptions) { o.MaxSymbols = 0.5 }, "a... b", "a... b…", 1},
		{"too many bullets", func(o *QualityOptions) { o.MaxBullets = 0.5 }, "- a\nb\n", "- a\n• b\nc", 2.0 / 3},
		{"too many bullets", func(o *QualityOptions) { o.MaxBullets = 0.5 }, "-1\n-2\n-3", "* a\n  ▪ b", 1}, // a minus is no bullet
		{"too many lines end in an ellipsis", func(o *QualityOptions) { o.MaxEllipses = 0.3 }, "a...\nb\nc\nd", "a...\nb…  \nc", 2.0 / 3},
		{"too few alphabetic words", func(o *QualityOptions) { o.MinAlphabetic = 0.5 }, "a 1 b2 -", "a 1 2", 1.0 / 3},
		{"too few stop words", func(o *QualityOptions) { o.MinStopWords, o.StopWords = 2, []string{"the", "Of"} }, "The end of it", "the the the", 1},
		{"duplicate lines", func(o *QualityOptions) { o.Repetition.MaxLines = 0.3 }, prose, "aa\nbb\n aa \n", 1.0 / 3},
		{"characters in duplicate lines", func(o *QualityOptions) { o.Repetition.MaxLineCharacters = 0.2 }, "aaaaaaa\nb\nb", "aaaa\nb\naaaa", 4.0 / 9},
		{"duplicate paragraphs", func(o *QualityOptions) { o.Repetition.MaxParagraphs = 0.3 }, "a\nb\n\nc\nd", "a\nb\n\na\nb\n\nc", 1.0 / 3},
		{"characters in duplicate paragraphs", func(o *QualityOptions) { o.Repetition.MaxParagraphCharacters = 0.3 }, "aaaaaaaaa\n\nb\n\nb", "aaa\n\naaa\n\nb", 3.0 / 7},
		{"characters in the most frequent 2-gram", func(o *QualityOptions) { o.Repetition.MaxTop[0] = 0.5 }, "ab cd ef ab cd gh ij kl mn op", "ab cd ab cd ab cd x", 12.0 / 13},
		{"characters in the most frequent 4-gram", func(o *QualityOptions) { o.Repetition.MaxTop[2] = 0.5 }, "a b c d e", "a b c d x a b c d", 8.0 / 9},
		{"characters in duplicate 5-grams", func(o *QualityOptions) { o.Repetition.MaxDuplicate[0] = 0.4 }, "a b c d e f g h i j", "a b c d e x a b c d e", 5.0 / 11},
		{"characters in duplicate 10-grams", func(o *QualityOptions) { o.Repetition.MaxDuplicate[5] = 0.4 },
			"a b c d e f g h i x a b c d e f g h i", "a b c d e f g h i j k a b c d e f g h i j k", 0.5},
	} {
		o := open()
		c.set(&o)
		q := newQuality(o)
		m := &meter{}
		if drop := q.look(m, c.good); drop != nil {
			t.Errorf("%s: %.60q is dropped: %+v", c.reason, c.good, drop)
		}
		drop := q.look(m, c.bad)
		if drop == nil || drop.Reason != c.reason || math.Abs(drop.Value-c.value) > 1e-12 {
			t.Errorf("%s: %.60q: %+v, not %v", c.reason, c.bad, drop, c.value)
		}
	}
}

// Words of scripts without blanks are characters: their length says nothing.
func TestQualityUnspaced(t *testing.T) {
	o := Default().Quality
	o.MinWords = 10
	q := newQuality(o)
	if drop := q.look(&meter{}, "祖母は毎朝早く起きて、庭の野菜に水をやってから朝ごはんの支度を始めます。"); drop != nil {
		t.Errorf("%+v", drop)
	}
	if drop := q.look(&meter{}, "a b c d e f g h i j k l m n o p"); drop == nil || drop.Reason != "words too short" {
		t.Errorf("%+v", drop)
	}
}

// Prose passes the published thresholds; the meter is used again, large texts between small ones.
func TestQualityProse(t *testing.T) {
	w := newWriter(4)
	q := newQuality(Default().Quality)
	m := &meter{}
	for i := range 200 {
		if i == 100 {
			q.look(m, strings.Repeat(w.text(40)+"\n", 400))
		}
		if drop := q.look(m, w.text(8+i%30)); drop != nil {
			t.Fatalf("text %d: %+v", i, drop)
		}
	}
}

// The longest line there is takes seconds at most, whatever it consists of, and is measured right.
func TestQualityLongestLine(t *testing.T) {
	o := open()
	for i := range o.Repetition.MaxTop {
		o.Repetition.MaxTop[i] = 1
	}
	for i := range o.Repetition.MaxDuplicate {
		o.Repetition.MaxDuplicate[i] = 1
	}
	o.Repetition.MaxLines = 1
	q := newQuality(o)
	size := data.MaxLine / 16
	if thorough {
		size = data.MaxLine
	}
	for name, text := range map[string]string{
		"one letter":  strings.Repeat("a", size),
		"letters":     strings.Repeat("a ", size/2),
		"newlines":    strings.Repeat("a\n", size/2),
		"two-byte":    strings.Repeat("é", size/2),
		"numbers":     numbers(size),
		"empty lines": strings.Repeat("\n", size),
	} {
		start := time.Now()
		drop := q.look(&meter{}, text)
		if drop != nil {
			t.Errorf("%s: %+v", name, drop)
		}
		if d := time.Since(start); d > 20*time.Second { // a second or two; machines are slow and shared
			t.Errorf("%s: %v", name, d)
		} else {
			t.Logf("%s: %v", name, d.Round(time.Millisecond))
		}
	}
}

func numbers(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size-10; i++ {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()
}
