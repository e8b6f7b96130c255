package ingest

import (
	"context"
	"fmt"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/position"
)

// definitions sees to it that what a file says of an instrument goes in under the
// terms that the file implies, or not at all. It is of submit.
type definitions struct {
	known   func(instrument string) (position.Instrument, bool) // before the run; nil: it cannot be asked
	given   map[string]bool                                     // instruments that this run has defined
	refused map[[2]string]error                                 // by file and instrument
}

// settled reports whether the ledger has the terms that a file implies already,
// perhaps with more than a file can say, such as a rounding.
func (s *definitions) settled(d *position.DefineInstrument) bool {
	if s.known == nil || s.given[d.Instrument] {
		return false
	}
	in, ok := s.known(d.Instrument)
	if !ok || !in.Defined {
		return false
	}
	said, have := d.Terms, *in.Terms
	if said.Rounding == (position.Rounding{}) {
		have.Rounding = said.Rounding
	}
	have.CostMethod, have.OverReduction = said.CostMethod, said.OverReduction
	return said == have
}

// note remembers what became of a definition.
func (s *definitions) note(r *Row, name string, err error) {
	if s.given == nil {
		s.given, s.refused = make(map[string]bool), make(map[[2]string]error)
	}
	s.given[name] = s.given[name] || err == nil
	if r.free && err != nil {
		s.refused[[2]string{r.File, name}] = err
	}
}

// under returns why a row cannot go in: the ledger has its instrument under other
// terms than the file implies.
func (s *definitions) under(r *Row) error {
	err := s.refused[[2]string{r.File, laneOf(r.m)}]
	if err == nil {
		return nil
	}
	return &feed.LineError{File: r.File, Line: r.Line, Err: err}
}

// hand hands a row over. A definition that the file implies is waited for, since what
// follows rests on it. left: there is nothing to be settled, because the ledger has it
// already, or because its refusal is that of the rows that follow.
func (g *Run) hand(ctx context.Context, r *Row) (p Pending, left bool, err error) {
	d, defines := r.m.(position.DefineInstrument)
	if defines && r.free && g.terms.settled(&d) {
		return nil, true, nil
	}
	if p, err = g.To.Begin(ctx, r.m); !defines {
		return p, false, err
	}
	if err == nil && r.free {
		res, waitErr := p.Wait(context.Background()) // it was handed over: its fate matters
		if p, err = (settledResult{res}), waitErr; err != nil && !refusal(err) {
			return nil, false, fmt.Errorf("%s: %w", r.Place(), err)
		}
	}
	g.terms.note(r, d.Instrument, err)
	if err != nil && r.free && refusal(err) {
		return nil, true, nil
	}
	return p, false, err
}
