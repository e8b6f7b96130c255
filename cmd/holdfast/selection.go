package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/service"
)

// selection are the flags that choose positions and changes.
type selection struct {
	account, instrument, strategy, leg string
	noStrategy, noLeg                  bool // the flag is there and empty
}

func (s *selection) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&s.account, "account", "", "only this account")
	p.StringVar(&s.instrument, "instrument", "", "only this instrument")
	p.StringVar(&s.strategy, "strategy", "", "only this strategy; '' is those without one")
	p.StringVar(&s.leg, "leg", "", "only this leg; '' is those without one")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		for _, name := range []string{"account", "instrument"} {
			if v := p.Lookup(name); v.Changed && v.Value.String() == "" {
				return usagef("--%s is empty: every position has one; leave the flag out for all", name)
			}
		}
		s.noStrategy = p.Changed("strategy") && s.strategy == ""
		s.noLeg = p.Changed("leg") && s.leg == ""
		return nil
	}
}

// where is the selection for the ledger.
func (s *selection) where() holdfast.Filter {
	return holdfast.Filter{
		Account: s.account, Instrument: s.instrument, Strategy: s.strategy, Leg: s.leg, NoStrategy: s.noStrategy, NoLeg: s.noLeg,
	}
}

func (s *selection) selects(k position.Key) bool { return s.where().SelectsKey(k) }

// knownTo returns what says whether the names of a filter are known to a ledger. The
// newest state tells, which knows every name of the states before it; one that
// cannot be made says nothing.
func knownTo(ctx context.Context, r *holdfast.Reader, f holdfast.Filter) func() error {
	return func() error {
		if f.Account+f.Instrument+f.Strategy+f.Leg == "" {
			return nil
		}
		v, err := r.AsOf(ctx, holdfast.Moment{})
		if err != nil {
			return ctx.Err()
		}
		return holdfast.Known(v, f)
	}
}

// part reports whether positions are chosen by what an account or an instrument
// does not have.
func (s *selection) part() bool { return s.strategy+s.leg != "" || s.noStrategy || s.noLeg }

// query is the selection for a daemon.
func (s *selection) query() service.Selection {
	return service.Selection{
		Account: s.account, Instrument: s.instrument,
		Strategy: service.Part{Name: s.strategy, None: s.noStrategy}, Leg: service.Part{Name: s.leg, None: s.noLeg},
	}
}

// span are the flags that choose a stretch of history.
type span struct{ from, to string }

func (s *span) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&s.from, "from", "", "first seq, or record time such as 2026-01-02T03:04:05Z")
	p.StringVar(&s.to, "to", "", "last seq, or record time")
}

func (s *span) filter(sel *selection) (holdfast.Filter, error) {
	f := sel.where()
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
