package serve

import (
	"embed"
	"path"
)

// files are the pages: they work without a network, and nothing builds them.
//
//go:embed web
var files embed.FS

// fileTypes are what the pages are made of.
var fileTypes = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8", ".json": "application/json"}

// policy lets a page load and call nothing but this server, and nobody put it into a frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file answers with one embedded file.
func (s *Server) file(name string) func(*call) error {
	return func(c *call) error {
		b, err := files.ReadFile("web/" + name)
		if err != nil {
			return err
		}
		c.w.Header().Set("Content-Security-Policy", policy)
		return c.bytes(fileTypes[path.Ext(name)], b)
	}
}
