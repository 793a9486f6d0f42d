package curate

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// DefaultText is the embedded settings file: every key, with its meaning and the source of its value.
//
//go:embed default.toml
var DefaultText string

// Settings is a settings file; see DefaultText for what each key means.
type Settings struct {
	Stages        []string         `toml:"stages" json:"stages"`
	Seed          uint64           `toml:"seed" json:"seed"`
	MemoryMiB     int64            `toml:"memory_mib" json:"memory_mib"`
	Normalise     NormaliseOptions `toml:"normalise" json:"normalise"`
	Language      LanguageOptions  `toml:"language" json:"language"`
	Quality       QualityOptions   `toml:"quality" json:"quality"`
	Near          NearOptions      `toml:"near" json:"near"`
	Decontaminate CleanOptions     `toml:"decontaminate" json:"decontaminate"`
}

// maxSettings bounds a settings file, in bytes.
const maxSettings = 1 << 20

// Default gives the embedded settings.
func Default() Settings {
	var s Settings
	if err := decode([]byte(DefaultText), &s); err != nil {
		panic("curate: the embedded settings do not decode: " + err.Error())
	}
	return s
}

// ReadSettings reads a settings file over the embedded settings. Relative paths in it are taken from its folder. A key that is not
// known, or of the wrong type, is ErrSettings with its line.
func ReadSettings(path string) (Settings, error) {
	s := Default()
	f, err := os.Open(path)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return s, fmt.Errorf("%w: %s: %w", ErrSettings, path, err)
	}
	if len(text) > maxSettings {
		return s, fmt.Errorf("%w: %s: larger than %d MiB", ErrSettings, path, maxSettings>>20)
	}
	if err := decode(text, &s); err != nil {
		return s, fmt.Errorf("%w: %s%w", ErrSettings, path, err)
	}
	for i := range s.Decontaminate.Sets {
		for j, p := range s.Decontaminate.Sets[i].Paths {
			if !filepath.IsAbs(p) {
				s.Decontaminate.Sets[i].Paths[j] = filepath.Join(filepath.Dir(path), p)
			}
		}
	}
	return s, s.Check()
}

// decode reads TOML; its errors begin with the line, to stand right after a path.
func decode(text []byte, s *Settings) error {
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(s)
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		line, _ := unknown.Errors[0].Position()
		return fmt.Errorf(":%d: unknown key %s", line, strings.Join(unknown.Errors[0].Key(), "."))
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		return fmt.Errorf(":%d: %s: %w", line, strings.Join(wrong.Key(), "."), wrong)
	case err != nil:
		return fmt.Errorf(": %w", err)
	}
	return nil
}

// Check tells what cannot be meant.
func (s *Settings) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrSettings, fmt.Sprintf(format, args...))
	}
	if len(s.Stages) == 0 {
		return bad("stages: none is left")
	}
	for i, name := range s.Stages {
		if !slices.Contains(StageNames(), name) {
			return bad("stages: there is no %q; there are %s", name, strings.Join(StageNames(), ", "))
		}
		if slices.Contains(s.Stages[:i], name) {
			return bad("stages: %q stands twice", name)
		}
	}
	if s.MemoryMiB < 1 || s.MemoryMiB > 1<<20 {
		return bad("memory_mib = %d: from 1 to %d", s.MemoryMiB, 1<<20)
	}
	for _, name := range s.Stages { // tables of stages that do not run may say anything
		if err := s.checkStage(name); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrSettings, name, err)
		}
	}
	return nil
}

func (s *Settings) checkStage(name string) error {
	switch name {
	case NormaliseStage:
		return s.Normalise.check()
	case LanguageStage:
		return s.Language.check()
	case QualityStage:
		return s.Quality.check()
	case NearStage:
		return s.Near.check()
	case CleanStage:
		return s.Decontaminate.check()
	}
	return nil
}

// Without gives settings that lack some stages.
func (s Settings) Without(names ...string) (Settings, error) {
	for _, n := range names {
		if !slices.Contains(StageNames(), n) {
			return s, fmt.Errorf("%w: there is no stage %q; there are %s", ErrSettings, n, strings.Join(StageNames(), ", "))
		}
	}
	s.Stages = slices.DeleteFunc(slices.Clone(s.Stages), func(n string) bool { return slices.Contains(names, n) })
	return s, nil
}

// encode gives the settings as a file that ReadSettings reads back.
func (s Settings) encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# The resolved settings of this curation; `corpus curate --print-config` explains the keys.\n")
	err := toml.NewEncoder(&b).Encode(s)
	return b.Bytes(), err
}

// share refuses what is no share of a whole.
func share(key string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return fmt.Errorf("%s = %v: from 0 to 1", key, v)
	}
	return nil
}

// atLeast refuses numbers below a bound.
func atLeast[T int | int64 | float64](key string, v, low T) error {
	if !(v >= low) {
		return fmt.Errorf("%s = %v: at least %v", key, v, low)
	}
	return nil
}
