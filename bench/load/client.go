package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client sends completions to one server.
type Client struct {
	URL  string // "http://127.0.0.1:8080"
	HTTP *http.Client
	// Extra is added to every request's body: what only this server knows.
	Extra map[string]any
}

// Answer is what became of one completion. Times count from the moment before it was sent.
type Answer struct {
	Status  int
	Text    string
	Prompt  int             // tokens of the prompt, as the server counts them
	New     int             // tokens generated, likewise
	First   time.Duration   // until the first piece of text
	Gaps    []time.Duration // between pieces; a piece is a token, but where one is no whole character
	Took    time.Duration
	Problem string // of a status other than 200: what the server said
}

// event is what Primer and llama.cpp send alike in the events of a streamed completion.
type event struct {
	Choices []struct {
		Text string `json:"text"`
	} `json:"choices"`
	Usage *struct {
		Prompt int `json:"prompt_tokens"`
		New    int `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// Complete streams the greedy continuation of a prompt by at most n tokens. An answer of another status than 200 is no error;
// a stream that breaks off or that ends without its usage is one.
func (c *Client) Complete(ctx context.Context, prompt string, n int) (Answer, error) {
	body := map[string]any{"model": "any", "prompt": prompt, "max_tokens": n, "temperature": 0, "stream": true,
		"stream_options": map[string]any{"include_usage": true}}
	for name, value := range c.Extra {
		body[name] = value
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return Answer{}, err
	}
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/v1/completions", bytes.NewReader(raw))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	a := Answer{Status: response.StatusCode}
	if a.Status != http.StatusOK {
		said, err := io.ReadAll(io.LimitReader(response.Body, 1<<12))
		a.Problem, a.Took = string(said), time.Since(began)
		return a, err
	}
	err = a.read(response.Body, began)
	a.Took = time.Since(began)
	return a, err
}

// read takes server-sent events until [DONE].
func (a *Answer) read(r io.Reader, began time.Time) error {
	var text bytes.Buffer
	last := time.Duration(0)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		if string(data) == "[DONE]" {
			a.Text = text.String()
			if a.New == 0 {
				return fmt.Errorf("the stream ended without usage, or without a token")
			}
			return nil
		}
		var e event
		if err := json.Unmarshal(data, &e); err != nil {
			return fmt.Errorf("event %.200q: %w", data, err)
		}
		if e.Error != nil {
			return fmt.Errorf("the stream ended with an error: %s", e.Error)
		}
		if e.Usage != nil {
			a.Prompt, a.New = e.Usage.Prompt, e.Usage.New
		}
		if len(e.Choices) == 0 || e.Choices[0].Text == "" {
			continue
		}
		text.WriteString(e.Choices[0].Text)
		now := time.Since(began)
		if a.First == 0 {
			a.First = now
		} else {
			a.Gaps = append(a.Gaps, now-last)
		}
		last = now
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
