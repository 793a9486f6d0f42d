package serve

import (
	"net/http"
	"strings"
)

// healthz says whether the process is worth keeping.
func (s *Server) healthz(c *call) error {
	if s.isBroken() {
		return &Error{Status: http.StatusServiceUnavailable, Type: typeServer, Code: "engine_failed", Message: errBroken.Message}
	}
	return c.json(map[string]string{"status": "ok"})
}

// readyz says whether new work is welcome.
func (s *Server) readyz(c *call) error {
	switch {
	case s.draining.Load():
		return errDraining
	case s.isBroken():
		return s.healthz(c)
	}
	return c.json(map[string]string{"status": "ready"})
}

// modelCard is a row of /v1/models.
type modelCard struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen int    `json:"max_model_len"` // tokens of prompt and continuation together
	Chat        bool   `json:"chat"`          // the model brings a chat template
}

func (s *Server) card() modelCard {
	return modelCard{ID: s.parts.Name, Object: "model", Created: s.began.Unix(), OwnedBy: "primer", MaxModelLen: s.parts.Window,
		Chat: s.parts.Template != nil}
}

func (s *Server) listModels(c *call) error {
	return c.json(struct {
		Object string      `json:"object"`
		Data   []modelCard `json:"data"`
	}{"list", []modelCard{s.card()}})
}

func (s *Server) oneModel(c *call) error {
	name := strings.TrimPrefix(c.r.URL.Path, "/v1/models/")
	if name != s.parts.Name {
		return refuse(http.StatusNotFound, "model_not_found", "there is no model %q here: /v1/models lists what there is", short(name))
	}
	return c.json(s.card())
}

// modelName is how answers name the model: as the request did. There is one model, so a request cannot choose another.
func (s *Server) modelName(asked string) string { return or(asked, s.parts.Name) }
