package serve

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/primer-lm/primer/model/generate"
)

// chatRequest is the body of POST /v1/chat/completions.
type chatRequest struct {
	sampling
	messages  []Message
	logprobs  bool
	top       *int
	maxTokens *int
	maxNew    *int // max_completion_tokens, the newer name
}

// roles are who may speak: what else a template knows (tools) is not offered.
var roles = map[string]string{"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}

func (r *chatRequest) fields(s *Server) fields {
	return r.sampling.fields(s.words.VocabSize()).with(fields{
		"messages":              r.readMessages,
		"logprobs":              boolean(&r.logprobs),
		"top_logprobs":          integer("top_logprobs", &r.top),
		"max_tokens":            integer("max_tokens", &r.maxTokens),
		"max_completion_tokens": integer("max_completion_tokens", &r.maxNew),
		"response_format":       neutral(`{"type":"text"}`, `{"type": "text"}`),
		"modalities":            neutral(`["text"]`),
		"tools":                 neutral(), "tool_choice": neutral(`"none"`, `"auto"`), "parallel_tool_calls": ignored,
		"functions": neutral(), "function_call": neutral(`"none"`, `"auto"`),
		"audio": neutral(), "prediction": neutral(), "reasoning_effort": neutral(`"none"`), "verbosity": neutral(`"medium"`),
		"web_search_options": neutral(),
	})
}

func (r *chatRequest) readMessages(d *decoder) error {
	return d.array(func(i int) error {
		if i == maxMessages {
			return d.bad("more than %d messages", maxMessages)
		}
		var m Message
		where := d.where()
		err := fields{"role": text(&m.Role, maxName), "content": func(d *decoder) error { return content(d, &m.Content) },
			"name": neutral(), "refusal": neutral(), "tool_calls": neutral(), "function_call": neutral(), "annotations": neutral(),
			"audio": neutral(), "tool_call_id": neutral()}.object(d)
		if err != nil {
			return err
		}
		role, ok := roles[m.Role]
		if !ok {
			return badField(where+".role", "%s.role is %q: roles are system, developer, user and assistant", where, short(m.Role))
		}
		m.Role = role
		r.messages = append(r.messages, m)
		return nil
	})
}

// content reads a text, or a list of parts that are texts.
func content(d *decoder, dst *string) error {
	if d.kind() != "an array" {
		return text(dst, 0)(d)
	}
	var all strings.Builder
	defer func() { *dst = all.String() }()
	return d.array(func(int) error {
		var kind, t string
		where := d.where()
		if err := (fields{"type": text(&kind, maxName), "text": text(&t, 0)}).object(d); err != nil {
			return err
		}
		if kind != "text" {
			return badField(where+".type", "%s.type is %q: only text is supported", where, short(kind))
		}
		all.WriteString(t)
		return nil
	})
}

// chat continues a conversation, written by the model's own template.
func (s *Server) chat(c *call) error {
	var r chatRequest
	if err := r.fields(s).read(c.body); err != nil {
		return err
	}
	if err := r.settle(s); err != nil {
		return err
	}
	ids, err := s.conversation(c, r.messages)
	if err != nil {
		return err
	}
	asked := s.parts.Window - len(ids)
	for name, given := range map[string]*int{"max_tokens": r.maxTokens, "max_completion_tokens": r.maxNew} {
		switch {
		case given == nil:
		case *given < 1:
			return badField(name, "%s is %d: a chat writes at least one token", name, *given)
		default:
			asked = *given
		}
	}
	if asked < 1 || len(ids)+asked > s.parts.Window {
		return s.tooLong("messages", itoa(len(ids)), max(asked, 1))
	}
	p := &prompt{ids: ids, count: len(ids)}
	g := &group{stream: r.stream, usage: r.usage, form: &chatForm{id: newID("chatcmpl-"), model: s.modelName(r.model), created: time.Now().Unix(),
		logprobs: r.logprobs, begun: map[int]bool{}}}
	for i := range r.n {
		req := r.request(i)
		req.Prompt, req.MaxNewTokens, req.StopIDs = ids, asked, s.words.eos
		if r.logprobs && r.top != nil {
			req.TopLogProbs = *r.top
		}
		g.jobs = append(g.jobs, &job{prompt: p, req: req, ask: ask{logprobs: r.logprobs}})
	}
	return s.respond(c, g)
}

func (r *chatRequest) settle(s *Server) error {
	if err := r.sampling.settle(); err != nil {
		return err
	}
	switch {
	case len(r.messages) == 0:
		return badField("messages", "messages is missing or empty")
	case r.top != nil && !r.logprobs:
		return badField("top_logprobs", "top_logprobs needs logprobs")
	case r.maxTokens != nil && r.maxNew != nil && *r.maxTokens != *r.maxNew:
		return badField("max_completion_tokens", "max_tokens and max_completion_tokens are two names of one number, and differ")
	case s.parts.Template == nil:
		return refuse(http.StatusBadRequest, "no_chat_template", "the model's folder has no chat template: use /v1/completions")
	}
	return s.sequences(1, r.n)
}

// conversation renders messages and encodes them: what the template writes may be special tokens, what people wrote is not.
func (s *Server) conversation(c *call, messages []Message) ([]int32, error) {
	masked, texts := s.mask(messages)
	rendered, err := s.parts.Template.Render(masked, true)
	switch {
	case errors.Is(err, errSays):
		return nil, badField("messages", "%v", err)
	case err != nil:
		s.opt.Log.Error("the chat template failed", "error", err)
		return nil, &Error{Status: http.StatusInternalServerError, Type: typeServer, Code: "chat_template", Message: "the model's chat template failed"}
	}
	return s.encode(c.ctx, "messages", rendered, s.parts.Window, func(t string) ([]int32, error) { return s.words.encodeMasked(t, texts) })
}

// chatForm writes OpenAI's chat.completion and its chunks.
type chatForm struct {
	id, model string
	created   int64
	logprobs  bool
	begun     map[int]bool // choices whose role was told
}

type chatCompletion struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []chatChoice `json:"choices"`
	Usage   *usage       `json:"usage,omitempty"`
}

