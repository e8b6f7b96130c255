package position

import (
	"fmt"
)

// Side is the direction of a fill.
type Side int8

// The directions.
const (
	Buy  Side = 1
	Sell Side = -1
)

// String returns "buy" or "sell".
func (s Side) String() string {
	switch s {
	case Buy:
		return "buy"
	case Sell:
		return "sell"
	}
	return "unknown"
}

// Fill is one execution.
type Fill struct {
	Meta
	Key
	Side        Side
	Qty         Decimal // positive, in units or contracts
	Price       Decimal // in quote currency; may be negative except for inverse; zero: see ZeroPrice
	Fee         Decimal // what was PAID is positive, a rebate negative; of a [Charge] it is the other way round
	FeeCurrency string  // empty: the settlement currency
	// ReduceOnly refuses the fill, with [ErrOverReduction], where it would open,
	// increase or flip the position.
	ReduceOnly bool
	// ZeroPrice says that a Price of zero is meant; without it such a price is
	// refused, since it is what a forgotten one looks like.
	ZeroPrice bool
	// Lot, under a cost method with lots, selects those that a reduction
	// consumes; the part that opens a lot gives it the Label. Nil: the method
	// chooses, and the new lot's label is the fill's id.
	Lot *LotRef
}

// Type returns "fill".
func (Fill) Type() string { return "fill" }

// Identified returns a copy with id and time filled in where absent.
func (f Fill) Identified(id string, at Time) Mutation {
	f.Meta = f.identified(id, at)
	return f
}

// Validate checks the form.
func (f Fill) Validate() error {
	if err := f.Meta.validate(); err != nil {
		return err
	}
	if err := f.Key.validate(); err != nil {
		return err
	}
	if f.Side != Buy && f.Side != Sell {
		return invalid("side", "must be buy or sell")
	}
	if f.Qty.Sign() <= 0 {
		return invalid("qty", "must be positive")
	}
	if err := checkZero(f.Price, f.ZeroPrice); err != nil {
		return err
	}
	if err := f.Lot.validate(); err != nil {
		return err
	}
	return checkName("fee_currency", f.FeeCurrency, true)
}

// foldFill appends the changes that a fill makes.
func (r Rules) foldFill(dst []Change, spares *Spares, s State, f *Fill, cause Mutation) ([]Change, error) {
	old := s.Position(f.Key)
	if err := expect(f.ExpectVersion, f.Key, old); err != nil {
		return nil, err
	}
	in := s.Instrument(f.Instrument)
	if err := r.admit(f.Instrument, in); err != nil {
		return nil, err
	}
	if err := r.onIncrements(in, f.Price, f.Qty); err != nil {
		return nil, err
	}
	x := flow{
		key: f.Key, terms: termsFor(s, old, in), in: in, at: f.Time,
		calc: calc{vintage: r.vintage()}, high: f.Price, low: f.Price, currency: f.FeeCurrency, ref: f.Lot, label: f.lotLabel(), spares: spares,
	}
	l, err := x.filled(f)
	if err != nil {
		return nil, err
	}
	if f.ReduceOnly && !reduces(old, l.qty) {
		return nil, fmt.Errorf("%w: the fill is reduce_only, and %s does not hold %s to reduce", ErrOverReduction, f.Key, l.qty.Neg())
	}
	n := len(dst)
	dst = x.apply(dst, old, l)
	if x.err != nil {
		return nil, x.err
	}
	numbered(dst[n:], cause)
	return dst, nil
}

// reduces reports whether a quantity leads towards zero and not beyond.
func reduces(old *Position, qty Decimal) bool {
	return old != nil && old.Qty.Sign()*qty.Sign() < 0 && qty.Abs().Cmp(old.Qty.Abs()) <= 0
}

// lotLabel names the lot that the fill may open.
func (f *Fill) lotLabel() string {
	if f.Lot != nil && f.Lot.Label != "" {
		return f.Lot.Label
	}
	return f.Ident
}

// termsFor returns the terms by which a key's next leg counts: those of the open
// cycle, else those that the next one takes.
func termsFor(s State, old *Position, in *Instrument) *Terms {
	switch {
	case old != nil && old.IsOpen():
		return old.Terms
	case in != nil && in.Defined:
		return in.Terms
	}
	return s.DefaultTerms()
}

// filled returns a fill as one leg. Its value is the only rounding of a fill
// that is not a division of what is already there.
func (x *flow) filled(f *Fill) (leg, error) {
	l := leg{qty: f.Qty, fee: f.Fee}
	if f.Side == Sell {
		l.qty = f.Qty.Neg()
	}
	var err error
	if l.value, err = x.terms.Value(l.qty, f.Price); err != nil {
		return l, err
	}
	if x.terms.Kind != Spot || f.Fee.IsZero() || x.paidIn() != x.terms.Base {
		return l, nil
	}
	// The venue took the fee out of what was bought, or on top of what was
	// sold: less or more of the asset changed hands for the same money.
	before := l.qty
	if l.qty, err = before.Sub(f.Fee); err != nil {
		return l, err
	}
	if l.qty.Sign() != before.Sign() {
		return l, invalid("fee", "in the base currency must be smaller than the quantity")
	}
	if x.terms.BaseFee == FeeApart {
		l.value, err = x.terms.Value(l.qty, f.Price)
	}
	return l, err
}

// onIncrements refuses a fill that its venue could not have made, where the rules
// are strict about it.
func (r Rules) onIncrements(in *Instrument, price, qty Decimal) error {
	if !r.StrictIncrements || in == nil {
		return nil
	}
	if !price.multipleOf(in.PriceIncrement) {
		return offIncrement("price", price, in.PriceIncrement, in.Name)
	}
	if !qty.multipleOf(in.SizeIncrement) {
		return offIncrement("qty", qty, in.SizeIncrement, in.Name)
	}
	return nil
}

func offIncrement(field string, value, increment Decimal, instrument string) error {
	return fmt.Errorf("%w: %s %s is no multiple of %s, the increment of %s", ErrIncrement, field, value, increment, instrument)
}

// multipleOf reports whether d is a multiple of an increment; of zero, all are.
func (d Decimal) multipleOf(increment Decimal) bool {
	return increment.IsZero() || remainder(d, increment).IsZero()
}
