package mix

// Manifest is what was really taken, to be kept beside a run.
type Manifest struct {
	Tokens  int64   `json:"tokens"`
	Rows    int64   `json:"rows,omitempty"`
	Budget  int64   `json:"budget,omitempty"` // as asked; 0: everything
	Length  int     `json:"length"`
	Seed    uint64  `json:"seed"`
	Sources []Taken `json:"sources"`
}

// Taken is one source's part of it.
type Taken struct {
	Name    string  `json:"name"`
	Note    string  `json:"note,omitempty"`
	Units   int64   `json:"units"`   // begun; the last one may be cut by the budget
	Tokens  int64   `json:"tokens"`  // consumed
	Share   float64 `json:"share"`   // of all tokens consumed
	Asked   float64 `json:"asked"`   // the share that its weight asks for; another where Short let a source repeat or end
	Repeats float64 `json:"repeats"` // passes over the source: tokens / tokens it holds
}

// Manifest tells what has been taken up to here.
func (s *Stream) Manifest() Manifest {
	opt := s.m.opt
	mf := Manifest{Rows: s.row, Budget: opt.Budget, Length: opt.Length, Seed: opt.Seed}
	for i, l := range s.cur.lanes {
		t := Taken{Name: s.m.parts[i].Name, Note: s.m.parts[i].Note, Units: l.units, Tokens: s.cur.consumed(i), Asked: s.m.asked[i]}
		mf.Tokens += t.Tokens
		t.Repeats = float64(t.Tokens) / float64(s.m.parts[i].Source.Tokens())
		mf.Sources = append(mf.Sources, t)
	}
	for i := range mf.Sources {
		if mf.Tokens > 0 {
			mf.Sources[i].Share = float64(mf.Sources[i].Tokens) / float64(mf.Tokens)
		}
	}
	return mf
}
