package serve

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// What a JSON text is made of, read by the decoder of json.go: words, numbers, strings.

// word reads true, false or null.
func (d *decoder) word(w string) bool {
	if strings.HasPrefix(string(d.b[d.at:min(len(d.b), d.at+len(w))]), w) {
		d.at += len(w)
		return true
	}
	return false
}

// number returns the digits of a JSON number as they stand.
func (d *decoder) number() (string, error) {
	if err := d.want("a number"); err != nil {
		return "", err
	}
	from := d.at
	digits := func() bool {
		was := d.at
		for d.at < len(d.b) && '0' <= d.b[d.at] && d.b[d.at] <= '9' {
			d.at++
		}
		return d.at > was
	}
	has := func(set string) bool {
		if d.at < len(d.b) && strings.IndexByte(set, d.b[d.at]) >= 0 {
			d.at++
			return true
		}
		return false
	}
	has("-")
	if !has("0") && !digits() {
		return "", d.syntax()
	}
	if has(".") && !digits() {
		return "", d.syntax()
	}
	if has("eE") {
		has("+-")
		if !digits() {
			return "", d.syntax()
		}
	}
	return string(d.b[from:d.at]), nil
}

// text reads a string.
func (d *decoder) text() (string, error) {
	if err := d.want("a string"); err != nil {
		return "", err
	}
	d.at++
	from := d.at
	for d.at < len(d.b) && d.b[d.at] != '"' && d.b[d.at] != '\\' && d.b[d.at] >= ' ' {
		d.at++
	}
	if d.at < len(d.b) && d.b[d.at] == '"' { // most strings have no escape
		d.at++
		return string(d.b[from : d.at-1]), nil
	}
	out := append([]byte(nil), d.b[from:d.at]...)
	for d.at < len(d.b) {
		switch c := d.b[d.at]; {
		case c == '"':
			d.at++
			return string(out), nil
		case c < ' ':
			return "", d.syntax()
		case c == '\\':
			d.at++
			var err error
			if out, err = d.escape(out); err != nil {
				return "", err
			}
		default:
			out = append(out, c)
			d.at++
		}
	}
	return "", d.syntax()
}

// escape reads what follows a backslash.
func (d *decoder) escape(out []byte) ([]byte, error) {
	if d.at >= len(d.b) {
		return nil, d.syntax()
	}
	c := d.b[d.at]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		d.at++
		return append(out, "\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return nil, d.syntax()
	}
	d.at++
	r, ok := d.hex()
	if !ok {
		return nil, d.syntax()
	}
	if utf16.IsSurrogate(r) {
		was := d.at
		if d.at+1 < len(d.b) && d.b[d.at] == '\\' && d.b[d.at+1] == 'u' {
			d.at += 2
			if low, ok := d.hex(); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
				return utf8.AppendRune(out, utf16.DecodeRune(r, low)), nil
			}
		}
		d.at, r = was, utf8.RuneError
	}
	return utf8.AppendRune(out, r), nil
}

// hex reads four hexadecimal digits.
func (d *decoder) hex() (r rune, ok bool) {
	if d.at+4 > len(d.b) {
		return 0, false
	}
	for _, c := range d.b[d.at : d.at+4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 + rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 + rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	d.at += 4
	return r, true
}
