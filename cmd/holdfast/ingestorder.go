package main

import "github.com/moneyprinter/holdfast/position"

// fileTimes are the first and the last event time of a file.
type fileTimes struct {
	file        string
	first, last position.Time
}

func (s *fileTimes) note(m position.Mutation) {
	if m == nil || m.EventTime() == 0 {
		return
	}
	at := m.EventTime()
	if s.first == 0 {
		s.first = at
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
}

// noteOrder says that a file lies wholly before the one that was given before it:
// the rows of each are in order, but the files are not.
func (g *ingestion) noteOrder(s fileTimes) {
	if s.first == 0 {
		return
	}
	if b := g.before; s.last < b.first {
		g.notef("holdfast: %s is older than %s, which stands before it: files are applied as they are given, and positions folded in that order; give the older first", s.file, b.file)
	}
	g.before = s
}
