package curate

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNormalise(t *testing.T) {
	n := newNormaliser(NormaliseOptions{MaxBlankLines: 2})
	for name, c := range map[string]struct{ in, want string }{
		"composed":           {"Cafe\u0301 and A\u030a", "Café and Å"},
		"hangul":             {"\u1112\u1161\u11ab", "한"},
		"not compatibility":  {"ﬁne ½ Ⅷ", "ﬁne ½ Ⅷ"}, // NFC, not NFKC: what is read stays
		"line ends":          {"a\r\nb\rc\u2028d\u2029e\u0085f\fg\vh", "a\nb\nc\nd\ne\nf\ng\nh"},
		"controls":           {"a\x00b\x07c\x1b[0m\x7fd\u0090e", "abc[0mde"},
		"zero width":         {"ze\u200bro\ufeff wi\u00addth\u2060", "zero width"},
		"direction":          {"\u202eabc\u202c d\u200fe\u2066f\u2069", "abc def"},
		"tags":               {"a\U000e0041\U000e0042b", "ab"},
		"joiner in Persian":  {"می\u200cخواهم", "می\u200cخواهم"},
		"joiner in an emoji": {"👩\u200d🔬", "👩\u200d🔬"},
		"joiner in Latin":    {"wo\u200drd\u200c", "word"},
		"wide blanks":        {"a\u00a0b\u2003c\u202fd", "a b c d"},
		"ideographic blank":  {"\u3000春の日", "\u3000春の日"},
		"runs":               {"one  two     three.", "one two three."},
		"after a sentence":   {"One.  Two.\nThree.  Four.", "One. Two.\nThree. Four."},
		"ends of lines":      {"a  \nb\t\n\nc ", "a\nb\n\nc"},
		"blank lines":        {"\n\na\n\n\n\n\n\nb\n \n\t\nc\n\n", "a\n\n\nb\n\n\nc"},
		"single newlines":    {"a\nb\nc", "a\nb\nc"},
		"code":               {"def f(x):\n    if x:\n\treturn  x  # why\n\n\ny =  2", "def f(x):\n    if x:\n\treturn  x  # why\n\n\ny = 2"},
		"first line of code": {"    return x\n\nThe  end.", "    return x\n\nThe end."},
		"table of bars":      {"| a   | b  |\n| 1   | 22 |", "| a   | b  |\n| 1   | 22 |"},
		"table of tabs":      {"a\t\tb  c", "a\t\tb  c"},
		"table of blanks":    {"name    age\nAnna    12\nBo      9", "name    age\nAnna    12\nBo      9"},
		"nothing":            {" \u200b\n\t", ""},
		"invisible between":  {"e\u200b\u0301", "é"},
	} {
		if got := n.text(c.in); got != c.want {
			t.Errorf("%s: %q gives %q, not %q", name, c.in, got, c.want)
		}
	}
}

// Normalised text stays as it is, and every letter and digit of it was there before.
func TestNormaliseTwice(t *testing.T) {
	n := newNormaliser(NormaliseOptions{MaxBlankLines: 2})
	odd := []rune("ab .|\t\n\r\u0301\u00a0\u200b\u200c\u200d\u3000\u2028\x00é한한e👩\ufeff- ")
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOfN(rapid.SampledFrom(odd), 0, 40).Draw(t, "text"))
		once := n.text(s)
		if twice := n.text(once); twice != once {
			t.Fatalf("%q gives %q, and that %q", s, once, twice)
		}
		if strings.Contains(once, "\n\n\n\n") || strings.HasSuffix(once, " ") || strings.HasPrefix(once, "\n") {
			t.Fatalf("%q gives %q", s, once)
		}
		if len(squeeze(nil, once)) > len(squeeze(nil, s)) {
			t.Fatalf("%q gives %q: more letters", s, once)
		}
	})
}
