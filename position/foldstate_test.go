package position_test

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// memory is the smallest state that a fold can run on: maps of images, with the
// extremes kept the way the projector keeps them.
type memory struct {
	rules       position.Rules
	positions   map[position.Key]*position.Position
	instruments map[string]*position.Instrument
	accounts    map[string]*position.Account
	terms       *position.Terms   // of instruments that were not defined
	changes     []position.Change // all of them, in order
	last        []position.Change // of the last mutation
	log         []applied         // all mutations, in order
}

// applied is a mutation and what was known just before it.
type applied struct {
	m          position.Mutation
	seq        uint64 // of its first change
	changes    []position.Change
	position   *position.Position // of its key, for a fill
	instrument *position.Instrument
}

func newMemory(rules position.Rules) *memory {
	terms := rules.DefaultTerms()
	return &memory{
		rules:       rules,
		terms:       &terms,
		positions:   map[position.Key]*position.Position{},
		instruments: map[string]*position.Instrument{},
		accounts:    map[string]*position.Account{},
	}
}

func (s *memory) image(key position.Key) *position.Position { return s.positions[key] }

func (s *memory) HasOpen(instrument string) bool {
	for range openPositions(s.positions, instrument) {
		return true
	}
	return false
}

// state gives the fold the maps under the names of [position.State].
type state struct{ *memory }

func (s state) Position(key position.Key) *position.Position { return s.positions[key] }
func (s state) Instrument(name string) *position.Instrument  { return s.instruments[name] }
func (s state) Account(name string) *position.Account        { return s.accounts[name] }
func (s state) DefaultTerms() *position.Terms                { return s.terms }

func (s state) Open(instrument string) iter.Seq[*position.Position] {
	return openPositions(s.positions, instrument)
}

func (s state) History(k position.Key, fill string) (*position.History, error) {
	at := slices.IndexFunc(s.log, func(a applied) bool {
		f, ok := a.m.(position.Fill)
		return ok && f.Key == k && f.Ident == fill
	})
	if at < 0 {
		return nil, fmt.Errorf("%w: %s has no fill %s", position.ErrUnknownFill, k, fill)
	}
	h := &position.History{Seq: s.log[at].seq, Position: s.log[at].position, Instrument: s.log[at].instrument}
	for _, a := range s.log[at:] {
		if a.touches(k) {
			h.Mutations = append(h.Mutations, a.m)
		}
	}
	return h, nil
}

func (a *applied) touches(k position.Key) bool {
	if m, ok := a.m.(position.Mark); ok {
		return m.Instrument == k.Instrument
	}
	return slices.ContainsFunc(a.changes, func(c position.Change) bool {
		return c.After != nil && c.After.Key == k || c.Instrument != nil && c.Instrument.Name == k.Instrument
	})
}

func (s *memory) Position(key position.Key) (position.Position, bool) {
	p := s.positions[key]
	if p == nil {
		return position.Position{}, false
	}
	return *p, true
}

// Apply folds one mutation and takes its changes over.
func (s *memory) Apply(m position.Mutation) error {
	m = position.Stated(m)
	if err := position.ValidateRecorded(m); err != nil {
		return err
	}
	m = m.Identified(fmt.Sprintf("m-%d", len(s.changes)), 1)
	changes, err := s.rules.Fold(state{s}, m)
	if err != nil {
		return err
	}
	a := applied{m: m, seq: uint64(len(s.changes) + 1), changes: changes}
	if f, ok := m.(position.Fill); ok {
		a.position, a.instrument = s.positions[f.Key], s.instruments[f.Instrument]
	}
	s.log = append(s.log, a)
	for i := range changes {
		s.take(&changes[i])
	}
	s.last = changes
	s.changes = append(s.changes, changes...)
	return nil
}

