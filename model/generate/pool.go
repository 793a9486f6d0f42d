package generate

import "container/list"

// pool hands out the pages of the KV cache. A full page of a finished or running sequence is remembered by what it holds,
// so that a later prompt with the same beginning takes it over instead of computing it again; remembered pages that nobody
// uses are given away, least recently used first, when pages run out.
type pool struct {
	size    int // positions of a page
	free    []int32
	pages   []page
	byKey   map[pageKey]int32
	idle    *list.List // page numbers nobody uses but byKey knows, oldest first
	serials uint64
}

// pageKey says exactly what a page holds: its own tokens, behind the page that came before. Serials are never used twice,
// so a key cannot speak of a page that has been given to somebody else since.
type pageKey struct {
	parent uint64 // serial of the page before; 0: none
	tokens string // of this page, four bytes each
}

type page struct {
	refs   int
	serial uint64 // 0: not remembered
	key    pageKey
	idle   *list.Element
}

func newPool(pages, size int) *pool {
	p := &pool{size: size, pages: make([]page, pages), byKey: map[pageKey]int32{}, idle: list.New()}
	for i := pages - 1; i >= 0; i-- {
		p.free = append(p.free, int32(i))
	}
	return p
}

// available is the number of pages that take could give.
func (p *pool) available() int { return len(p.free) + p.idle.Len() }

// take gives a page with one reference. It must be available.
func (p *pool) take() int32 {
	var n int32
	if k := len(p.free); k > 0 {
		n, p.free = p.free[k-1], p.free[:k-1]
	} else {
		n = p.idle.Remove(p.idle.Front()).(int32)
		delete(p.byKey, p.pages[n].key)
	}
	p.pages[n] = page{refs: 1}
	return n
}

// match returns the remembered pages that hold the beginning of tokens, whole pages only, without taking them.
func (p *pool) match(tokens []int32) []int32 {
	var out []int32
	parent := uint64(0)
	for at := 0; at+p.size <= len(tokens); at += p.size {
		n, ok := p.byKey[pageKey{parent, tokenKey(tokens[at : at+p.size])}]
		if !ok {
			break
		}
		out = append(out, n)
		parent = p.pages[n].serial
	}
	return out
}

// retain adds a reference to pages that match found.
func (p *pool) retain(pages []int32) {
	for _, n := range pages {
		if p.pages[n].refs++; p.pages[n].idle != nil {
			p.idle.Remove(p.pages[n].idle)
			p.pages[n].idle = nil
		}
	}
}

// remember makes a full page known by its tokens, behind the page before it (-1: none). A page that holds the same already
// stays the one that is found.
func (p *pool) remember(n, before int32, tokens []int32) {
	if p.pages[n].serial != 0 {
		return
	}
	key := pageKey{tokens: tokenKey(tokens)}
	if before >= 0 {
		if key.parent = p.pages[before].serial; key.parent == 0 {
			return // the page before is a double that is not found by its tokens: nor would this one be
		}
	}
	if _, ok := p.byKey[key]; ok {
		return
	}
	p.serials++
	p.pages[n].serial, p.pages[n].key = p.serials, key
	p.byKey[key] = n
}

// release takes a reference from each page. Later pages become the first to be given away.
func (p *pool) release(pages []int32) {
	for i := len(pages) - 1; i >= 0; i-- {
		n := pages[i]
		if p.pages[n].refs--; p.pages[n].refs > 0 {
			continue
		}
		if p.pages[n].serial == 0 {
			p.free = append(p.free, n)
		} else {
			p.pages[n].idle = p.idle.PushBack(n)
		}
	}
}

// forget makes every page unknown and those that nobody uses free. Nobody who goes on may hold a page: it would be remembered
// again.
func (p *pool) forget() {
	clear(p.byKey)
	for n := range p.pages {
		page := &p.pages[n]
		page.serial, page.key = 0, pageKey{}
		if page.idle != nil {
			p.idle.Remove(page.idle)
			page.idle, p.free = nil, append(p.free, int32(n))
		}
	}
}

func tokenKey(tokens []int32) string {
	b := make([]byte, 0, 4*len(tokens))
	for _, t := range tokens {
		b = append(b, byte(t), byte(t>>8), byte(t>>16), byte(t>>24))
	}
	return string(b)
}
