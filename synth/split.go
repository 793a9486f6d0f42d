package synth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Split cuts a text into pieces whose contexts take at most limit tokens each, at paragraph ends where one lies in the
// second half of what fits, else at sentence ends, else between words, else anywhere between runes. The pieces joined give
// the text back.
func (c *Codec) Split(text string, limit int) ([]string, error) {
	var out []string
	for {
		fits, err := c.fitting(text, limit)
		if err != nil {
			return nil, err
		}
		if fits == len(text) {
			return append(out, text), nil
		}
		if fits == 0 {
			return nil, fmt.Errorf("%w: no piece of the text fits %d tokens: raise the window or lower the new tokens", ErrTooLong, limit)
		}
		cut := boundary(text[:fits])
		out = append(out, text[:cut])
		text = text[cut:]
	}
}

// firstProbe is the bytes for each token of the limit that are tried first: most texts are shorter, and of a book not all the rest
// is encoded for every piece.
const firstProbe = 16

// fitting returns the length of a prefix, ending between runes, that fits the limit and is as long as a binary search
// finds.
func (c *Codec) fitting(text string, limit int) (int, error) {
	fits := func(n int) (bool, error) {
		ids, err := c.Context(text[:n])
		return len(ids) <= limit, err
	}
	low, high := 0, 0 // text[:low] fits, text[:high] does not
	for n := max(1, firstProbe*limit); high == 0; n *= 4 {
		end := len(text)
		if n < end {
			for end = n; end > 0 && !utf8.RuneStart(text[end]); {
				end--
			}
		}
		switch ok, err := fits(end); {
		case err != nil:
			return 0, err
		case !ok:
			high = end
		case end == len(text):
			return end, nil
		default:
			low = end
		}
	}
	for {
		mid := (low + high) / 2
		for mid > low && !utf8.RuneStart(text[mid]) {
			mid--
		}
		if mid == low {
			return low, nil
		}
		ok, err := fits(mid)
		if err != nil {
			return 0, err
		}
		if ok {
			low = mid
		} else {
			high = mid
		}
	}
}

// boundary returns where to end a piece within s, the text that fits.
func boundary(s string) int {
	half := len(s) / 2
	if i := strings.LastIndex(s, "\n\n"); i >= half {
		return i + 2
	}
	if i := lastSentence(s); i >= half {
		return i
	}
	if i := strings.LastIndexFunc(s, unicode.IsSpace); i > 0 {
		_, size := utf8.DecodeRuneInString(s[i:])
		return i + size
	}
	return len(s)
}

// lastSentence returns the position behind the last white space that follows a full stop, question or exclamation mark,
// with closing quotes and brackets allowed between; 0 where there is none.
func lastSentence(s string) int {
	for i := len(s); i > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		i -= size
		if !unicode.IsSpace(r) {
			continue
		}
		before := strings.TrimRight(s[:i], "\"')]”’»")
		if strings.HasSuffix(before, ".") || strings.HasSuffix(before, "!") || strings.HasSuffix(before, "?") || strings.HasSuffix(before, "。") {
			return i + size
		}
	}
	return 0
}
