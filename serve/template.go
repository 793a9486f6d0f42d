package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
)

// Template is the chat template of a model: Jinja, rendered as transformers does. It comes with the model's folder, so it is bounded
// like foreign code: it reads no other file, its output and its loops have an end, and it has renderTime. It is safe for
// concurrent use.
type Template struct {
	jinja    *exec.Template
	bos, eos string
}

// Message is one turn of a conversation.
type Message struct {
	Role    string
	Content string
}

// Errors of templates, to be told apart with errors.Is.
var (
	ErrTemplate = errors.New("bad chat template")
	// errSays is wrapped by what the template itself says against a conversation (raise_exception).
	errSays = errors.New("the model's chat template refuses the conversation")
)

const (
	maxTemplate = 1 << 20  // bytes of a template
	maxConfig   = 16 << 20 // bytes of the file that it stands in
	maxRendered = 8 << 20  // bytes of a conversation
	maxRange    = 10_000
	renderTime  = 2 * time.Second
)

// ends is what a template asks of a tokenizer.
type ends interface {
	BOS() (int32, bool)
	EOS() (int32, bool)
	Token(id int32) (string, bool)
}

// OpenTemplate reads the template of a model folder: chat_template.jinja, or chat_template in tokenizer_config.json, which may be one
// template or several with names, of which "default" is taken. A folder without one gives nil.
func OpenTemplate(dir string, tok ends) (*Template, error) {
	source, err := templateSource(dir)
	if err != nil || source == "" {
		return nil, err
	}
	t, err := NewTemplate(source)
	if err != nil {
		return nil, err
	}
	if id, ok := tok.BOS(); ok {
		t.bos, _ = tok.Token(id)
	}
	if id, ok := tok.EOS(); ok {
		t.eos, _ = tok.Token(id)
	}
	return t, nil
}

func templateSource(dir string) (string, error) {
	raw, err := readSmall(filepath.Join(dir, "chat_template.jinja"))
	if err == nil {
		return string(raw), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if raw, err = readSmall(filepath.Join(dir, "tokenizer_config.json")); errors.Is(err, os.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	var c struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", fmt.Errorf("%w: tokenizer_config.json: %w", ErrTemplate, err)
	}
	var one string
	if c.Template == nil || json.Unmarshal(c.Template, &one) == nil {
		return one, nil
	}
	var several []struct{ Name, Template string }
	if err := json.Unmarshal(c.Template, &several); err != nil {
		return "", fmt.Errorf("%w: tokenizer_config.json: chat_template is neither a string nor a list of named ones", ErrTemplate)
	}
	for _, s := range several {
		if s.Name == "default" {
			return s.Template, nil
		}
	}
	return "", nil
}

// readSmall reads a regular file of at most maxConfig bytes.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfig {
		return nil, fmt.Errorf("%w: %s is no regular file of at most %d bytes", ErrTemplate, filepath.Base(path), maxConfig)
	}
	return os.ReadFile(path)
}

// NewTemplate parses a template.
func NewTemplate(source string) (t *Template, err error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTemplate, len(source), maxTemplate)
	}
	defer func() { // the parser is somebody else's, and so is the template
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrTemplate, p)
		}
	}()
	c := config.New()
	c.TrimBlocks, c.LeftStripBlocks = true, true // as transformers renders
	env := &exec.Environment{Filters: builtins.Filters, Tests: builtins.Tests, ControlStructures: builtins.ControlStructures, Methods: builtins.Methods,
		Context: exec.EmptyContext().Update(builtins.GlobalFunctions).Update(exec.NewContext(map[string]any{
			"raise_exception": raise, "range": boundedRange, "strftime_now": now}))}
	jinja, err := exec.NewTemplate(root, c, alone{source}, env)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	return &Template{jinja: jinja}, nil
}

// raise is how templates refuse a conversation.
func raise(_ *exec.Evaluator, p *exec.VarArgs) (any, error) {
	if len(p.Args) == 0 {
		return nil, errSays
	}
	return nil, fmt.Errorf("%w: %s", errSays, short(p.Args[0].String()))
}

// boundedRange is range with an end.
func boundedRange(_ *exec.Evaluator, p *exec.VarArgs) ([]int, error) {
	n := []int{0, 0, 1}
	for i, a := range p.Args {
		if i > 2 || !a.IsInteger() {
			return nil, errors.New("range takes one to three whole numbers")
		}
		n[i] = a.Integer()
	}
	if len(p.Args) == 1 {
		n[0], n[1] = 0, n[0]
	}
	var out []int
	for i := n[0]; n[2] > 0 && i < n[1] || n[2] < 0 && i > n[1]; i += n[2] {
		if out = append(out, i); len(out) > maxRange {
			return nil, fmt.Errorf("range has more than %d numbers", maxRange)
		}
	}
	return out, nil
}

// now formats the day as strftime does, for the marks that templates use.
func now(_ *exec.Evaluator, p *exec.VarArgs) (string, error) {
	if len(p.Args) != 1 {
		return "", errors.New("strftime_now takes one format")
	}
	out := p.Args[0].String()
	for mark, layout := range map[string]string{"%d": "02", "%b": "Jan", "%B": "January", "%Y": "2006", "%m": "01", "%y": "06", "%A": "Monday", "%a": "Mon",
		"%H": "15", "%M": "04", "%S": "05"} {
		out = strings.ReplaceAll(out, mark, time.Now().Format(layout))
	}
	return out, nil
}

// root is the one name under which there is a template.
const root = "/template"

// alone is a loader of one template: no include leaves it.
type alone struct{ source string }

func (a alone) Read(path string) (io.Reader, error) {
	if path != root {
		return nil, errors.New("chat templates may not read other files")
	}
	return strings.NewReader(a.source), nil
}

func (a alone) Resolve(path string) (string, error) { return path, nil }

func (a alone) Inherit(string) (loaders.Loader, error) { return a, nil }

// bounded is output with an end.
type bounded struct{ bytes.Buffer }

var errRendered = fmt.Errorf("the conversation has more than %d bytes", maxRendered)

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		return 0, errRendered
	}
	return b.Buffer.Write(p)
}

// Render writes a conversation as the model has learnt to read it; generate opens the assistant's turn. A template that takes too
// long is left behind: it goes on, to no effect, until its loops, which are bounded, end.
func (t *Template) Render(messages []Message, generate bool) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := t.render(messages, generate)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-time.After(renderTime):
		return "", fmt.Errorf("%w: it took longer than %s", ErrTemplate, renderTime)
	}
}

func (t *Template) render(messages []Message, generate bool) (text string, err error) {
	defer func() { // the interpreter is somebody else's, and so is the template
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrTemplate, p)
		}
	}()
	list := make([]any, len(messages))
	for i, m := range messages {
		list[i] = map[string]any{"role": m.Role, "content": m.Content}
	}
	var out bounded
	err = t.jinja.Execute(&out, exec.NewContext(map[string]any{"messages": list, "add_generation_prompt": generate, "bos_token": t.bos, "eos_token": t.eos}))
	switch {
	case err == nil:
		return out.String(), nil
	case strings.Contains(err.Error(), errSays.Error()): // the interpreter's own errors wrap only by their text
		_, why, _ := strings.Cut(err.Error(), errSays.Error())
		return "", fmt.Errorf("%w%s", errSays, why)
	}
	return "", fmt.Errorf("%w: %w", ErrTemplate, err)
}
