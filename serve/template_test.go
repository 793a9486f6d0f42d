package serve

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Templates of the kinds that models bring give, byte for byte, what transformers renders (testdata/make_templates.py).
func TestTemplatesRenderAsTransformersDoes(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "templates.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Templates     map[string]string
		Conversations map[string][]Message
		Cases         []struct {
			Template, Conversation string
			Generate               bool `json:"add_generation_prompt"`
			Want                   *string
			Error                  string
		}
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 60 {
		t.Fatalf("%d cases", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		tmpl, err := NewTemplate(golden.Templates[c.Template])
		if err != nil {
			t.Fatalf("%s: %v", c.Template, err)
		}
		tmpl.bos, tmpl.eos = "<s>", "</s>"
		got, err := tmpl.Render(golden.Conversations[c.Conversation], c.Generate)
		switch {
		case c.Want != nil && (err != nil || got != *c.Want):
			t.Errorf("%s, %s, %v: %q, %v; transformers renders %q", c.Template, c.Conversation, c.Generate, got, err, *c.Want)
		case c.Want == nil && (!errors.Is(err, errSays) || !strings.Contains(err.Error(), c.Error[:20])):
			t.Errorf("%s, %s: %q, %v; transformers raises %q", c.Template, c.Conversation, got, err, c.Error)
		}
	}
}

// A template comes with a folder from anywhere: it reads no file, and it ends.
func TestHostileTemplatesEnd(t *testing.T) {
	for name, source := range map[string]string{
		"include":      "{% include '/etc/passwd' %}",
		"import":       "{% import '/etc/passwd' as x %}{{ x }}",
		"extends":      "{% extends '/etc/passwd' %}",
		"syntax":       "{% for %}",
		"unclosed":     "{% if true %}",
		"large range":  "{% for i in range(1000000000) %}{% endfor %}",
		"large output": "{% for i in range(9999) %}{% for j in range(9999) %}0123456789{% endfor %}{% endfor %}",
		"unknown":      "{{ frobnicate() }}",
	} {
		began := time.Now()
		tmpl, err := NewTemplate(source)
		if err == nil {
			_, err = tmpl.Render([]Message{{"user", "x"}}, true)
		}
		if !errors.Is(err, ErrTemplate) || strings.Contains(err.Error(), "root:") || time.Since(began) > 2*renderTime {
			t.Errorf("%s: %v after %s", name, err, time.Since(began))
		}
	}
}
