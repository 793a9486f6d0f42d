//go:build slow

package clients

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// The pages work without a network: a text is pasted, pairs appear one by one with their scores, and the API is described. The
// server's model writes two pairs. PRIMER_SCREENSHOTS names a folder for pictures of both.
func TestBrowser(t *testing.T) {
	name, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium (as root, make test-all tries to install it): apt-get install chromium")
	}
	url, key := server(t)
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(name), chromedp.NoSandbox,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"), chromedp.WindowSize(1280, 900))...)
	defer cancel()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 100*time.Second)
	defer cancel()
	p := page{t, ctx}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+key)) // as the browser sends it once somebody has typed the key
	if _, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Authorization": basic}}); err != nil {
		t.Fatal(err)
	}

	p.open(url + "/")
	p.until(`document.querySelector("#model").textContent.includes("window")`)
	p.do(`document.querySelector("#text").value = "The town of Kalomir lies by the river Bor. It has many bakers."; document.querySelector("#go").click()`)
	p.until(`document.querySelectorAll(".pair").length === 1`) // the first comes before the second is written
	p.until(`document.querySelectorAll(".pair").length === 2 && document.querySelector("#status").textContent.includes("tokens read")`)
	for expression, want := range map[string]string{
		`document.querySelector(".pair .question").textContent`:                                             "Where is it?",
		`document.querySelector(".pair .response").textContent`:                                             "By the river.",
		`document.querySelectorAll(".pair:last-child .options li").length + " options"`:                     "2 options",
		`[...document.querySelectorAll(".pair:first-child [data-score]")].map(e => e.dataset.score).join()`: "logprob,gain,repetition,tokens",
		`document.querySelector("#status").textContent.split(",")[0]`:                                       "2 pairs",
		`String(document.querySelector("#stop").hidden)`:                                                    "true",
	} {
		if got := run[string](p, expression); got != want {
			t.Errorf("%s: %q, want %q", expression, got, want)
		}
	}
	p.only(url)
	p.picture("page.png")

	p.do(`document.querySelector("#go").click()`)
	p.until(`!document.querySelector("#stop").hidden`)
	p.do(`document.querySelector("#stop").click()`)
	p.until(`document.querySelector("#status").textContent.startsWith("Stopped")`)

	p.open(url + "/docs")
	p.until(`document.querySelectorAll("article").length > 10`)
	p.only(url)
	p.picture("docs.png")
}

// page is what the browser shows. Scripts are evaluated from outside, where the page's own policy does not hold.
type page struct {
	t   *testing.T
	ctx context.Context
}

func run[T any](p page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (p page) do(script string) { p.t.Helper(); run[bool](p, "(() => { "+script+"; return true })()") }

func (p page) open(url string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Navigate(url)); err != nil {
		p.t.Fatal(err)
	}
}

// until waits for a condition.
func (p page) until(condition string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); !run[bool](p, "!!("+condition+")"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.picture("failed.png")
			p.t.Fatalf("%s: not within 30 s; the page says %q", condition, run[string](p, "document.body.innerText"))
		}
	}
}

// only checks that the page has asked nobody but the server.
func (p page) only(url string) {
	p.t.Helper()
	loaded := strings.Fields(run[string](p, `performance.getEntriesByType("resource").map(e => e.name).join(" ")`))
	if len(loaded) < 2 {
		p.t.Errorf("the page has loaded %q", loaded)
	}
	for _, name := range loaded {
		if !strings.HasPrefix(name, url) && !strings.HasPrefix(name, "data:") {
			p.t.Errorf("the page asks for %s", name)
		}
	}
}

// picture keeps a screenshot where somebody wants it.
func (p page) picture(name string) {
	p.t.Helper()
	b, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil || len(b) < 1000 {
		p.t.Fatalf("%d bytes of a picture, %v", len(b), err)
	}
	if dir := os.Getenv("PRIMER_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			p.t.Error(err)
		}
	}
}
