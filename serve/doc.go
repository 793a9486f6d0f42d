// Package serve answers HTTP requests in OpenAI's form with a model of this code base: completions, chat, tokens, and our own
// /v1/synthesize, which adds instruction–response pairs to texts.
//
// The way of a request: guard.go (host, origin, key) → routes.go (the table of routes, the body read whole) → json.go and
// fields.go (strict JSON, every field typed and bounded) → gate.go (the queue's limits) → run.go (the engine) → a response or a stream (respond.go).
// Whatever a request holds, its answer is a response or an error in OpenAI's form (errors.go); nothing in a request names a file, a
// URL or a template.
//
// What happens when:
//
//   - the client goes away: its work leaves the engine within a step. The body is read whole before any work begins, since net/http
//     notices a closed connection only then;
//   - the client stops reading: each write has a deadline, then its work stops. What waits for it is bounded by max_tokens;
//   - the queue is full: 429 at once, with Retry-After;
//   - SIGTERM: requests under way finish, new ones get 503, and the process ends at the latest when the drain time is over;
//   - the device fails: requests get 500, /healthz 503, and the process ends with an error.
package serve
