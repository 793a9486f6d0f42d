package mix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/shard"
)

// Spec is a mixture file:
//
//	seed = 1
//	length = 2048            # tokens a row
//	budget = 100_000_000_000 # tokens in all; left out: what the sources hold
//	by = "tokens"            # what weights count: "tokens" or "texts"
//	documents = "joined"     # or "separate": attention and loss stay within a text
//	positions = "row"        # or "document": positions restart with each text
//
//	[[source]]
//	name = "raw"
//	path = "shards/raw"      # or paths = ["a", "b"]; relative to this file
//	kind = "raw"             # raw, chains, instructions, tuning
//	weight = 4               # left out everywhere: in proportion to what is there
//	repeats = 1              # passes at most; without weights, how much it counts too
//	short = "refuse"         # where they do not reach the budget: "refuse", "repeat" or "end"
//	template_seed = 7        # of the templates, for chains and tuning
//	templates = ["my.toml"]  # more templates; relative to this file
//	template_set = "full"    # that they are added to: full or small
//	text_field = "content"   # JSON field that holds the text; left out: text
//
// A path is a folder of shards; a caller may bring an opener that makes shards of
// text first, by kind and template seed.
type Spec struct {
	Seed      uint64       `toml:"seed"`
	Length    int          `toml:"length"`
	Budget    int64        `toml:"budget"`
	By        string       `toml:"by"`
	Documents string       `toml:"documents"`
	Positions string       `toml:"positions"`
	Sources   []SourceSpec `toml:"source"`
}

// SourceSpec is one source of a mixture file.
type SourceSpec struct {
	Name         string   `toml:"name"`
	Path         string   `toml:"path"`  // one path …
	Paths        []string `toml:"paths"` // … or several; ReadSpec puts the one here too
	Kind         string   `toml:"kind"`
	Weight       float64  `toml:"weight"`
	Repeats      int64    `toml:"repeats"`
	Short        string   `toml:"short"`
	TemplateSeed uint64   `toml:"template_seed"`
	Templates    []string `toml:"templates"`
	TemplateSet  string   `toml:"template_set"`
	TextField    string   `toml:"text_field"`
}

// templateSets are the embedded sets of templates; "" is the full one.
var templateSets = map[string]bool{"": true, "full": true, "small": true}

// shorts are what a source may do that runs short; "" refuses.
var shorts = map[string]Short{"": ShortRefuse, "refuse": ShortRefuse, "repeat": ShortRepeat, "end": ShortEnd}

// maxSpec bounds a mixture file, in bytes.
const maxSpec = 1 << 20

// kinds are the kinds of sources there are; "" is shards that say nothing more.
var kinds = map[string]bool{"": true, "raw": true, "chains": true, "instructions": true, "tuning": true}

// ReadSpec reads and checks a mixture file. Relative paths are taken from the
// file's folder.
func ReadSpec(path string) (*Spec, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpec, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSpec+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSpec, path, err)
	}
	if len(b) > maxSpec {
		return nil, fmt.Errorf("%w: %s: more than %d MiB", ErrSpec, path, maxSpec>>20)
	}
	s, err := parseSpec(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s%w", ErrSpec, path, err)
	}
	for i := range s.Sources {
		beside(path, s.Sources[i].Paths)
		beside(path, s.Sources[i].Templates)
	}
	return s, nil
}

// beside takes relative paths from the folder of the file that names them.
func beside(file string, paths []string) {
	for i, p := range paths {
		if !filepath.IsAbs(p) && p != "-" && !data.IsObject(p) {
			paths[i] = filepath.Join(filepath.Dir(file), p)
		}
	}
}

// place puts a file position before a message, to stand right after the path.
func place(line int, err error) error { return fmt.Errorf(":%d: %w", line, err) }

func parseSpec(b []byte) (*Spec, error) {
	s := &Spec{By: "tokens", Documents: "joined", Positions: "row"}
	d := toml.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		var unknown *toml.StrictMissingError
		if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
			line, _ := unknown.Errors[0].Position()
			return nil, place(line, fmt.Errorf("unknown field %v", unknown.Errors[0].Key()))
		}
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ := at.Position()
			return nil, place(line, err)
		}
		return nil, fmt.Errorf(": %w", err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	for i := range s.Sources {
		if src := &s.Sources[i]; src.Path != "" {
			src.Paths, src.Path = []string{src.Path}, ""
		}
	}
	return s, nil
}

func (s *Spec) check() error {
	bad := func(format string, args ...any) error { return fmt.Errorf(": "+format, args...) }
	switch {
	case s.Length < 1:
		return bad("length = %d: the tokens of a row must be given", s.Length)
	case s.Budget < 0:
		return bad("budget = %d is negative", s.Budget)
	case s.By != "tokens" && s.By != "texts":
		return bad("by = %q is neither tokens nor texts", s.By)
	case s.Documents != "joined" && s.Documents != "separate":
		return bad("documents = %q is neither joined nor separate", s.Documents)
	case s.Positions != "row" && s.Positions != "document":
		return bad("positions = %q is neither row nor document", s.Positions)
	case len(s.Sources) == 0:
		return bad("there is no [[source]]")
	}
	for i, src := range s.Sources {
		switch {
		case src.Name == "":
			return bad("source %d has no name", i+1)
		case (src.Path == "") == (len(src.Paths) == 0):
			return bad("source %q needs either path or paths", src.Name)
		case !kinds[src.Kind]:
			return bad("source %q: kind = %q is none of raw, chains, instructions, tuning", src.Name, src.Kind)
		case !templateSets[src.TemplateSet]:
			return bad("source %q: template_set = %q is neither full nor small", src.Name, src.TemplateSet)
		}
		if _, known := shorts[src.Short]; !known {
			return bad("source %q: short = %q is none of refuse, repeat, end", src.Name, src.Short)
		}
	}
	return nil
}

// Options turns the file's settings into options.
func (s *Spec) Options() Options {
	opt := Options{
		Seed: s.Seed, Length: s.Length, Budget: s.Budget,
		Separate: s.Documents == "separate", RestartPositions: s.Positions == "document",
	}
	if s.By == "texts" {
		opt.Measure = ByTexts
	}
	return opt
}

// Open opens every source and makes the mixture; nil opens folders of shards.
// Sources that can be closed are the caller's to close, through Mixture.Close.
func (s *Spec) Open(open func(SourceSpec) (Source, error)) (*Mixture, error) {
	if open == nil {
		open = OpenShards
	}
	var parts []Part
	var err error
	for _, src := range s.Sources {
		p := Part{Name: src.Name, Weight: src.Weight, Repeats: src.Repeats, Short: shorts[src.Short], Note: fmt.Sprintf("%s %v", src.Kind, src.Paths)}
		if p.Source, err = open(src); err != nil {
			err = fmt.Errorf("source %q: %w", src.Name, err)
			break
		}
		parts = append(parts, p)
	}
	m := &Mixture{parts: parts}
	if err == nil {
		var made *Mixture
		if made, err = New(parts, s.Options()); err == nil {
			return made, nil
		}
	}
	return nil, errors.Join(err, m.Close())
}

// OpenShards opens a source that is one folder of shards.
func OpenShards(src SourceSpec) (Source, error) {
	if len(src.Paths) != 1 {
		return nil, fmt.Errorf("%w: %d paths: a source of shards is one folder", ErrSpec, len(src.Paths))
	}
	return shard.Open(src.Paths[0])
}

// Close closes the sources that can be closed.
func (m *Mixture) Close() error {
	var errs []error
	for _, p := range m.parts {
		if c, ok := p.Source.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
