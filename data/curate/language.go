package curate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/abadojack/whatlanggo"

	"github.com/primer-lm/primer/data"
)

// LanguageOptions is the table [language].
type LanguageOptions struct {
	Allow         []string `toml:"allow" json:"allow"`                   // codes of ISO 639-1, or 639-3
	Among         []string `toml:"among" json:"among"`                   // the languages that are told apart; empty: all of the library
	MinConfidence float64  `toml:"min_confidence" json:"min_confidence"` // 0 to 1
	MaxBytes      int      `toml:"max_bytes" json:"max_bytes"`           // of a text that are looked at
}

// Undetermined is the code where no language is recognised (ISO 639-2).
const Undetermined = "und"

// codes has the library's languages by both of their codes.
var codes = func() map[string]whatlanggo.Lang {
	all := map[string]whatlanggo.Lang{}
	for lang := range whatlanggo.Langs {
		all[lang.Iso6393()] = lang
		if short := lang.Iso6391(); short != "" {
			all[short] = lang
		}
	}
	return all
}()

// Languages lists the codes of the languages that are recognised.
func Languages() []string {
	var list []string
	for lang := range whatlanggo.Langs {
		list = append(list, codeOf(lang))
	}
	slices.Sort(list)
	return list
}

// codeOf gives the short code of a language, the long one where there is none.
func codeOf(lang whatlanggo.Lang) string {
	if lang < 0 {
		return Undetermined
	}
	if short := lang.Iso6391(); short != "" {
		return short
	}
	return lang.Iso6393()
}

func (o *LanguageOptions) check() error {
	if len(o.Allow) == 0 {
		return errors.New("allow: no language is allowed")
	}
	for key, list := range map[string][]string{"allow": o.Allow, "among": o.Among} {
		for _, code := range list {
			if _, ok := codes[code]; !ok {
				return fmt.Errorf("%s: there is no language %q; there are %s", key, code, strings.Join(Languages(), " "))
			}
		}
	}
	for _, code := range o.Allow {
		if len(o.Among) > 0 && !slices.ContainsFunc(o.Among, func(a string) bool { return codes[a] == codes[code] }) {
			return fmt.Errorf("allow: %q is not one of among", code)
		}
	}
	return errors.Join(share("min_confidence", o.MinConfidence), atLeast("max_bytes", o.MaxBytes, 64))
}

// Reasons of stage language.
const (
	OtherLanguage = "other language"
	Uncertain     = "uncertain language"
)

// languages keeps texts in some languages. The library (whatlanggo: trigrams, ranked, of 84 languages) takes its time, so it sees only
// the first MaxBytes of a text: the time of a document is bounded, whatever its length.
type languages struct {
	opt     LanguageOptions
	allowed map[whatlanggo.Lang]bool
	library whatlanggo.Options
}

func newLanguages(opt LanguageOptions) (*languages, error) {
	l := &languages{opt: opt, allowed: map[whatlanggo.Lang]bool{}}
	for _, code := range opt.Allow {
		l.allowed[codes[code]] = true
	}
	if len(opt.Among) > 0 {
		l.library.Whitelist = map[whatlanggo.Lang]bool{}
		for _, code := range opt.Among {
			l.library.Whitelist[codes[code]] = true
		}
	}
	return l, nil
}

func (l *languages) judge(_ int, doc *data.Document) verdict {
	lang, confidence := l.detect(doc.Text)
	switch {
	case lang < 0 || confidence < l.opt.MinConfidence:
		return verdict{drop: &Drop{Reason: Uncertain, Value: confidence, Threshold: l.opt.MinConfidence, Language: codeOf(lang)}}
	case !l.allowed[lang]:
		return verdict{drop: &Drop{Reason: OtherLanguage, Value: confidence, Threshold: l.opt.MinConfidence, Language: codeOf(lang)}}
	}
	return verdict{keep: []data.Document{*doc}}
}

// detect gives the language of the beginning of a text. Of two equally likely ones the library takes any: that is none here.
func (l *languages) detect(text string) (whatlanggo.Lang, float64) {
	if len(text) > l.opt.MaxBytes {
		end := l.opt.MaxBytes
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	info := whatlanggo.DetectWithOptions(text, l.library)
	if info.Confidence == 0 {
		return -1, 0
	}
	return info.Lang, info.Confidence
}

// LanguageOf gives the code and the confidence, 0 to 1, of the language of a text's beginning, as stage language does.
func LanguageOf(text string, opt LanguageOptions) (string, float64, error) {
	if len(opt.Allow) == 0 && len(opt.Among) > 0 {
		opt.Allow = opt.Among[:1]
	} else if len(opt.Allow) == 0 {
		opt.Allow = slices.Sorted(maps.Keys(codes))[:1] // any: it decides nothing here
	}
	if err := opt.check(); err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	l, err := newLanguages(opt)
	if err != nil {
		return "", 0, err
	}
	lang, confidence := l.detect(text)
	return codeOf(lang), confidence, nil
}
