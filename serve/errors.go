package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/primer-lm/primer/model/generate"
)

// Error is an answer that says what went wrong, in OpenAI's form.
type Error struct {
	Status  int    `json:"-"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"-"` // the field at fault; "" is null
	Code    string `json:"-"` // "" is null

	RetryAfter int `json:"-"` // seconds; 0: no header
}

func (e *Error) Error() string { return e.Message }

// MarshalJSON writes {"error":{"message","type","param","code"}}, null for what is empty.
func (e *Error) MarshalJSON() ([]byte, error) {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return json.Marshal(map[string]any{"error": map[string]any{
		"message": e.Message, "type": e.Type, "param": orNull(e.Param), "code": orNull(e.Code)}})
}

// The types of errors, as OpenAI's clients know them.
const (
	typeRequest = "invalid_request_error"
	typeKey     = "authentication_error"
	typeRate    = "rate_limit_error"
	typeServer  = "server_error"
)

// badField refuses a request for one of its fields.
func badField(param, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: typeRequest, Param: param, Message: fmt.Sprintf(format, args...)}
}

func refuse(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Type: typeRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

var (
	errDraining = &Error{Status: http.StatusServiceUnavailable, Type: typeServer, Code: "shutting_down",
		Message: "the server is shutting down", RetryAfter: 5}
	errBroken = &Error{Status: http.StatusInternalServerError, Type: typeServer, Code: "engine_failed",
		Message: "the generation engine has failed"}
	errInternal = &Error{Status: http.StatusInternalServerError, Type: typeServer, Message: "internal error"}

	// errGone marks a client that nobody can answer any more.
	errGone = errors.New("client gone")
	// errDeadline is the cause of a context whose request took too long.
	errDeadline = errors.New("request deadline")
)

// answer makes of any error what the client may see: never a path, a stack or the text of an inner error.
func (s *Server) answer(ctx context.Context, err error) *Error {
	var told *Error
	switch {
	case errors.As(err, &told):
		return told
	case errors.Is(context.Cause(ctx), errDeadline):
		return &Error{Status: http.StatusGatewayTimeout, Type: typeServer, Code: "timeout",
			Message: fmt.Sprintf("the request took longer than %s", s.opt.Deadline)}
	case errors.Is(err, generate.ErrTooLong):
		return refuse(http.StatusBadRequest, codeTooLong, "%v", err)
	case errors.Is(err, generate.ErrBadRequest):
		return badField("", "%v", err)
	case errors.Is(err, generate.ErrClosed):
		return errDraining
	}
	return errInternal
}

const codeTooLong = "context_length_exceeded"

// write sends the error as the whole response.
func (e *Error) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	body, err := json.Marshal(e)
	if err != nil { // strings and nulls: it cannot be
		body = []byte(`{"error":{"message":"internal error","type":"server_error","param":null,"code":null}}`)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(e.Status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}
