package serve

import (
	"maps"
	"math/rand/v2"
	"strconv"

	"github.com/primer-lm/primer/model/generate"
)

// sampling is what completions and chat share.
type sampling struct {
	model       string
	n           int
	temperature float32
	topP, minP  float32
	topK        int
	seed        *uint64
	stop        []string
	presence    float32
	frequency   float32
	repetition  float32
	bias        map[int32]float32
	stream      bool
	usage       bool // a last chunk with the usage
}

// neutral are the values by which clients say that they do not want something.
func neutral(more ...string) func(*decoder) error {
	return only(append(more, "false", "[]", "{}", `""`, "0")...)
}

// fields returns how the shared fields are read. vocab bounds token ids.
func (s *sampling) fields(vocab int) fields {
	*s = sampling{n: 1, temperature: 1, topP: 1, repetition: 1}
	var n, topK *int
	return fields{
		"model":              text(&s.model, maxName),
		"temperature":        float("temperature", &s.temperature),
		"top_p":              float("top_p", &s.topP),
		"min_p":              float("min_p", &s.minP),
		"top_k":              then(integer("top_k", &topK), func() { s.topK = min(max(*topK, 0), vocab) }),
		"presence_penalty":   float("presence_penalty", &s.presence),
		"frequency_penalty":  float("frequency_penalty", &s.frequency),
		"repetition_penalty": float("repetition_penalty", &s.repetition),
		"logit_bias":         bias(&s.bias, vocab),
		"n":                  then(integer("n", &n), func() { s.n = *n }),
		"seed":               seed(&s.seed),
		"stop":               texts(&s.stop, maxStops, maxStopBytes),
		"stream":             boolean(&s.stream),
		"stream_options": func(d *decoder) error {
			return fields{"include_usage": boolean(&s.usage), "include_obfuscation": neutral()}.object(d)
		},
		"user": ignored, "metadata": ignored, "store": ignored, "service_tier": ignored, "safety_identifier": ignored,
		"prompt_cache_key": ignored, "prompt_cache_retention": ignored,
	}
}

// then runs f when a field was read.
func then(read func(*decoder) error, f func()) func(*decoder) error {
	return func(d *decoder) error {
		err := read(d)
		if err == nil {
			f()
		}
		return err
	}
}

func (f fields) with(more fields) fields {
	maps.Copy(f, more)
	return f
}

// bias reads an object of token id → what is added to its logit.
func bias(dst *map[int32]float32, vocab int) func(*decoder) error {
	return func(d *decoder) error {
		out := map[int32]float32{}
		// Not decoder.object: an object of biases may have more fields than one of settings.
		err := d.members(maxBias, func(key string) error {
			id, err := strconv.ParseInt(key, 10, 32)
			if err != nil || id < 0 || id >= int64(vocab) {
				return d.bad("%s is no token id: ids are 0 to %d", d.where(), vocab-1)
			}
			v, err := d.bounded("logit_bias")
			out[int32(id)] = float32(v)
			return err
		})
		*dst = out
		return err
	}
}

// request makes the engine's request of choice number i, counted over n. A request without a seed gets one: the same for all of its
// prompts, as with a seed.
func (s *sampling) request(i int) generate.Request {
	r := generate.Request{Temperature: s.temperature, TopK: s.topK, TopP: s.topP, MinP: s.minP, StopStrings: s.stop, Seed: *s.seed + uint64(i),
		PresencePenalty: s.presence, FrequencyPenalty: s.frequency, RepetitionPenalty: s.repetition, LogitBias: s.bias}
	if s.topP == 0 { // the smallest set of tokens that has any probability
		r.TopP, r.TopK = 1, 1
	}
	return r
}

// settle draws the seed where none was given, and refuses what contradicts itself.
func (s *sampling) settle() error {
	if s.seed == nil {
		drawn := rand.Uint64()
		s.seed = &drawn
	}
	if s.usage && !s.stream {
		return badField("stream_options", "stream_options needs stream")
	}
	return nil
}
