package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// guard says who may ask: by which name the server was called, from which page, with which key.
type guard struct {
	hosts []string
	keys  [][sha256.Size]byte
}

func newGuard(o Options) *guard {
	g := &guard{hosts: o.Hosts}
	for _, k := range o.Keys {
		g.keys = append(g.keys, sha256.Sum256([]byte(k)))
	}
	return g
}

// origin refuses calls by a foreign name and from foreign pages: a web page that a user looks at may make the browser call this
// server, under a name of its own that points here. An IP address cannot be pointed elsewhere, so it is always welcome.
func (g *guard) origin(r *http.Request) error {
	host := hostOnly(r.Host)
	if !g.knows(host) {
		return refuse(http.StatusForbidden, "host", "this server is not called %q", short(host))
	}
	from := r.Header.Get("Origin")
	if from == "" {
		return nil
	}
	u, err := url.Parse(from)
	if err != nil || !strings.EqualFold(u.Host, r.Host) {
		return refuse(http.StatusForbidden, "origin", "pages of %q may not use this server", short(from))
	}
	return nil
}

func (g *guard) knows(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host) != nil || slices.Contains(g.hosts, "*") ||
		slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// hostOnly is a Host header without port and brackets.
func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

var errKey = &Error{Status: http.StatusUnauthorized, Type: typeKey, Code: "invalid_api_key", Message: "a valid API key is needed: Authorization: Bearer KEY"}

// key returns which key a request has. All keys are compared, by their hashes, so that neither time nor text says how near a wrong
// one came, or whether there was any. Browsers send what people type into their dialog as the password of Basic.
func (g *guard) key(r *http.Request) (int, error) {
	if len(g.keys) == 0 {
		return 0, nil
	}
	given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		_, given, _ = r.BasicAuth()
	}
	sum, which := sha256.Sum256([]byte(given)), -1
	for i := range g.keys {
		if subtle.ConstantTimeCompare(sum[:], g.keys[i][:]) == 1 {
			which = i
		}
	}
	if which < 0 {
		return 0, errKey
	}
	return which, nil
}
