package position

import "fmt"

// Transfer moves an open quantity to another key of the same instrument, with
// its share of the cost, or with its lots. Nothing is realised where it leaves.
// Where it arrives it counts as bought or sold at the cost that it brings; an
// opposite position there is reduced by it. The extremes of the price come along
// with what it opens or adds there.
type Transfer struct {
	Meta
	Key                                  // where it leaves; Meta.ExpectVersion is about this one
	ToAccount, ToStrategy, ToLeg string  // ToAccount "": the same account
	Qty                          Decimal // unsigned; zero: all of it
	Lot                          *LotRef // which lots; nil: the method chooses
}

// To returns the key that the quantity arrives at.
func (t Transfer) To() Key {
	to := Key{Account: t.ToAccount, Instrument: t.Instrument, Strategy: t.ToStrategy, Leg: t.ToLeg}
	if to.Account == "" {
		to.Account = t.Account
	}
	return to
}

// Type returns "transfer".
func (Transfer) Type() string { return "transfer" }

// Identified returns a copy with id and time filled in where absent.
func (t Transfer) Identified(id string, at Time) Mutation {
	t.Meta = t.identified(id, at)
	return t
}

// Validate checks the form.
func (t Transfer) Validate() error {
	if err := t.Meta.validate(); err != nil {
		return err
	}
	if err := t.Key.validate(); err != nil {
		return err
	}
	for _, part := range [...]struct{ name, value string }{
		{"to_account", t.ToAccount}, {"to_strategy", t.ToStrategy}, {"to_leg", t.ToLeg},
	} {
		if err := checkName(part.name, part.value, true); err != nil {
			return err
		}
	}
	if t.To() == t.Key {
		return invalid("to_account", "or to_strategy or to_leg must differ from where the quantity leaves")
	}
	if t.Qty.Sign() < 0 {
		return invalid("qty", "must be positive")
	}
	return t.Lot.validate()
}

// withdrawal takes an open quantity out of a position with its cost, as if it had
// never been there: nothing is realised, and the entries are that much smaller.
// It returns the change, without a kind, and what left.
func withdrawal(c *calc, old *Position, qty Decimal, ref *LotRef, at Time, in *Instrument) (Change, taken) {
	t := c.take(old, qty, ref)
	l := leg{qty: qty.Neg(), value: t.cost.Neg()}
	p := old.next(at, in)
	p.Qty = c.sub(old.Qty, qty)
	p.Cost = c.sub(old.Cost, t.cost)
	p.EntryQty = c.sub(old.EntryQty, qty.Abs())
	p.EntryValue = c.sub(old.EntryValue, l.unsigned())
	p.Exits++
	if p.Qty.IsZero() {
		p.ClosedAt = at
		p.LastEntry, _ = old.AvgEntry()
	}
	out := Change{Qty: l.qty, Value: l.value, After: p}
	if old.Terms.CostMethod != Average {
		out.Consumed = t.uses
		p.Lots = c.lotsAfter(old.Lots, t.uses, nil)
	}
	return out, t
}

// handover is what a transfer brings to its destination.
type handover struct {
	leg
	terms     *Terms
	high, low Decimal
	lots      []Lot // nil under average cost
}

// foldTransfer moves quantity and cost from one key to another. The first change
// is that of the source.
func (r Rules) foldTransfer(s State, v *Transfer, cause Mutation) ([]Change, error) {
	from := s.Position(v.Key)
	if err := expect(v.ExpectVersion, v.Key, from); err != nil {
		return nil, err
	}
	in := s.Instrument(v.Instrument)
	if err := r.admit(v.Instrument, in); err != nil {
		return nil, err
	}
	left, brought, err := r.departed(v, from, in)
	if err != nil {
		return nil, err
	}
	arrived, err := r.arrival(s.Position(v.To()), v, in, &brought)
	if err != nil {
		return nil, err
	}
	return numbered(append([]Change{left}, arrived...), cause), nil
}

// departed returns the change of a transfer's source, and the handover that leaves.
func (r Rules) departed(v *Transfer, from *Position, in *Instrument) (Change, handover, error) {
	if from == nil || !from.IsOpen() {
		return Change{}, handover{}, fmt.Errorf("%w: %s has nothing open that could be transferred", ErrUnknownPosition, v.Key)
	}
	qty := v.Qty
	switch {
	case qty.IsZero():
		qty = from.Qty
	case qty.Cmp(from.Qty.Abs()) > 0:
		return Change{}, handover{}, fmt.Errorf("%w: %s holds %s, %s would be transferred", ErrOverReduction, v.Key, from.Qty, qty)
	case from.Qty.Sign() < 0:
		qty = qty.Neg()
	}
	c := calc{vintage: r.vintage()}
	left, t := withdrawal(&c, from, qty, v.Lot, v.Time, in)
	left.Kind = Transferred
	out := handover{
		leg: leg{qty: qty, value: t.cost}, terms: from.Terms,
		high: from.High, low: from.Low,
	}
	if c.err == nil && t.uses != nil {
		out.lots = from.Lots.portions(t.uses)
	}
	return left, out, c.err
}

// portions returns what was used of lots as lots of their own, which keep time
// and label.
func (l *Lots) portions(uses []LotUse) []Lot {
	at := indexOf(l.Open, uses)
	out := make([]Lot, len(uses))
	for i, u := range uses {
		from := &l.Open[at(u.ID)]
		out[i] = Lot{Qty: u.Qty, Cost: u.Cost, Opened: from.Opened, Label: from.Label}
	}
	return out
}

// arrival returns the changes of a transfer's destination, old, which may be nil. The
// handover counts as bought or sold at the cost that it brings. Its extremes go to the
// part of it that stays open.
func (r Rules) arrival(old *Position, v *Transfer, in *Instrument, brought *handover) ([]Change, error) {
	to := v.To()
	if old != nil && old.IsOpen() && *old.Terms != *brought.terms {
		return nil, fmt.Errorf("%w: %s and %s are open under different terms", ErrInstrumentInUse, v.Key, to)
	}
	x := flow{
		calc: calc{vintage: r.vintage()}, key: to, terms: brought.terms, in: in, at: v.Time,
		carried: true, high: brought.high, low: brought.low, label: v.Ident, lots: brought.lots,
	}
	changes := x.apply(nil, old, brought.leg)
	for i := range changes {
		changes[i].Kind = Transferred
	}
	return changes, x.err
}
