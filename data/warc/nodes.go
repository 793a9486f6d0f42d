package warc

import (
	"bytes"
	"slices"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxNodes bounds the tree that a page may become, in nodes and attributes of about 100 bytes.
const maxNodes = 500_000

// maxOpen is how many elements may be open: html.Parse gives up at more.
const maxOpen = 512

// formatting elements that are not closed are opened again in every block behind them (HTML Living Standard, 13.2.4.3, the list of
// active formatting elements): a page of 90 KB can ask for millions.
var formatting = map[atom.Atom]bool{
	atom.A: true, atom.B: true, atom.Big: true, atom.Code: true, atom.Em: true, atom.Font: true, atom.I: true, atom.Nobr: true,
	atom.S: true, atom.Small: true, atom.Strike: true, atom.Strong: true, atom.Tt: true, atom.U: true,
}

// fences are elements in which an end tag closes no formatting element that was opened outside.
var fences = map[atom.Atom]bool{
	atom.Applet: true, atom.Caption: true, atom.Marquee: true, atom.Math: true, atom.Object: true, atom.Select: true, atom.Svg: true,
	atom.Table: true, atom.Td: true, atom.Template: true, atom.Th: true,
}

var cells = map[atom.Atom]bool{atom.Td: true, atom.Th: true}

// tooManyNodes tells, before a page is parsed, whether its tree would have more than maxNodes. It estimates from above: every start
// tag and text may open all formatting elements again that are open.
func tooManyNodes(page []byte) bool {
	z := html.NewTokenizer(bytes.NewReader(page))
	var open openFormats
	n := 0
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return false
		case html.TextToken:
			n += 1 + open.weight
		case html.StartTagToken, html.SelfClosingTagToken:
			raw := bytes.Clone(z.Raw())
			name, more := z.TagName()
			attrs := 0
			for ; more; attrs++ {
				_, _, more = z.TagAttr()
			}
			n += 1 + attrs + open.weight
			open.start(atom.Lookup(name), raw, 1+attrs)
		case html.EndTagToken:
			name, _ := z.TagName()
			open.end(atom.Lookup(name))
		}
		if n > maxNodes {
			return true
		}
	}
}

// openFormats is the list of active formatting elements, and the fences between them.
type openFormats struct {
	list   []openFormat
	full   bool // nothing counts as closed any more
	weight int  // nodes and attributes that opening all again makes
}

type openFormat struct {
	name   atom.Atom
	raw    string // the tag
	weight int    // 0: a fence
}

func (o *openFormats) start(name atom.Atom, raw []byte, weight int) {
	switch {
	case cells[name] && cells[o.fence()]: // one cell ends where the next begins
		return
	case fences[name]:
		weight = 0
	case !formatting[name]:
		return
	case name == atom.A || name == atom.Nobr: // a second one closes the first
		o.end(name)
	default: // of elements that are the same, three stay
		o.drop(func(f openFormat) bool { return f.name == name && f.raw == string(raw) }, 3)
	}
	o.weight += weight
	if o.full = o.full || len(o.list) == 2*maxOpen; !o.full {
		o.list = append(o.list, openFormat{name, string(raw), weight})
	}
}

// fence is the innermost fence, or 0.
func (o *openFormats) fence() atom.Atom {
	for _, f := range slices.Backward(o.list) {
		if f.weight == 0 {
			return f.name
		}
	}
	return 0
}

// end closes the last element of the name; a fence with those in it, while what was not closed in it may stay.
func (o *openFormats) end(name atom.Atom) {
	if at := slices.IndexFunc(o.list, func(f openFormat) bool { return f.name == name }); at >= 0 && fences[name] && !o.full {
		for i, f := range slices.Backward(o.list) {
			if f.weight == 0 {
				o.list = slices.Delete(o.list, i, i+1)
				if f.name == name {
					return
				}
			}
		}
	}
	if formatting[name] {
		o.drop(func(f openFormat) bool { return f.name == name }, 1)
	}
}

// drop removes the n-th last that is meant, within the innermost fence.
func (o *openFormats) drop(meant func(openFormat) bool, n int) {
	for i, f := range slices.Backward(o.list) {
		if f.weight == 0 || o.full {
			return
		}
		if meant(f) {
			if n--; n == 0 {
				o.weight -= f.weight
				o.list = slices.Delete(o.list, i, i+1)
				return
			}
		}
	}
}
