package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/primer-lm/primer/internal/durable"
)

// The two forms of a configuration.
const (
	configTOML = "config.toml"
	configJSON = "config.json"
)

// maxConfig bounds what is read as a configuration, in bytes.
const maxConfig = 16 << 20

// config is a configuration: its text, and its fields under names with dots.
type config struct {
	text   string
	json   bool
	fields map[string]any
}

func (c config) name() string {
	if c.json {
		return configJSON
	}
	return configTOML
}

// parseConfig reads TOML, or JSON when it begins with a brace.
func parseConfig(source string, text []byte) (config, error) {
	c := config{text: string(text), json: bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")), fields: map[string]any{}}
	var tree map[string]any
	var err error
	if c.json {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err = d.Decode(&tree); err == nil && d.More() {
			err = errors.New("more follows the configuration")
		}
	} else {
		err = toml.Unmarshal(text, &tree)
	}
	if err != nil {
		return config{}, fmt.Errorf("%s: %w", source, err)
	}
	c.flatten("", tree)
	return c, nil
}

// flatten names every value: a table's by its key, a list's by its number.
func (c config) flatten(prefix string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, sub := range v {
			c.flatten(join(prefix, key), sub)
		}
	case []any:
		for i, sub := range v {
			c.flatten(join(prefix, strconv.Itoa(i)), sub)
		}
	case json.Number:
		c.fields[prefix] = number(v.String())
	case time.Time:
		c.fields[prefix] = v.UTC().Format(time.RFC3339Nano)
	default: // of TOML: string, bool, int64, float64, local dates
		c.fields[prefix] = fmt.Sprintf("%#v", v)
		if f, ok := v.(float64); ok {
			c.fields[prefix] = number(strconv.FormatFloat(f, 'g', -1, 64))
		}
		if i, ok := v.(int64); ok {
			c.fields[prefix] = number(strconv.FormatInt(i, 10))
		}
	}
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// number gives one form to equal numbers: 3e-4 and 0.0003, 1 and 1.0. Whole numbers keep all their digits.
func number(s string) string {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return s
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// readConfig reads the configuration of a run directory: fs.ErrNotExist when it has none.
func readConfig(fsys durable.FS, dir string) (config, error) {
	for _, name := range []string{configTOML, configJSON} {
		path := filepath.Join(dir, name)
		f, err := fsys.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return config{}, err
		}
		text, err := io.ReadAll(io.LimitReader(f, maxConfig))
		if err := errors.Join(err, f.Close()); err != nil {
			return config{}, fmt.Errorf("%s: %w", path, err)
		}
		return parseConfig(path, text)
	}
	return config{}, fs.ErrNotExist
}

// same names the first field, in order of names, that differs and may not; nil when there is none.
func (c config) same(now config, mayDiffer []string) error {
	if c.json != now.json {
		return fmt.Errorf("it has %s, this run has %s", c.name(), now.name())
	}
	var names []string
	for name := range c.fields {
		names = append(names, name)
	}
	for name := range now.fields {
		if _, both := c.fields[name]; !both {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		was, is := c.show(name), now.show(name)
		if was != is && !slices.Contains(mayDiffer, name) {
			return fmt.Errorf("%s was %s and is now %s", name, was, is)
		}
	}
	return nil
}

func (c config) show(name string) string {
	if v, ok := c.fields[name]; ok {
		return fmt.Sprint(v)
	}
	return "not set"
}
