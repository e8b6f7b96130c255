package main

import (
	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// selection are the flags that choose positions and changes.
type selection struct {
	account, instrument, strategy string
}

func (s *selection) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&s.account, "account", "", "only this account")
	p.StringVar(&s.instrument, "instrument", "", "only this instrument")
	p.StringVar(&s.strategy, "strategy", "", "only this strategy")
}

func (s *selection) selects(k position.Key) bool {
	return (s.account == "" || s.account == k.Account) && (s.instrument == "" || s.instrument == k.Instrument) &&
		(s.strategy == "" || s.strategy == k.Strategy)
}

// span are the flags that choose a stretch of history.
type span struct{ from, to string }

func (s *span) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&s.from, "from", "", "first seq, or record time such as 2026-01-02T03:04:05Z")
	p.StringVar(&s.to, "to", "", "last seq, or record time")
}

func (s *span) filter(sel *selection) (holdfast.Filter, error) {
	f := holdfast.Filter{Account: sel.account, Instrument: sel.instrument, Strategy: sel.strategy}
	var err error
	if f.From, err = moment("from", s.from); err != nil {
		return f, err
	}
	if f.To, err = moment("to", s.to); err != nil {
		return f, err
	}
	// A seq and a time cannot be compared here.
	if f.To.Seq != 0 && f.From.Seq > f.To.Seq || f.To.Time != 0 && f.From.Time > f.To.Time {
		return f, usagef("--from %s is after --to %s", s.from, s.to)
	}
	return f, nil
}

// moment reads the value of a flag that names a seq or a time; "" is the zero
// moment.
func moment(flag, value string) (holdfast.Moment, error) {
	if value == "" {
		return holdfast.Moment{}, nil
	}
	m, err := holdfast.ParseMoment(value)
	if err != nil {
		return m, usagef("--%s: %v", flag, err)
	}
	return m, nil
}