type chatChoice struct {
	Index    int           `json:"index"`
	Message  *chatMessage  `json:"message,omitempty"`
	Delta    *chatMessage  `json:"delta,omitempty"`
	LogProbs *chatLogProbs `json:"logprobs"`
	Finish   *string       `json:"finish_reason"`
}

type chatMessage struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

type chatLogProbs struct {
	Content []chatToken `json:"content"`
}

type chatToken struct {
	chatAlternative
	Top []chatAlternative `json:"top_logprobs"`
}

type chatAlternative struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

func (f *chatForm) object(parts []part, u *usage, chunk bool) any {
	out := chatCompletion{ID: f.id, Object: "chat.completion", Created: f.created, Model: f.model, Choices: []chatChoice{}, Usage: u}
	if chunk {
		out.Object = "chat.completion.chunk"
	}
	for _, p := range parts {
		choice, m := chatChoice{Index: p.choice}, &chatMessage{Role: "assistant", Content: &p.text}
		if choice.Message = m; chunk {
			choice.Message, choice.Delta = nil, m
			if f.begun[p.choice] {
				m.Role = ""
			}
			if f.begun[p.choice] = true; p.text == "" && p.finish != "" {
				m.Content = nil
			}
		}
		if f.logprobs {
			choice.LogProbs = chatListed(p.places)
		}
		if p.finish != "" {
			choice.Finish = &p.finish
		}
		out.Choices = append(out.Choices, choice)
	}
	return out
}

// chatListed writes places as chats do.
func chatListed(places []place) *chatLogProbs {
	l := &chatLogProbs{Content: []chatToken{}}
	for _, p := range places {
		t := chatToken{chatAlternative: alternative(generate.TokenProb{ID: p.ID, LogProb: p.LogProb}, p.text, p.bytes), Top: []chatAlternative{}}
		for i, other := range p.Top {
			t.Top = append(t.Top, alternative(other, p.topText[i], p.topBytes[i]))
		}
		l.Content = append(l.Content, t)
	}
	return l
}

func alternative(t generate.TokenProb, text string, bytes []byte) chatAlternative {
	a := chatAlternative{Token: text, LogProb: finite(t.LogProb), Bytes: make([]int, len(bytes))}
	for i, b := range bytes {
		a.Bytes[i] = int(b)
	}
	return a
}