func (s *memory) take(c *position.Change) {
	switch {
	case c.After != nil:
		s.positions[c.After.Key] = c.After
	case c.Instrument != nil:
		s.instruments[c.Instrument.Name] = c.Instrument
	case c.Account != nil:
		s.accounts[c.Account.Name] = c.Account
	}
	if m, ok := c.Cause.(position.Mark); ok {
		takeMark(s.positions, s.instruments, s.terms, m)
	}
}

// figures shows a position the way the tables of the tests name it. An unknown
// figure is "?".
func figures(p *position.Position) map[string]string {
	shown := func(d position.Decimal, ok bool) string {
		if !ok {
			return "?"
		}
		return d.String()
	}
	prior := position.Lifetime{}
	if p.Prior != nil {
		prior = *p.Prior
	}
	f := map[string]string{
		"side": p.Side(), "qty": p.Qty.String(), "cost": p.Cost.String(),
		"cycle": fmt.Sprint(p.Cycle), "version": fmt.Sprint(p.Version),
		"entry_qty": p.EntryQty.String(), "exit_qty": p.ExitQty.String(), "peak_qty": p.PeakQty.String(),
		"entry_value": p.EntryValue.String(), "exit_value": p.ExitValue.String(), "last_entry": p.LastEntry.String(),
		"realized": p.Totals.Realized.String(), "funding": p.Totals.Funding.String(),
		"fees": amounts(p.Totals.Fees), "charges": amounts(p.Totals.Charges),
		"high": p.High.String(), "low": p.Low.String(), "settlement": p.Terms.Settlement,
		"opened": fmt.Sprint(int64(p.OpenedAt)), "closed": fmt.Sprint(int64(p.ClosedAt)), "updated": fmt.Sprint(int64(p.UpdatedAt)),
		"avg_entry": shown(p.AvgEntry()), "avg_exit": shown(p.AvgExit()), "net": shown(p.Net()),
		"mfe": shown(p.MFE()), "mae": shown(p.MAE()),
		"mark":    shown(p.Mark, p.HasMark),
		"entries": fmt.Sprint(p.Entries), "exits": fmt.Sprint(p.Exits), "wins": fmt.Sprint(p.Wins()), "losses": fmt.Sprint(p.Losses()),
		"return": shown(p.Return()), "break_even": shown(p.BreakEven()), "holding": shown(p.HoldingTime(100)), "residue": p.Residue.String(),
		"upside_percent": shown(p.UpsidePercent()), "drawdown_percent": shown(p.DrawdownPercent()), "lots": lots(p.Lots),
		"prior_realized": prior.Realized.String(), "prior_funding": prior.Funding.String(),
		"prior_fees": amounts(prior.Fees), "prior_charges": amounts(prior.Charges),
	}
	if all, ok := p.Lifetime(); ok {
		f["life_realized"], f["life_fees"], f["life_charges"] = all.Realized.String(), amounts(all.Fees), amounts(all.Charges)
	}
	if p.HasMark {
		f["unrealized"], f["mark_value"], f["exposure"] = shown(p.Unrealized(p.Mark)), shown(p.MarkValue(p.Mark)), shown(p.Exposure(p.Mark))
		f["profit_percent"] = shown(p.ProfitPercent(p.Mark))
	}
	return f
}

// lots shows open lots as number, quantity and cost.
func lots(l *position.Lots) string {
	if l == nil {
		return "none"
	}
	s := ""
	for _, lot := range l.Open {
		s += fmt.Sprintf("%d:%s@%s ", lot.ID, lot.Qty, lot.Cost)
	}
	return s + fmt.Sprintf("next %d", l.Next)
}

func amounts(a position.Amounts) string {
	s := ""
	for i, x := range a {
		if i > 0 {
			s += " "
		}
		s += x.Value.String() + " " + x.Currency
	}
	return s
}

// wants checks the named figures of a position.
func wants(t *testing.T, p *position.Position, want map[string]string) {
	t.Helper()
	require.NotNil(t, p)
	got := figures(p)
	for name, w := range want {
		g, ok := got[name]
		require.True(t, ok, "no figure is called %q", name)
		require.Equal(t, w, g, name)
	}
}
