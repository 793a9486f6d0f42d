package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/synth"
)

// synthRequest is the body of POST /v1/synthesize.
type synthRequest struct {
	model       string
	documents   []data.Document
	rounds      int
	maxNew      int
	temperature float32
	topP        float32
	seed        *uint64
	scores      bool
	stream      bool
}

func (r *synthRequest) fields(s *Server) fields {
	*r = synthRequest{rounds: 1, maxNew: min(synth.DefaultRounds().MaxNewTokens, s.parts.Window/2), scores: true, topP: 1}
	var rounds, maxNew *int
	return fields{
		"model": text(&r.model, maxName),
		"text": func(d *decoder) error {
			var t string
			err := text(&t, 0)(d)
			return errors.Join(err, r.add(d, data.Document{ID: "text", Text: t}))
		},
		"documents": func(d *decoder) error {
			return d.array(func(i int) error {
				if i == s.opt.MaxDocuments {
					return d.bad("more than %d documents", s.opt.MaxDocuments)
				}
				doc := data.Document{ID: itoa(i + 1)}
				if err := (fields{"id": text(&doc.ID, maxName), "text": text(&doc.Text, 0), "title": text(&doc.Title, 0),
					"source": text(&doc.Source, maxName), "domain": text(&doc.Domain, maxName)}).object(d); err != nil {
					return err
				}
				return r.add(d, doc)
			})
		},
		"rounds":         then(integer("rounds", &rounds), func() { r.rounds = *rounds }),
		"max_new_tokens": then(integer("max_new_tokens", &maxNew), func() { r.maxNew = *maxNew }),
		"temperature":    float("temperature", &r.temperature),
		"top_p":          float("top_p", &r.topP),
		"seed":           seed(&r.seed),
		"scores":         boolean(&r.scores),
		"stream":         boolean(&r.stream),
	}
}

func (r *synthRequest) add(d *decoder, doc data.Document) error {
	if strings.TrimSpace(doc.Text) == "" {
		return d.bad("%s has no text", d.where())
	}
	r.documents = append(r.documents, doc)
	return nil
}

// options are how the texts of the request are augmented.
func (r *synthRequest) options(s *Server) (synth.RoundOptions, error) {
	if r.seed == nil {
		one := uint64(1)
		r.seed = &one
	}
	o := synth.RoundOptions{Rounds: r.rounds, Window: s.parts.Window, MaxNewTokens: r.maxNew, Temperature: r.temperature, TopP: r.topP, Seed: *r.seed}
	if o.Window <= o.MaxNewTokens+8 {
		return o, &Error{Status: http.StatusBadRequest, Type: typeRequest, Param: "max_new_tokens", Code: codeTooLong,
			Message: fmt.Sprintf("max_new_tokens %d leaves no room for a text in the window of %d", o.MaxNewTokens, o.Window)}
	}
	return o, nil
}

// synthesize adds pairs to texts: each pair is told as soon as it is written, with its scores, and the chains come at the end.
func (s *Server) synthesize(c *call) error {
	var r synthRequest
	if err := r.fields(s).read(c.body); err != nil {
		return err
	}
	if len(r.documents) == 0 {
		return badField("text", "text or documents is missing")
	}
	opt, err := r.options(s)
	if err != nil {
		return err
	}
	codec, err := synth.NewCodec(s.parts.Tokenizer)
	if err != nil {
		return refuse(http.StatusBadRequest, "no_synthesizer", "this model cannot synthesize: %v", err)
	}
	chains, err := s.cut(c.ctx, codec, &r, opt)
	if err != nil {
		return err
	}
	atOnce := min(len(chains), s.parts.Seats) // the others wait here, not in the engine
	leave, err := s.gate.enter(c.key, atOnce, int64(atOnce)*int64(opt.Window))
	if err != nil {
		s.metrics.refused.Inc()
		return err
	}
	defer leave()
	w := &synthesis{s: s, codec: codec, opt: opt, request: &r}
	if !r.stream {
		out, err := w.run(c.ctx, chains, func(synthEvent) error { return nil })
		if err != nil {
			return synthError(err)
		}
		return c.json(out)
	}
	st, err := c.startStream()
	if err != nil {
		return err
	}
	out, err := w.run(c.ctx, chains, func(e synthEvent) error {
		return errors.Join(st.send("pair", e), st.flush())
	})
	if err == nil {
		err = st.send("done", out)
	}
	return st.end(synthError(err))
}

// synthError tells a client what it can do about a text.
func synthError(err error) error {
	if errors.Is(err, generate.ErrTooLong) || errors.Is(err, synth.ErrOptions) {
		e := refuse(http.StatusBadRequest, codeTooLong, "%v", err)
		e.Param = "documents"
		return e
	}
	return err
}

// A document is cut into about maxPieces texts, and refused before that where it is longer: cutting takes a core all the while.
const (
	maxPieces     = 64
	bytesPerToken = 8 // of text, more than tokenizers have on average
)

// cut splits documents that are too long and puts as many pieces into a chain as there are rounds.
func (s *Server) cut(ctx context.Context, codec *synth.Codec, r *synthRequest, o synth.RoundOptions) (chains [][]data.Document, err error) {
	most := maxPieces * (o.Window - o.MaxNewTokens) * bytesPerToken
	for i, doc := range r.documents {
		if len(doc.Text) > most {
			e := refuse(http.StatusBadRequest, codeTooLong, "document %d has %d bytes, at most %d are cut to the window here: split it, or give it to the command synthesize",
				i, len(doc.Text), most)
			e.Param = "documents"
			return nil, e
		}
		select {
		case s.encodes <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		texts, err := codec.Split(doc.Text, o.Window-o.MaxNewTokens)
		<-s.encodes
		if err != nil {
			return nil, synthError(err)
		}
		for k, t := range texts {
			piece := doc
			if piece.Text = t; len(texts) > 1 {
				piece.ID = synth.PieceID(doc.ID, k+1)
			}
			if n := len(chains); n > 0 && len(chains[n-1]) < o.Rounds {
				chains[n-1] = append(chains[n-1], piece)
			} else {
				chains = append(chains, []data.Document{piece})
			}
		}
	}
	return chains, nil
}
