package serve

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// route is one thing that can be asked for. A route that is not in this table cannot be reached, and the OpenAPI page has the same
// rows (a test compares).
type route struct {
	method, path string // a path that ends in "/{model}" stands for everything beneath
	open         bool   // needs no key
	work         bool   // makes the engine work: refused while the server drains
	handle       func(*call) error
}

func (s *Server) routes() []route {
	return []route{
		{method: "GET", path: "/healthz", open: true, handle: s.healthz},
		{method: "GET", path: "/readyz", handle: s.readyz},
		{method: "GET", path: "/v1/models", handle: s.listModels},
		{method: "GET", path: "/v1/models/{model}", handle: s.oneModel},
		{method: "POST", path: "/v1/completions", work: true, handle: s.completions},
		{method: "POST", path: "/v1/chat/completions", work: true, handle: s.chat},
		{method: "POST", path: "/v1/synthesize", work: true, handle: s.synthesize},
		{method: "POST", path: "/tokenize", handle: s.tokenize},
		{method: "POST", path: "/detokenize", handle: s.detokenize},
		{method: "GET", path: "/metrics", handle: s.showMetrics},
		{method: "GET", path: "/openapi.json", handle: s.file("openapi.json")},
		{method: "GET", path: "/docs", handle: s.file("docs.html")},
		{method: "GET", path: "/", handle: s.file("index.html")},
		{method: "GET", path: "/web/app.js", handle: s.file("app.js")},
		{method: "GET", path: "/web/docs.js", handle: s.file("docs.js")},
		{method: "GET", path: "/web/style.css", handle: s.file("style.css")},
	}
}

// find returns the route of a request, or what to answer instead.
func (s *Server) find(r *http.Request) (*route, error) {
	var methods []string
	for i := range s.table {
		rt := &s.table[i]
		prefix, wild := strings.CutSuffix(rt.path, "{model}")
		if r.URL.Path != rt.path && !(wild && len(r.URL.Path) > len(prefix) && strings.HasPrefix(r.URL.Path, prefix)) {
			continue
		}
		if r.Method == rt.method || r.Method == http.MethodHead && rt.method == http.MethodGet {
			return rt, nil
		}
		methods = append(methods, rt.method)
	}
	if methods != nil {
		return nil, &Error{Status: http.StatusMethodNotAllowed, Type: typeRequest, Code: "method_not_allowed",
			Message: "this path takes " + strings.Join(methods, ", ")}
	}
	return nil, refuse(http.StatusNotFound, "not_found", "there is nothing at this path")
}

// call is one request under way.
type call struct {
	s     *Server
	w     *recorder
	r     *http.Request
	ctx   context.Context
	rc    *http.ResponseController
	route *route
	key   int // which of the server's keys it came with
	body  []byte
	began time.Time
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// statusGone stands in metrics and logs for a client that left before it was answered, as nginx has it.
const statusGone = 499

// ServeHTTP answers one request, whatever it is.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), s.opt.Deadline, errDeadline)
	defer cancel()
	c := &call{s: s, w: &recorder{ResponseWriter: w}, r: r, ctx: ctx, rc: http.NewResponseController(w), began: time.Now()}
	defer s.finish(c)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.ContentLength != 0 {
		// A body that nobody asks for would be waited for without end, since net/http reads some of it before it answers.
		c.w.Header().Set("Connection", "close")
		_ = c.rc.SetReadDeadline(c.began.Add(s.opt.ReadTimeout)) // not every test's connection has one
	}
	if err := s.serve(c); err != nil {
		c.refuse(err)
	}
}

// finish counts and logs a request, and answers for a handler that panicked. The panic is a fault of this program, but not one that
// other requests have to pay for.
func (s *Server) finish(c *call) {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		s.opt.Log.Error("a handler panicked", "panic", p, "stack", string(debug.Stack()))
		s.metrics.panics.Inc()
		if c.w.status == 0 {
			errInternal.write(c.w)
			p = nil
		}
	}
	if c.w.status == 0 {
		c.w.status = http.StatusOK // net/http says so for an answer without a body
	}
	s.metrics.request(c)
	if s.opt.LogRequests || c.w.status >= http.StatusInternalServerError {
		s.opt.Log.Info("request", "method", c.r.Method, "path", short(c.r.URL.Path), "status", c.w.status, "from", c.r.RemoteAddr,
			"seconds", time.Since(c.began).Seconds())
	}
	if p != nil {
		panic(http.ErrAbortHandler) // cuts the connection: the client must not take a half answer for a whole one
	}
}

// refuse answers with an error, if somebody is there to hear it.
func (c *call) refuse(err error) {
	var told *Error
	if errors.Is(err, errGone) || !errors.As(err, &told) && errors.Is(context.Cause(c.ctx), context.Canceled) {
		if c.w.status == 0 {
			c.w.status = statusGone
		}
		return
	}
	told = c.s.answer(c.ctx, err)
	if told.Status == http.StatusUnauthorized {
		c.w.Header().Set("WWW-Authenticate", "Bearer")
		if c.r.Method == http.MethodGet { // a person's browser asks for it
			c.w.Header().Add("WWW-Authenticate", `Basic realm="primer", charset="UTF-8"`)
		}
	}
	if told == errInternal {
		c.s.opt.Log.Error("internal error", "path", short(c.r.URL.Path), "error", err)
	}
	_ = c.rc.SetWriteDeadline(time.Now().Add(c.s.opt.WriteTimeout)) // not every test's connection has one
	told.write(c.w)
}

// serve checks a request from the outside in and hands it to its route.
func (s *Server) serve(c *call) error {
	if s.connections.Load() > s.opt.MaxConnections && c.r.URL.Path != "/healthz" { // which says that the process lives
		c.w.Header().Set("Connection", "close")
		return &Error{Status: http.StatusServiceUnavailable, Type: typeServer, Code: "too_many_connections",
			Message: "too many connections", RetryAfter: 1}
	}
	if err := s.guard.origin(c.r); err != nil {
		return err
	}
	rt, err := s.find(c.r)
	if rt == nil || !rt.open { // what there is, is told to those who have a key
		key, bad := s.guard.key(c.r)
		if bad != nil {
			return bad
		}
		c.key = key
	}
	if err != nil {
		return err
	}
	c.route = rt
	if rt.work && s.draining.Load() {
		c.w.Header().Set("Connection", "close")
		return errDraining
	}
	if rt.method == http.MethodPost {
		if err := c.readBody(); err != nil {
			return err
		}
	}
	return rt.handle(c)
}

// readBody takes the whole body, within its limits. Work begins only after: net/http sees that a client has gone once there is
// nothing more to read.
func (c *call) readBody() error {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "content_type", "Content-Type must be application/json")
	}
	limit := c.s.opt.MaxBody
	tooBig := refuse(http.StatusRequestEntityTooLarge, "body_too_large", "the body has more than %d bytes", limit)
	if c.r.ContentLength > limit {
		c.w.Header().Set("Connection", "close")
		return tooBig
	}
	_ = c.rc.SetReadDeadline(time.Now().Add(c.s.opt.ReadTimeout)) // not every test's connection has one
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooBig
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.w.Header().Set("Connection", "close")
		return refuse(http.StatusRequestTimeout, "body_timeout", "the body did not arrive within %s", c.s.opt.ReadTimeout)
	case err != nil:
		return errGone
	}
	_ = c.rc.SetReadDeadline(time.Time{})
	c.w.Header().Del("Connection")
	c.body = body
	return nil
}

func maxEncodes() int { return runtime.GOMAXPROCS(0) }
