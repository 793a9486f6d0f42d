package warc

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"io"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/primer-lm/primer/data"
)

// http takes the answer's header off and undoes transfer and content encoding. Answers without a page are passed over.
func (p *payload) http() (skip string, err error) {
	src := bytes.NewReader(p.body)
	br := bufio.NewReader(src)
	tp := textproto.NewReader(br)
	status, err := tp.ReadLine()
	if err != nil || !strings.HasPrefix(status, "HTTP/") {
		return "", failed("an HTTP answer was expected, found %.40q", status)
	}
	_, code, _ := strings.Cut(status, " ")
	if n, err := strconv.Atoi(strings.TrimSpace(code[:min(3, len(code))])); err != nil {
		return "", failed("an HTTP status was expected, found %.40q", status)
	} else if n != 200 {
		return "responses of status " + strconv.Itoa(n/100) + "xx other than 200", nil
	}
	fields, err := tp.ReadMIMEHeader()
	if err != nil && err != io.EOF { // an answer may end with its header
		return "", failed("HTTP header: %v", err)
	}
	p.ctype = fields.Get("Content-Type")
	body := p.body[len(p.body)-src.Len()-br.Buffered():]
	if strings.Contains(strings.ToLower(fields.Get("Transfer-Encoding")), "chunked") {
		if body, err = dechunk(body); err != nil {
			return "", err
		}
	}
	p.body, err = decodeContent(body, fields.Get("Content-Encoding"))
	return "", err
}

// dechunk undoes chunked transfer; a body that does not start with a chunk's size was written without it.
func dechunk(body []byte) ([]byte, error) {
	size, _, ok := bytes.Cut(body[:min(len(body), 64)], []byte("\n"))
	size, _, _ = bytes.Cut(bytes.TrimSpace(size), []byte(";"))
	if _, err := strconv.ParseUint(string(size), 16, 63); err != nil || !ok {
		return body, nil
	}
	out, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body)))
	if err != nil {
		return nil, failed("chunked transfer: %v", err)
	}
	return out, nil
}

// decodeContent undoes content encodings, the last one first.
func decodeContent(body []byte, encodings string) ([]byte, error) {
	names := strings.Split(strings.ToLower(encodings), ",")
	if len(names) > 4 {
		return nil, failed("%d content encodings", len(names))
	}
	for i := len(names) - 1; i >= 0; i-- {
		var err error
		if body, err = decodeOne(body, strings.TrimSpace(names[i])); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// decodeOne undoes one encoding. What does not look encoded was written decoded.
func decodeOne(body []byte, name string) ([]byte, error) {
	var r io.Reader
	var err error
	switch name {
	case "gzip", "x-gzip":
		if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
			return body, nil
		}
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate": // RFC 9110 means zlib, servers send bare deflate too
		if r, err = zlib.NewReader(bytes.NewReader(body)); err != nil {
			r, err = flate.NewReader(bytes.NewReader(body)), nil
		}
	case "br":
		if looksLikeText(body) {
			return body, nil
		}
		r = brotli.NewReader(bytes.NewReader(body))
	case "zstd":
		if !bytes.HasPrefix(body, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
			return body, nil
		}
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)); err == nil {
			defer z.Close()
			r = z
		}
	default: // identity, none, and inventions: the charset decides
		return body, nil
	}
	if err != nil {
		return nil, failed("content encoding %s: %v", name, err)
	}
	return bounded(r, name, int64(len(body)))
}

// bounded reads a decoded body within the limits of every compressed stream.
func bounded(r io.Reader, name string, packed int64) ([]byte, error) {
	most := min(MaxBody, data.MaxRatio*packed+1<<20)
	out, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, failed("content encoding %s: %v", name, err)
	case int64(len(out)) > most:
		return nil, failed("content encoding %s: %d bytes become more than %d", name, packed, most)
	}
	return out, nil
}

// looksLikeText: brotli has no magic number, and its streams do not start as pages do.
func looksLikeText(body []byte) bool {
	head := bytes.TrimLeft(body[:min(len(body), 512)], " \t\r\n\ufeff")
	return bytes.HasPrefix(head, []byte("<")) || len(head) > 0 && bytes.IndexFunc(head, func(c rune) bool {
		return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == '\uFFFD'
	}) < 0
}
