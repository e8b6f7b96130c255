package main

import "github.com/moneyprinter/holdfast/position"

// fileTimes are the first and the last event time of a file, and which way its
// times run.
type fileTimes struct {
	file        string
	first, last position.Time
	before      position.Time // of the line before
	rise, fall  int           // how often the time moved on, and back
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
	switch {
	case s.before != 0 && at > s.before:
		s.rise++
	case at < s.before:
		s.fall++
	}
	s.before = at
}

// noteOrder says that a file is newest first, where a format keeps the order of its
// lines, and that a file lies wholly before the one that was given before it: the
// rows of each are in order, but the files are not.
func (g *ingestion) noteOrder(s fileTimes) {
	if s.first == 0 {
		return
	}
	if s.fall > 0 && s.rise == 0 {
		g.notef("holdfast: %s is newest first, and applied in the order of its lines: positions are folded backwards; give the oldest line first", s.file)
	}
	if b := g.before; s.last < b.first {
		g.notef("holdfast: %s is older than %s, which stands before it: files are applied as they are given, and positions folded in that order; give the older first", s.file, b.file)
	}
	g.before = s
}
