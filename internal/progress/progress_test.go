package progress

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) tick(d time.Duration) { c.now = c.now.Add(d) }

func newLine(opt Options) (*Line, *bytes.Buffer, *clock) {
	var out bytes.Buffer
	c := &clock{now: time.Unix(1_000_000, 0)}
	opt.Now = func() time.Time { return c.now }
	return NewWith(&out, "train", opt), &out, c
}

func TestPlainLines(t *testing.T) {
	l, out, c := newLine(Options{})
	for step := int64(1); step <= 500; step++ { // 50 s
		l.Update(step, 1000, F("loss", "2.5"), F("tokens/s", Count(41234)))
		c.tick(100 * time.Millisecond)
	}
	l.Done(F("loss", "2.1"))
	l.Done()
	l.Update(1, 2)
	want := `train 1/1000 0.1% | loss 2.5 | tokens/s 41.2k
train 101/1000 10% | loss 2.5 | tokens/s 41.2k | left 1m30s
train 201/1000 20% | loss 2.5 | tokens/s 41.2k | left 1m20s
train 301/1000 30% | loss 2.5 | tokens/s 41.2k | left 1m10s
train 401/1000 40% | loss 2.5 | tokens/s 41.2k | left 1m00s
train 500 done | loss 2.1 | took 50s
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestEveryNSteps(t *testing.T) {
	l, out, _ := newLine(Options{Every: 100})
	for done := int64(7); done < 400; done++ { // resumed at 7, no time passes
		l.Update(done, 0)
	}
	if got, want := out.String(), "train 7\ntrain 107\ntrain 207\ntrain 307\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTerminal(t *testing.T) {
	l, out, c := newLine(Options{Width: 30})
	for step := int64(1); step <= 100; step++ { // 1 s: at most one rewrite each 100 ms
		l.Update(step, 100, F("loss", "2.5"), F("text", "much too long for a line\x1b[2J\n"))
		c.tick(10 * time.Millisecond)
	}
	l.Println("saved")
	l.Done(F("loss", "2.1"))
	if n := strings.Count(out.String(), "\r"); n < 10 || n > 14 {
		t.Errorf("the line was rewritten %d times", n)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 { // saved, done
		t.Errorf("%d lines in %q", n, out)
	}
	for _, part := range strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
		if text := strings.TrimSuffix(part, "\x1b[K"); len(text) > 29 || strings.Contains(text, "\x1b[2J") {
			t.Errorf("%q does not fit, or steers the terminal", text)
		}
	}
	if !strings.Contains(out.String(), "\r\x1b[Ksaved\n") || !strings.HasSuffix(out.String(), "\x1b[K\n") {
		t.Errorf("%q", out)
	}
}

// A slow first step and a resumed count do not spoil the time left.
func TestTimeLeft(t *testing.T) {
	l, out, c := newLine(Options{Every: 1})
	l.Update(5000, 6000)
	c.tick(time.Hour) // one very slow step
	for step := int64(5001); step <= 5100; step++ {
		l.Update(step, 6000)
		c.tick(time.Second)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, "| left 15m00s") {
		t.Errorf("last line %q", last)
	}
}

func TestLongRunKeepsFewMarks(t *testing.T) {
	var e eta
	now := time.Unix(0, 0)
	for step := range int64(100_000) {
		e.add(now, step)
		now = now.Add(time.Second)
	}
	if len(e.marks) > maxMarks {
		t.Errorf("%d marks", len(e.marks))
	}
	if left, ok := e.left(200_000); !ok || left != 100_001*time.Second {
		t.Errorf("left %v %v", left, ok)
	}
}

func TestNotATerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	New(f, "x").Update(1, 2)
	if b, _ := os.ReadFile(f.Name()); string(b) != "x 1/2 50%\n" {
		t.Errorf("%q", b)
	}
}

func TestConcurrentUse(t *testing.T) {
	l, _, _ := newLine(Options{Every: 1})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range int64(200) {
				l.Update(i, 200, F("i", i))
				l.Println("note")
			}
			l.Done()
		})
	}
	wg.Wait()
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(0), "0"}, {Count(950), "950"}, {Count(999.7), "1.00k"}, {Count(41234), "41.2k"}, {Count(1_300_000_000), "1.30B"},
		{Count(0.5), "0.50"}, {Count(-1500), "-1.50k"}, {Count(int64(999_999)), "1.00M"}, {Count(2e19), "20000P"},
		{Bytes(512), "512 B"}, {Bytes(1536), "1.50 KiB"}, {Bytes(24 << 30), "24.0 GiB"}, {Bytes(1023), "1023 B"},
		{Percent(0.004), "0.4%"}, {Percent(0.1234), "12%"}, {Percent(0.9999), "99%"}, {Percent(1), "100%"}, {Percent(0.29), "29%"},
		{Duration(0), "0.00s"}, {Duration(420 * time.Millisecond), "0.42s"}, {Duration(9500 * time.Millisecond), "9.5s"},
		{Duration(9990 * time.Millisecond), "10s"}, {Duration(48 * time.Second), "48s"}, {Duration(187 * time.Second), "3m07s"},
		{Duration(59600 * time.Millisecond), "1m00s"}, {Duration(2*time.Hour + 5*time.Minute), "2h05m"},
		{Duration(99 * time.Hour), "4d03h"}, {Duration(-time.Minute), "-1m00s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func ExampleLine() {
	line := New(os.Stdout, "pretrain")
	line.Update(120, 1000, F("loss", "2.345"), F("tokens/s", Count(41234)))
	fmt.Println("...")
	// Output:
	// pretrain 120/1000 12% | loss 2.345 | tokens/s 41.2k
	// ...
}
