package serve

import (
	"math"
	"strconv"
	"time"

	"github.com/primer-lm/primer/model/generate"
)

func itoa(n int) string { return strconv.Itoa(n) }

// completionRequest is the body of POST /v1/completions.
type completionRequest struct {
	sampling
	prompts   []*prompt
	echo      bool
	logprobs  *int
	maxTokens *int
	bestOf    *int
}

func (r *completionRequest) fields(s *Server) fields {
	vocab := s.words.VocabSize()
	return r.sampling.fields(vocab).with(fields{
		"prompt":     prompts(&r.prompts, vocab, s.parts.Window+1, s.opt.MaxPrompts),
		"echo":       boolean(&r.echo),
		"logprobs":   integer("logprobs", &r.logprobs),
		"max_tokens": integer("max_tokens", &r.maxTokens),
		"best_of":    integer("best_of", &r.bestOf),
		"suffix":     neutral(),
	})
}

// byDefault is how many tokens a completion has where nobody says: OpenAI's number.
const byDefault = 16

// completions continues prompts.
func (s *Server) completions(c *call) error {
	var r completionRequest
	if err := r.fields(s).read(c.body); err != nil {
		return err
	}
	if err := r.settle(s); err != nil {
		return err
	}
	g := &group{stream: r.stream, usage: r.usage, form: &completionForm{id: newID("cmpl-"), model: s.modelName(r.model), created: time.Now().Unix(),
		logprobs: r.logprobs != nil}}
	for _, p := range r.prompts {
		if err := p.settle(c.ctx, s, r.echo); err != nil {
			return err
		}
		base, ask, err := r.shape(s, p)
		if err != nil {
			return err
		}
		for i := range r.n {
			req := r.request(i)
			req.Prompt, req.MaxNewTokens, req.StopIDs = base.Prompt, base.MaxNewTokens, base.StopIDs
			req.PromptLogProbs, req.TopLogProbs = base.PromptLogProbs, base.TopLogProbs
			g.jobs = append(g.jobs, &job{prompt: p, req: req, ask: ask})
		}
	}
	return s.respond(c, g)
}

// settle refuses what contradicts itself.
func (r *completionRequest) settle(s *Server) error {
	if err := r.sampling.settle(); err != nil {
		return err
	}
	switch {
	case len(r.prompts) == 0:
		return badField("prompt", "prompt is missing")
	case r.bestOf != nil && *r.bestOf != r.n:
		return badField("best_of", "best_of is %d and n is %d: choosing among more choices than are returned is not supported", *r.bestOf, r.n)
	case r.maxTokens != nil && *r.maxTokens == 0 && !r.echo:
		return badField("max_tokens", "max_tokens is 0, which needs echo")
	}
	return s.sequences(len(r.prompts), r.n)
}

// shape fits a prompt and its new tokens into the window. Scoring, echo with at most one new token, may fill the window with the
// prompt alone: the token that has no room is the one that such clients throw away.
func (r *completionRequest) shape(s *Server, p *prompt) (generate.Request, ask, error) {
	asked, window := byDefault, s.parts.Window
	if r.maxTokens != nil {
		asked = *r.maxTokens
	} else {
		asked = max(1, min(asked, window-p.count))
	}
	a := ask{echo: r.echo, logprobs: r.logprobs != nil}
	req := generate.Request{Prompt: p.ids, MaxNewTokens: asked}
	if p.count+asked > window {
		if !r.echo || asked > 1 || p.count > window+1 {
			return req, a, s.tooLong("prompt", itoa(p.count), asked)
		}
		req.MaxNewTokens, a.pad = 0, a.logprobs && asked == 1
	}
	if a.logprobs {
		a.top, req.TopLogProbs = *r.logprobs, *r.logprobs
	}
	req.PromptLogProbs = r.echo && (a.logprobs || req.MaxNewTokens == 0)
	if req.StopIDs = s.words.eos; a.late() && asked == 1 {
		req.StopIDs = nil // clients that score count on a place for the one token, also where the text ends with it
	}
	return req, a, nil
}

// completionForm writes OpenAI's text_completion.
type completionForm struct {
	id, model string
	created   int64
	logprobs  bool
}

type completion struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   *usage             `json:"usage,omitempty"`
}

type completionChoice struct {
	Index    int       `json:"index"`
	Text     string    `json:"text"`
	LogProbs *logprobs `json:"logprobs"`
	Finish   *string   `json:"finish_reason"`
}

// logprobs is the layout of completions: four lists side by side.
type logprobs struct {
	Tokens  []string             `json:"tokens"`
	Values  []*float64           `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offsets []int                `json:"text_offset"`
}

func (f *completionForm) object(parts []part, u *usage, _ bool) any {
	out := completion{ID: f.id, Object: "text_completion", Created: f.created, Model: f.model, Choices: []completionChoice{}, Usage: u}
	for _, p := range parts {
		choice := completionChoice{Index: p.choice, Text: p.text}
		if f.logprobs {
			choice.LogProbs = listed(p.places)
		}
		if p.finish != "" {
			choice.Finish = &p.finish
		}
		out.Choices = append(out.Choices, choice)
	}
	return out
}

// listed writes places as completions do. The token itself is among the most probable ones, though it may be a less probable one:
// a client that asks whether it is the most probable compares numbers, which come of one value. Two ids of one text share a key, and
// the larger number stands there.
func listed(places []place) *logprobs {
	l := &logprobs{Tokens: []string{}, Values: []*float64{}, Top: []map[string]float64{}, Offsets: []int{}}
	for _, p := range places {
		l.Tokens, l.Offsets = append(l.Tokens, p.text), append(l.Offsets, p.offset)
		if p.unknown {
			l.Values, l.Top = append(l.Values, nil), append(l.Top, nil)
			continue
		}
		own := finite(p.LogProb)
		top := map[string]float64{p.text: own}
		for i, t := range p.Top {
			if have, ok := top[p.topText[i]]; !ok || finite(t.LogProb) > have {
				top[p.topText[i]] = finite(t.LogProb)
			}
		}
		l.Values, l.Top = append(l.Values, &own), append(l.Top, top)
	}
	return l
}

// finite is a log-probability as JSON can have it; what cannot be is as improbable as OpenAI says it.
func finite(p float32) float64 {
	const never = -9999
	if v := float64(p); v > never && !math.IsNaN(v) {
		return v
	}
	return never
}
