// Package progress tells people how far a long job is: one line, rewritten in place on a terminal, and elsewhere one plain line
// per interval, so that a log file is never flooded.
//
//	line := progress.New(os.Stderr, "pretrain")
//	line.Update(step, steps, progress.F("loss", "2.345"), progress.F("tokens/s", progress.Count(rate)))
//	line.Done(progress.F("loss", "2.101"))
//
// gives "pretrain 120/1000 12% | loss 2.345 | tokens/s 41.2k | left 3m12s". Fields come formatted; the share done and the time
// left are made here. A Line may be used by several goroutines.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Field is a name and its formatted value.
type Field struct{ Name, Value string }

// F makes a field; the value is formatted like fmt.Sprint.
func F(name string, value any) Field { return Field{name, fmt.Sprint(value)} }

// Options of a line; a zero field takes the usual value.
type Options struct {
	// Interval is the least time between two plain lines: 10 s. On a terminal the line is rewritten every 100 ms at most.
	Interval time.Duration
	// Every, when above zero, prints a plain line whenever that many more are done, instead of by time.
	Every int64
	// Now is the clock: time.Now.
	Now func() time.Time
	// Width, when above zero, makes the output a terminal of that many columns, whatever it is.
	Width int
}

const (
	plainInterval    = 10 * time.Second
	terminalInterval = 100 * time.Millisecond
)

// Line is the progress of one job.
type Line struct {
	out   io.Writer
	title string
	opt   Options
	width func() int // columns of the terminal; nil: not a terminal

	mu        sync.Mutex
	eta       eta
	done      int64
	total     int64
	fields    []Field
	shown     bool      // something was printed
	shownAt   time.Time // the last time
	shownDone int64     // and what was done then
	onScreen  bool      // the terminal's cursor stands in our line
	ended     bool
}

// New makes a line on w, usually os.Stderr. w is a terminal when it is one and TERM is not "dumb".
func New(w io.Writer, title string) *Line { return NewWith(w, title, Options{}) }

// NewWith is New with options.
func NewWith(w io.Writer, title string, opt Options) *Line {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Interval <= 0 {
		opt.Interval = plainInterval
	}
	l := &Line{out: w, title: clean(title), opt: opt}
	if opt.Width > 0 {
		l.width = func() int { return opt.Width }
	} else if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		l.width = func() int { return columns(f) }
	}
	return l
}

// columns of a terminal that does not tell its width: the old standard.
const usualColumns = 80

func columns(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return usualColumns
}

// Update says how much is done of how much (total 0: unknown), in any unit, and shows it when it is time to. The time left
// comes from the pace since the first Update, so a resumed job may start at any number.
func (l *Line) Update(done, total int64, fields ...Field) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	now := l.opt.Now()
	l.eta.add(now, done)
	l.done, l.total, l.fields = done, total, append(l.fields[:0], fields...)
	if l.due(now) {
		l.show(now)
	}
}

// due tells whether the line is to be shown again. The first time it always is.
func (l *Line) due(now time.Time) bool {
	switch {
	case !l.shown:
		return true
	case l.width != nil:
		return now.Sub(l.shownAt) >= terminalInterval
	case l.opt.Every > 0:
		return l.done >= l.shownDone+l.opt.Every
	}
	return now.Sub(l.shownAt) >= l.opt.Interval
}

func (l *Line) show(now time.Time) {
	l.shown, l.shownAt, l.shownDone = true, now, l.done
	text := l.text()
	if l.width == nil {
		fmt.Fprintln(l.out, text)
		return
	}
	// The last column stays free: a full line would wrap and could not be rewritten.
	fmt.Fprint(l.out, "\r", cut(text, l.width()-1), "\x1b[K")
	l.onScreen = true
}

func (l *Line) text() string {
	var b strings.Builder
	b.WriteString(l.title)
	if l.total > 0 {
		fmt.Fprintf(&b, " %d/%d %s", l.done, l.total, Percent(float64(l.done)/float64(l.total)))
	} else {
		fmt.Fprintf(&b, " %d", l.done)
	}
	writeFields(&b, l.fields)
	if left, ok := l.eta.left(l.total); ok && left > 0 {
		writeFields(&b, []Field{{"left", Duration(left)}})
	}
	return b.String()
}

func writeFields(b *strings.Builder, fields []Field) {
	for _, f := range fields {
		b.WriteString(" | " + clean(f.Name) + " " + clean(f.Value))
	}
}

// Println prints a line of its own, above the progress on a terminal.
func (l *Line) Println(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.onScreen {
		fmt.Fprintln(l.out, text)
		return
	}
	fmt.Fprint(l.out, "\r\x1b[K", text, "\n")
	if !l.ended {
		l.show(l.opt.Now())
	}
}

// Done ends the line: what was last known, or the fields given instead, and the time it took. Later calls do nothing.
func (l *Line) Done(fields ...Field) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	if len(fields) == 0 {
		fields = l.fields
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d done", l.title, l.done)
	writeFields(&b, fields)
	writeFields(&b, []Field{{"took", Duration(l.eta.took(l.opt.Now()))}})
	if l.onScreen {
		fmt.Fprint(l.out, "\r", cut(b.String(), l.width()-1), "\x1b[K\n")
		l.onScreen = false
		return
	}
	fmt.Fprintln(l.out, b.String())
}

// clean makes text safe on a terminal: no control characters, one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// cut leaves at most n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(n, 0)])
}
