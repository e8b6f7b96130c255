package holdfast

import (
	"iter"

	"github.com/moneyprinter/holdfast/position"
)

// A saving is the [position.State] that adoptions are tried on: the view, as far
// as an adoption looks at it.
var _ position.State = (*saving)(nil)

// Position implements [position.State].
func (s *saving) Position(key position.Key) *position.Position {
	if p, ok := s.view.Position(key); ok {
		return &p
	}
	return nil
}

// DefaultTerms implements [position.State].
func (s *saving) DefaultTerms() *position.Terms { return &s.terms }

// Instrument implements [position.State].
func (s *saving) Instrument(name string) *position.Instrument {
	if in, ok := s.view.Instrument(name); ok {
		return &in
	}
	return nil
}

// Account implements [position.State].
func (s *saving) Account(name string) *position.Account {
	if a, ok := s.view.Account(name); ok {
		return &a
	}
	return nil
}

// HasOpen implements [position.State].
func (s *saving) HasOpen(instrument string) bool {
	for range s.Open(instrument) {
		return true
	}
	return false
}

// Open implements [position.State].
func (s *saving) Open(instrument string) iter.Seq[*position.Position] {
	return func(yield func(*position.Position) bool) {
		for p := range s.view.Positions() {
			if p.Key.Instrument == instrument && p.IsOpen() && !yield(&p) {
				return
			}
		}
	}
}

// History implements [position.State]; nothing is refolded to save.
func (s *saving) History(position.Key, string) (*position.History, error) {
	return nil, ErrTrimmedHistory
}
