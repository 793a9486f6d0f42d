package serve

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"
)

// prompt is what a completion continues: a text or ids.
type prompt struct {
	text    string
	isText  bool
	ids     []int32
	count   int     // ids that were sent; above len(ids) they were not kept
	offsets []int   // of text, in code points: where each token begins
	hidden  int     // 1: ids begin with a token that the client did not send, since a model continues at least one
	shown   []place // ids as an answer with echo shows them
	echo    string
}

// ids reads a list of token ids and keeps at most a number of them; n is how many there were.
func (d *decoder) ids(vocab, keep int) (out []int32, n int, err error) {
	err = d.array(func(int) error {
		id, err := d.id(vocab)
		if n++; n <= keep {
			out = append(out, id)
		}
		return err
	})
	return out, n, err
}

// id reads one token id.
func (d *decoder) id(vocab int) (int32, error) {
	raw, err := d.number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || v < 0 || v >= int64(vocab) {
		return 0, d.bad("%s is %s: token ids are whole numbers from 0 to %d", d.where(), short(raw), vocab-1)
	}
	return int32(v), nil
}

// prompts reads the four forms that a prompt may have: a text, texts, ids, lists of ids.
func prompts(dst *[]*prompt, vocab, keep, most int) func(*decoder) error {
	text := func(d *decoder) error {
		t, err := d.text()
		*dst = append(*dst, &prompt{text: t, isText: true})
		return err
	}
	list := func(d *decoder) error {
		ids, n, err := d.ids(vocab, keep)
		*dst = append(*dst, &prompt{ids: ids, count: n})
		return err
	}
	return func(d *decoder) error {
		switch d.kind() {
		case "a string":
			return text(d)
		case "an array":
		default:
			return d.want("a string or an array")
		}
		var flat *prompt // the elements are ids
		err := d.array(func(i int) error {
			if i == most && flat == nil {
				return d.bad("more than %d prompts in one request", most)
			}
			kind := d.kind()
			if kind == "a number" && i == 0 {
				flat = &prompt{}
				*dst = append(*dst, flat)
			}
			switch {
			case flat != nil:
				id, err := d.id(vocab)
				if flat.count++; flat.count <= keep {
					flat.ids = append(flat.ids, id)
				}
				return err
			case kind == "a string" && (i == 0 || (*dst)[0].isText):
				return text(d)
			case kind == "an array" && (i == 0 || !(*dst)[0].isText):
				return list(d)
			case i == 0:
				return d.want("a string, a token id or an array of token ids")
			}
			return d.bad("%s is %s, but the prompts before it are of another kind", d.where(), or(kind, "nothing"))
		})
		if err == nil && len(*dst) == 0 { // []: no ids
			*dst = append(*dst, &prompt{})
		}
		return err
	}
}

// settle gives a prompt its ids, and its tokens' places where they will be shown.
func (p *prompt) settle(ctx context.Context, s *Server, show bool) error {
	if p.isText {
		ids, err := s.encode(ctx, "prompt", p.text, s.parts.Window+1, func(t string) (ids []int32, err error) {
			var at [][2]int
			ids, at, err = s.words.EncodeOffsets(t)
			runes, last := 0, 0
			for _, o := range at {
				if o[0] > last {
					runes, last = runes+utf8.RuneCountInString(t[last:o[0]]), o[0]
				}
				p.offsets = append(p.offsets, runes)
			}
			return ids, err
		})
		if err != nil {
			return err
		}
		p.ids, p.count = ids, len(ids)
	}
	if show {
		p.show(s.words)
	}
	if len(p.ids) == 0 {
		if !s.words.hasEnd {
			return badField("prompt", "the prompt is empty, and the model has no token to begin a text with")
		}
		p.ids, p.count, p.hidden = []int32{s.words.prefix}, 1, 1
	}
	return nil
}

// show finds out how the prompt is echoed.
func (p *prompt) show(w *words) {
	stream, runes := w.NewStream(false), 0
	var echo strings.Builder
	for i, id := range p.ids {
		at := runes
		if p.isText {
			at = p.offsets[i]
		} else if piece, err := stream.Next(id); err == nil { // ids are in the vocabulary
			echo.WriteString(piece)
			runes += utf8.RuneCountInString(piece)
		}
		p.shown = append(p.shown, place{text: w.show(id), offset: at})
	}
	if p.isText {
		p.echo = p.text
	} else {
		p.echo = echo.String() + stream.Flush()
	}
}
