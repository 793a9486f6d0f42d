package serve

import (
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/primer-lm/primer/model/generate"
)

// group is the choices of one request, and how they are written.
type group struct {
	jobs   []*job
	stream bool
	usage  bool // at the end of a stream
	form   form
}

// job is one choice.
type job struct {
	prompt *prompt
	req    generate.Request
	ask    ask
	writer *writer
	whole  part // of an answer that is not streamed
}

// ask says what a choice shows beside its text.
type ask struct {
	echo     bool
	logprobs bool
	top      int
	pad      bool // the prompt fills the window: a place without a token stands for the one that was asked for
}

// part is a piece of one choice: all of it, or what has come since the last.
type part struct {
	choice int
	text   string
	places []place
	finish string
}

// form writes parts as one of OpenAI's objects.
type form interface {
	// object makes a response of all parts, or a chunk of a stream of some. The last chunk may have usage and no part.
	object(parts []part, u *usage, chunk bool) any
}

// usage counts tokens; a prompt counts once, however many choices it has.
type usage struct {
	Prompt     int          `json:"prompt_tokens"`
	Completion int          `json:"completion_tokens"`
	Total      int          `json:"total_tokens"`
	Details    usageDetails `json:"prompt_tokens_details"`
}

type usageDetails struct {
	Cached int `json:"cached_tokens"`
}

// respond admits a request, computes it and answers.
func (s *Server) respond(c *call, g *group) error {
	requests, tokens := make([]generate.Request, len(g.jobs)), int64(0)
	for i, j := range g.jobs {
		j.writer = &writer{words: s.words, stops: j.req.StopStrings, keep: j.ask.logprobs}
		requests[i] = j.req
		tokens += int64(len(j.req.Prompt) + j.req.MaxNewTokens)
	}
	leave, err := s.gate.enter(c.key, len(g.jobs), tokens)
	if err != nil {
		s.metrics.refused.Inc()
		return err
	}
	defer leave()
	if g.stream {
		return s.respondStream(c, g, requests)
	}
	var u usage
	err = s.run(c.ctx, requests, false, func(e event) error {
		j := g.jobs[e.job]
		j.whole = j.finish(e.job, &e.result, 0, true)
		u.add(j, &e.result)
		return nil
	}, func() error { return nil })
	if err != nil {
		return err
	}
	parts := make([]part, len(g.jobs))
	for i, j := range g.jobs {
		parts[i] = j.whole
	}
	u.settle(g.jobs)
	return c.json(g.form.object(parts, &u, false))
}

// respondStream sends what each choice has as soon as it is certain.
func (s *Server) respondStream(c *call, g *group, requests []generate.Request) error {
	st, err := c.startStream()
	if err != nil {
		return err
	}
	var u usage
	told := make([]int, len(g.jobs)) // tokens that the writer has seen
	dirty := map[int]bool{}
	send := func(p part) error { return st.send("", g.form.object([]part{p}, nil, true)) }
	for i, j := range g.jobs {
		if j.ask.echo && !j.ask.logprobs {
			j.writer.runes = utf8.RuneCountInString(j.prompt.echo)
			if err := send(part{choice: i, text: j.prompt.echo}); err != nil {
				return err
			}
		}
	}
	err = s.run(c.ctx, requests, true, func(e event) error {
		j := g.jobs[e.job]
		if !e.ended {
			if !j.ask.late() {
				j.writer.add(e.token)
				told[e.job]++
				dirty[e.job] = true
			}
			return nil
		}
		delete(dirty, e.job)
		u.add(j, &e.result)
		return send(j.finish(e.job, &e.result, told[e.job], j.ask.late()))
	}, func() error {
		for i, j := range g.jobs {
			if !dirty[i] {
				continue
			}
			if text, places := j.writer.take(); text != "" || len(places) > 0 {
				if err := send(part{choice: i, text: text, places: places}); err != nil {
					return err
				}
			}
		}
		clear(dirty)
		return st.flush()
	})
	if err == nil && g.usage {
		u.settle(g.jobs)
		err = st.send("", g.form.object(nil, &u, true))
	}
	return st.end(err)
}

// late choices come whole at their end: the log-probabilities of the prompt, which stand before all others, are known only then.
func (a ask) late() bool { return a.echo && a.logprobs }

// finish makes the last part of a choice, of the tokens behind those that were told. With whole, the prompt's echo stands before.
func (j *job) finish(choice int, r *generate.Result, told int, whole bool) part {
	p := part{choice: choice, finish: string(r.Finish)}
	if whole && j.ask.echo {
		p.text = j.prompt.echo
		j.writer.runes = utf8.RuneCountInString(p.text)
		if j.ask.logprobs {
			p.places = j.echoed(r)
		}
	}
	for i := told; i < len(r.Tokens); i++ {
		t := generate.Token{ID: r.Tokens[i], LogProb: r.LogProbs[i]}
		if i < len(r.Top) {
			t.Top = r.Top[i]
		}
		j.writer.add(t)
	}
	text, places := j.writer.end(r)
	p.text, p.places = p.text+text, append(p.places, places...)
	if j.ask.pad {
		p.places = append(p.places, place{offset: j.writer.runes, unknown: true})
	}
	return p
}

// echoed are the prompt's tokens with their log-probabilities.
func (j *job) echoed(r *generate.Result) []place {
	places := slices.Clone(j.prompt.shown)
	for i := range places {
		at := places[i].offset
		if i+j.prompt.hidden < len(r.Prompt) {
			places[i] = j.writer.words.place(r.Prompt[i+j.prompt.hidden])
		}
		places[i].offset, places[i].unknown = at, i == 0 // nothing stands before the first
	}
	return places
}

func (u *usage) add(j *job, r *generate.Result) {
	u.Completion += len(r.Tokens)
	u.Details.Cached += max(0, min(r.Cached, len(j.prompt.ids))-j.prompt.hidden)
}

// settle counts the prompts.
func (u *usage) settle(jobs []*job) {
	seen := map[*prompt]bool{}
	for _, j := range jobs {
		if !seen[j.prompt] {
			seen[j.prompt] = true
			u.Prompt += len(j.prompt.ids) - j.prompt.hidden
		}
	}
	u.Details.Cached = min(u.Details.Cached, u.Prompt)
	u.Total = u.Prompt + u.Completion
}

// sequences refuses more choices than one request may have.
func (s *Server) sequences(prompts, n int) error {
	if prompts*n > s.opt.MaxSequences {
		return &Error{Status: http.StatusBadRequest, Type: typeRequest, Param: "n",
			Message: "too many choices: prompts times n may be at most " + itoa(s.opt.MaxSequences)}
	}
	return nil
}
