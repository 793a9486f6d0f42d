package synth

import (
	"context"
	"strings"
	"sync"

	"github.com/primer-lm/primer/model/generate"
)

// byteTokenizer has one token a byte, and <s> and </s>.
type byteTokenizer struct{}

const fakeBOS, fakeEOS = 256, 257

func (byteTokenizer) Encode(text string) ([]int32, error) {
	var out []int32
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "<s>"); ok {
			out, text = append(out, fakeBOS), rest
		} else if rest, ok := strings.CutPrefix(text, "</s>"); ok {
			out, text = append(out, fakeEOS), rest
		} else {
			out, text = append(out, int32(text[0])), text[1:]
		}
	}
	return out, nil
}

func (byteTokenizer) Decode(ids []int32, skipSpecial bool) (string, error) {
	var b strings.Builder
	for _, id := range ids {
		switch {
		case id < 256:
			b.WriteByte(byte(id))
		case !skipSpecial:
			b.WriteString([]string{"<s>", "</s>"}[id-256])
		}
	}
	return b.String(), nil
}

func (byteTokenizer) BOS() (int32, bool) { return fakeBOS, true }
func (byteTokenizer) EOS() (int32, bool) { return fakeEOS, true }
func (byteTokenizer) Token(id int32) (string, bool) {
	return map[int32]string{fakeBOS: "<s>", fakeEOS: "</s>"}[id], id >= fakeBOS && id <= fakeEOS
}
func (byteTokenizer) SpecialTexts() []string { return []string{"<s>", "</s>"} }

// scripted answers every prompt by a rule on its last text, and keeps the prompts.
type scripted struct {
	rule func(text string) string

	mu      sync.Mutex
	prompts map[string]string // last text → whole prompt
}

func (s *scripted) Generate(ctx context.Context, r generate.Request) (generate.Result, error) {
	if err := ctx.Err(); err != nil {
		return generate.Result{}, err
	}
	prompt, _ := byteTokenizer{}.Decode(r.Prompt, false)
	_, text, _ := strings.Cut(prompt[strings.LastIndex(prompt, TagContext):], " ")
	text = strings.TrimSuffix(text, " "+TagContextEnd+separator)
	s.mu.Lock()
	s.prompts[text] = prompt
	s.mu.Unlock()
	ids, _ := byteTokenizer{}.Encode(s.rule(text))
	finish := generate.FinishStop
	if len(ids) > r.MaxNewTokens {
		ids, finish = ids[:r.MaxNewTokens], generate.FinishLength
	}
	return generate.Result{Tokens: ids, Finish: finish}, nil
}
