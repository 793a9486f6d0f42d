package warc

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"

	readability "codeberg.org/readeck/go-readability/v2"
	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

// maxElements bounds the time that one page takes: a few seconds.
const maxElements = 50_000

// decoded gives the payload as UTF-8, by the byte order mark, the header's charset, a page's <meta>, or its bytes.
func (p *payload) decoded() ([]byte, error) {
	enc, name, sure := charset.DetermineEncoding(p.body, p.ctype)
	if p.media == textPlain && !sure || name == "utf-8" { // WET is UTF-8 and says nothing; no <meta> counts in plain text
		return bytes.TrimPrefix(p.body, []byte("\ufeff")), nil
	}
	out, err := io.ReadAll(io.LimitReader(enc.NewDecoder().Reader(bytes.NewReader(p.body)), 3*MaxBody))
	if err != nil {
		return nil, failed("charset %s: %v", name, err)
	}
	return bytes.TrimPrefix(out, []byte("\ufeff")), nil
}

// readable finds the main text of a page and its title. The library's panics are errors of the record.
func readable(page []byte, target string) (text, title, skip string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = failed("the page's main text: %v", p)
		}
	}()
	if tooManyNodes(page) {
		return "", "", fmt.Sprintf("pages of more than %d nodes", maxNodes), nil
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return "", "", "", failed("HTML: %v", err)
	}
	if n := elements(root); n > maxElements {
		return "", "", fmt.Sprintf("pages of more than %d elements", maxElements), nil
	}
	at, err := url.Parse(target)
	if err != nil {
		at = &url.URL{} // it only resolves links, which the text leaves out
	}
	parser := readability.NewParser()
	article, err := parser.ParseAndMutate(root, at)
	if err != nil {
		return "", "", "", failed("the page's main text: %v", err)
	}
	if article.Node == nil {
		return "", "", "pages without a main text", nil
	}
	var b strings.Builder
	if err := article.RenderText(&b); err != nil {
		return "", "", "", failed("the page's main text: %v", err)
	}
	return strings.TrimSpace(b.String()), strings.TrimSpace(article.Title()), "", nil
}

func elements(root *html.Node) (n int) {
	for d := range root.Descendants() {
		if d.Type == html.ElementNode {
			n++
		}
	}
	return n
}
