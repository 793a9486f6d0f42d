package serve

import (
	"bytes"
	"unicode/utf8"

	"github.com/primer-lm/primer/model/generate"
)

// place is a token in an answer.
type place struct {
	generate.Token
	text     string
	bytes    []byte
	topText  []string // of Top
	topBytes [][]byte
	offset   int  // in code points of the choice's text
	unknown  bool // it has no log-probability: nothing stands before it, or it was not computed
}

// place gives a token the texts it is shown with.
func (w *words) place(t generate.Token) place {
	p := place{Token: t, text: w.show(t.ID), bytes: w.TokenBytes(t.ID)}
	for _, other := range t.Top {
		p.topText, p.topBytes = append(p.topText, w.show(other.ID)), append(p.topBytes, w.TokenBytes(other.ID))
	}
	return p
}

// writer turns the tokens of one choice into text, whole characters at a time, and never more than will stand in the end: a stop
// string is cut off with all behind it, so what may yet become one is held back.
type writer struct {
	words *words
	stops []string
	buf   []byte // all that the tokens said
	sent  int    // bytes of it that were handed out
	runes int    // code points handed out, the prompt's echo included
	held  []held // tokens that were not handed out
	keep  bool   // tokens are wanted
}

// held is a token, and where in buf it begins.
type held struct {
	place
	from int
}

// add takes the next token.
func (w *writer) add(t generate.Token) {
	if w.keep {
		w.held = append(w.held, held{w.words.place(t), len(w.buf)})
	}
	w.buf = append(w.buf, w.words.visible(t.ID)...)
}

// take hands out what is certain.
func (w *writer) take() (string, []place) {
	return w.give(w.safe(), func(h held, to int) bool { return len(w.stops) == 0 || h.from < to })
}

// end hands out the rest. With stop strings, final is all the text there is.
func (w *writer) end(r *generate.Result) (string, []place) {
	if len(w.stops) == 0 || len(r.Text) >= len(w.buf) {
		return w.give(len(w.buf), func(held, int) bool { return true })
	}
	return w.give(max(len(r.Text), w.sent), func(h held, to int) bool { return h.from < to })
}

// give hands out the text up to a byte, and the tokens that belong to it.
func (w *writer) give(to int, belongs func(held, int) bool) (string, []place) {
	var places []place
	n, at, runes := 0, w.sent, w.runes // runes stand before at
	for ; n < len(w.held) && belongs(w.held[n], to); n++ {
		h := w.held[n]
		// A token may begin inside a character that an earlier one has begun: it stands where the character does.
		before := wholeOf(w.buf[at:max(at, min(h.from, to))])
		at, runes = at+len(before), runes+utf8.RuneCount(before)
		h.offset = runes
		places = append(places, h.place)
	}
	w.held = w.held[n:]
	text := valid(w.buf[w.sent:to])
	w.sent, w.runes = to, w.runes+utf8.RuneCountInString(text)
	return text, places
}

// safe is how many bytes of buf stand whatever comes: whole characters, before anything that could be a stop string.
func (w *writer) safe() int {
	end := len(w.buf)
	for _, stop := range w.stops {
		from := max(0, w.sent-len(stop))
		if i := bytes.Index(w.buf[from:], []byte(stop)); i >= 0 {
			end = min(end, max(w.sent, from+i))
		}
		for n := min(len(stop)-1, len(w.buf)-w.sent); n > 0; n-- {
			if bytes.HasSuffix(w.buf, []byte(stop[:n])) {
				end = min(end, len(w.buf)-n)
				break
			}
		}
	}
	return w.sent + len(wholeOf(w.buf[w.sent:end]))
}

// wholeOf drops the valid start of a character from the end of b.
func wholeOf(b []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-n]
			}
			break
		}
	}
	return b
}

// valid makes bytes a string: U+FFFD stands for each byte that is no UTF-8.
func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}
