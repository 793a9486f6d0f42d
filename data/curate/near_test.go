package curate

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// planted gives two texts whose sets of 5-word shingles have a Jaccard similarity as near to s as n words allow, and that similarity:
// the second one has the first's words up to some place, and others after it. No word stands twice.
func planted(pair, n int, s float64) (a, b string, real float64) {
	shingles := n - 4
	same := int(math.Round(2 * float64(shingles) * s / (1 + s)))
	var x, y []string
	for i := range n {
		x = append(x, fmt.Sprintf("p%dx%d", pair, i))
		y = append(y, x[i])
		if i >= same+4 {
			y[i] = fmt.Sprintf("p%dy%d", pair, i)
		}
	}
	return strings.Join(x, " "), strings.Join(y, " "), float64(same) / float64(2*shingles-same)
}

// originalsOf runs a finder over texts.
func originalsOf(t testing.TB, f func(s spill) finder, texts []string) []int64 {
	t.Helper()
	var list []data.Document
	for i, text := range texts {
		list = append(list, document(i, text))
	}
	src := docs("k", list...)
	orig, err := f(spill{crashfs.New(), "work", 1 << 20}).find(t.Context(), &input{source: &src})
	if err != nil {
		t.Fatal(err)
	}
	var out []int64
	for i := range texts {
		n, err := orig.of(int64(i))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	if err := orig.close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// The share of planted pairs that is caught is 1-(1-s^rows)^bands, within four standard errors, and nothing else is.
func TestNearCatchRate(t *testing.T) {
	pairs := 250
	if thorough {
		pairs = 4000
	}
	for _, o := range []NearOptions{{Shingle: 5, Bands: 14, Rows: 8}, {Shingle: 5, Bands: 20, Rows: 3}} {
		for _, s := range []float64{0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9} {
			var texts []string
			var real float64
			for i := range pairs {
				a, b, r := planted(i, 200, s)
				texts, real = append(texts, a, b), r
			}
			caught := 0
			for i, first := range originalsOf(t, func(s spill) finder { return newNear(o, 11, s) }, texts) {
				switch {
				case int(first) == i:
				case i%2 == 1 && int(first) == i-1:
					caught++
				default:
					t.Errorf("text %d is taken for %d", i, first)
				}
			}
			p := 1 - math.Pow(1-math.Pow(real, float64(o.Rows)), float64(o.Bands))
			rate := float64(caught) / float64(pairs)
			bound := 4*math.Sqrt(p*(1-p)/float64(pairs)) + 0.5/float64(pairs)
			t.Logf("%d bands of %d rows, similarity %.3f: %.4f caught, %.4f expected ± %.4f", o.Bands, o.Rows, real, rate, p, bound)
			if !(math.Abs(rate-p) <= bound) {
				t.Errorf("similarity %.3f: %.4f caught, %.4f expected ± %.4f", real, rate, p, bound)
			}
		}
	}
}

// Clusters keep their first document; symbols, case and blanks do not count; texts without words stay.
func TestNearClusters(t *testing.T) {
	w := newWriter(6)
	a, b := w.text(30), w.text(30)
	near := strings.ToUpper(strings.ReplaceAll(a, ".", " !"))
	texts := []string{"***", b, a, near, "***", a + " One more.", "few words", "Few words!", "few other"}
	got := fmt.Sprint(originalsOf(t, func(s spill) finder { return newNear(Default().Near, 1, s) }, texts))
	if want := "[0 1 2 2 4 2 6 6 8]"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

// With verify, pairs below that similarity stay, and those above are found through whichever text of the band they are like.
func TestNearVerify(t *testing.T) {
	var texts []string
	var want []int64
	for i := range 60 {
		s := []float64{0.5, 0.85}[i%2]
		a, b, real := planted(i, 200, s)
		n := int64(len(texts))
		texts = append(texts, a, b)
		want = append(want, n, n+1)
		if real >= 0.8 {
			want[n+1] = n
		}
	}
	loose := NearOptions{Shingle: 5, Bands: 60, Rows: 2, Verify: 0.8} // catches every pair there is
	if got := originalsOf(t, func(s spill) finder { return newNear(loose, 1, s) }, texts); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, not %v", got, want)
	}
	// Five texts share a band for a common form; two of them are one text.
	form := strings.Repeat("the same form of words that all of them have in it and that fills the page ", 3)
	w := newWriter(8)
	var forms []string
	for range 3 {
		forms = append(forms, form+w.text(6))
	}
	forms = append(forms, forms[1]+" and more")
	loose.Rows, loose.Bands = 1, 80
	if got := fmt.Sprint(originalsOf(t, func(s spill) finder { return newNear(loose, 1, s) }, forms)); got != "[0 1 2 1]" {
		t.Errorf("forms: %s", got)
	}
}

func TestJaccard(t *testing.T) {
	for _, c := range []struct {
		a, b []uint64
		want float64
	}{{nil, nil, 1}, {[]uint64{1}, nil, 0}, {[]uint64{1, 2, 3}, []uint64{2, 3, 4}, 0.5}, {[]uint64{5}, []uint64{5}, 1}} {
		if got := jaccard(c.a, c.b); got != c.want {
			t.Errorf("%v %v: %v", c.a, c.b, got)
		}
	}
}

func TestMinimise(t *testing.T) {
	x := newNear(NearOptions{Shingle: 5, Bands: 3, Rows: 5}, 3, spill{}) // 15: not a multiple of 4
	shingles := []uint64{3, 1 << 40, 999, 12345678901234567}
	got := make([]uint64, 15)
	for i := range got {
		got[i] = math.MaxUint64
	}
	minimise(got, x.multipliers, shingles[:1])
	minimise(got, x.multipliers, shingles[1:])
	for i, m := range x.multipliers {
		want := uint64(math.MaxUint64)
		for _, s := range shingles {
			want = min(want, s*m)
		}
		if got[i] != want {
			t.Errorf("minimum %d: %d, not %d", i, got[i], want)
		}
	}
}

func TestExact(t *testing.T) {
	texts := []string{"a b", "b a", " a \n\t b ", "A b", "a\u00a0b", "ab", "b\na", "a  b"}
	got := fmt.Sprint(originalsOf(t, func(s spill) finder { return &exact{s} }, texts))
	if want := "[0 1 0 3 0 5 1 0]"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}
