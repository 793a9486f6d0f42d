package mix

import (
	"fmt"
	"strconv"
)

// State is a position, small enough to stand in a checkpoint.
type State struct {
	Mixture string      `json:"mixture"` // fingerprint of sources and options
	Row     int64       `json:"row"`
	Token   int64       `json:"token"`
	Docs    int64       `json:"docs"`
	Lane    int         `json:"lane"`   // of the current unit, -1 before the first
	Offset  int         `json:"offset"` // consumed tokens of it
	Lanes   []LaneState `json:"lanes"`
}

// LaneState is how far one source has been drawn.
type LaneState struct {
	Name   string `json:"name"`
	Units  int64  `json:"units"`
	Tokens int64  `json:"tokens"`
	Paused int    `json:"paused,omitempty"` // the last unit waits behind so many of its tokens
}

// State tells where the stream stands.
func (s *Stream) State() State {
	st := State{
		Mixture: strconv.FormatUint(s.m.print, 16), Row: s.row, Token: s.cur.token, Docs: s.cur.docs,
		Lane: s.cur.lane, Offset: s.cur.offset,
	}
	for i, l := range s.cur.lanes {
		st.Lanes = append(st.Lanes, LaneState{s.m.parts[i].Name, l.units, l.tokens, l.paused})
	}
	return st
}

// Resume goes on from a saved position, at no cost in the length of what was read.
func (m *Mixture) Resume(st State) (*Stream, error) {
	if st.Mixture != strconv.FormatUint(m.print, 16) {
		return nil, fmt.Errorf("%w: its sources, seed, length, weights or budget differ, or a version that drew in another order saved it", ErrState)
	}
	bad := len(st.Lanes) != len(m.parts) || st.Lane < -1 || st.Lane >= len(m.parts) ||
		st.Row < 0 || st.Token < 0 || st.Docs < 0 || st.Offset < 0
	if bad {
		return nil, fmt.Errorf("%w: fields out of range", ErrState)
	}
	s := m.Stream()
	s.row, s.cur.token, s.cur.docs, s.cur.offset = st.Row, st.Token, st.Docs, st.Offset
	for i, l := range st.Lanes {
		if l.Name != m.parts[i].Name || l.Units < 0 || l.Units > m.limit[i] || l.Tokens < 0 {
			return nil, fmt.Errorf("%w: source %q is out of range", ErrState, l.Name)
		}
		s.cur.lanes[i] = lane{units: l.Units, tokens: l.Tokens}
		if l.Paused == 0 {
			continue
		}
		if l.Paused < 0 || l.Units == 0 || i == st.Lane {
			return nil, fmt.Errorf("%w: source %q has a unit that waits at %d", ErrState, l.Name, l.Paused)
		}
		size, err := m.parts[i].Source.UnitLen(m.unitAt(i, l.Units-1))
		if err != nil {
			return nil, err
		}
		if l.Paused >= size {
			return nil, fmt.Errorf("%w: source %q has a unit of %d tokens that waits at %d", ErrState, l.Name, size, l.Paused)
		}
		s.cur.lanes[i].paused, s.cur.lanes[i].rest = l.Paused, size-l.Paused
	}
	if st.Lane >= 0 {
		drawn := st.Lanes[st.Lane].Units
		if drawn == 0 {
			return nil, fmt.Errorf("%w: source %q is current but gave no unit", ErrState, st.Lanes[st.Lane].Name)
		}
		s.cur.lane = st.Lane
		s.cur.unit = m.unitAt(st.Lane, drawn-1)
		var err error
		if s.cur.size, err = m.parts[st.Lane].Source.UnitLen(s.cur.unit); err != nil {
			return nil, err
		}
		if st.Offset > s.cur.size {
			return nil, fmt.Errorf("%w: offset %d in a unit of %d tokens", ErrState, st.Offset, s.cur.size)
		}
	}
	return s, nil
}
