package serve

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// json answers with one value.
func (c *call) json(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.bytes("application/json", append(body, '\n'))
}

// bytes answers with a body of a type.
func (c *call) bytes(kind string, body []byte) error {
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if c.r.Method == http.MethodHead {
		return nil
	}
	return c.write(body)
}

// write sends bytes piece by piece: each piece has the write deadline of its own, so that a slow reader of much is no stalled one.
func (c *call) write(b []byte) error {
	const piece = 64 << 10
	for len(b) > 0 {
		n := min(len(b), piece)
		_ = c.rc.SetWriteDeadline(time.Now().Add(c.s.opt.WriteTimeout)) // not every test's connection has one
		if _, err := c.w.Write(b[:n]); err != nil {
			return errGone
		}
		b = b[n:]
	}
	return nil
}

// stream is an answer of server-sent events.
type stream struct{ c *call }

// startStream sends the header of a stream.
func (c *call) startStream() (*stream, error) {
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies pass on what comes as it comes
	c.w.WriteHeader(http.StatusOK)
	st := &stream{c}
	return st, st.flush()
}

// send writes one event; name is "" for OpenAI's streams.
func (st *stream) send(name string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	head := "data: "
	if name != "" {
		head = "event: " + name + "\ndata: "
	}
	return st.c.write(append(append([]byte(head), body...), "\n\n"...))
}

// flush lets the client see what was sent.
func (st *stream) flush() error {
	_ = st.c.rc.SetWriteDeadline(time.Now().Add(st.c.s.opt.WriteTimeout)) // not every test's connection has one
	if st.c.rc.Flush() != nil {
		return errGone
	}
	return nil
}

// end closes the stream as OpenAI does: with the error, if there is one, as its last event.
func (st *stream) end(err error) error {
	if err != nil {
		if st.c.ctx.Err() != nil && st.c.r.Context().Err() != nil {
			return errGone
		}
		if sent := st.send("", st.c.s.answer(st.c.ctx, err)); sent != nil {
			return sent
		}
		return st.flush()
	}
	if err := st.c.write([]byte("data: [DONE]\n\n")); err != nil {
		return err
	}
	return st.flush()
}

// newID is a name for an answer: cmpl-…
func newID(prefix string) string { return prefix + rand.Text() }
