package warc

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/primer-lm/primer/data"
)

// payload is what a record holds, without the protocol around it.
type payload struct {
	media  string // text/html, …; lower case, without parameters
	ctype  string // the whole Content-Type
	body   []byte
	target string
}

// document makes a record a document, or nil where it is passed over. Errors are *recordErrors.
func (r *reader) document(h *header) (*data.Document, error) {
	p, skip, err := r.payload(h)
	if err != nil {
		return nil, err
	}
	var text, title string
	if skip == "" {
		text, title, skip, err = p.text()
	}
	if err != nil {
		return nil, err
	}
	if skip == "" && strings.TrimSpace(text) == "" {
		skip = "records without text"
	}
	if skip != "" {
		r.report.Skip(skip)
		return nil, nil
	}
	doc := &data.Document{ID: recordID(h), Title: title, Text: text}
	for field, name := range map[string]string{"url": "warc-target-uri", "date": "warc-date",
		"language": "warc-identified-content-language", "truncated": "warc-truncated"} {
		if v := strings.ToValidUTF8(strings.Trim(h.get(name), "<>"), "\uFFFD"); v != "" {
			if doc.Extra == nil {
				doc.Extra = map[string]json.RawMessage{}
			}
			doc.Extra[field], _ = json.Marshal(v) // a valid string encodes
		}
	}
	return doc, nil
}

func recordID(h *header) string {
	id := strings.Trim(h.get("warc-record-id"), "<>")
	if id == "" {
		id = strings.Trim(h.get("warc-target-uri"), "<>")
	}
	return strings.ToValidUTF8(id, "\uFFFD")
}

// kinds of records that never hold a text of their own.
var kinds = map[string]bool{"warcinfo": true, "request": true, "metadata": true, "revisit": true, "continuation": true}

// payload takes the record's content out, or says why it is passed over.
func (r *reader) payload(h *header) (p *payload, skip string, err error) {
	kind := strings.ToLower(h.get("warc-type"))
	p = &payload{ctype: h.get("content-type"), body: r.body, target: strings.Trim(h.get("warc-target-uri"), "<>")}
	switch {
	case kinds[kind]:
		return nil, kind + " records", nil
	case kind != "response" && kind != "conversion" && kind != "resource":
		return nil, "records of unknown type", nil
	case h.get("warc-segment-number") != "" && h.get("warc-segment-number") != "1":
		return nil, "continuation records", nil
	}
	web := kind == "response" && !strings.HasPrefix(strings.ToLower(p.target), "dns:")
	if web {
		if skip, err = p.http(); skip != "" || err != nil {
			return nil, skip, err
		}
	}
	p.sniff()
	if p.media != textPlain && !isHTML(p.media) || kind == "conversion" && p.media != textPlain {
		return nil, kind + " records of type " + family(p.media), nil
	}
	if h.length > MaxBody {
		return nil, "", failed("a text of more than %d MiB", MaxBody>>20)
	}
	return p, "", checkDigest(h.get("warc-block-digest"), r.body)
}

const textPlain = "text/plain"

func isHTML(media string) bool { return media == "text/html" || media == "application/xhtml+xml" }

// sniff tells the media type, by the content where no header does.
func (p *payload) sniff() {
	if p.ctype == "" {
		p.ctype = http.DetectContentType(p.body)
	}
	media, _, err := mime.ParseMediaType(p.ctype)
	if err != nil { // parameters that nobody can parse do not matter here
		media, _, _ = strings.Cut(p.ctype, ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	p.media = media
}

// families are the kinds of types that counts tell apart.
var families = map[string]bool{"application": true, "audio": true, "font": true, "image": true, "text": true, "video": true}

func family(media string) string {
	top, _, _ := strings.Cut(media, "/")
	if !families[top] {
		return "other"
	}
	return top + "/*"
}

// text gives the text of a plain or HTML payload.
func (p *payload) text() (text, title, skip string, err error) {
	utf8, err := p.decoded()
	if err != nil {
		return "", "", "", err
	}
	if p.media == textPlain {
		return string(bytes.TrimRight(bytes.ReplaceAll(utf8, []byte("\r\n"), []byte("\n")), "\n")), "", "", nil
	}
	return readable(utf8, p.target)
}
