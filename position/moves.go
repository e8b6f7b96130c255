package position

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

// MaxReason is the longest text of a reason, in bytes.
const MaxReason = 1024

// Adjust changes a position by hand or by a reconciliation, without a fill. All
// members are differences; nothing is realised but what Realized says. A quantity
// that leaves counts as never entered. The Value of the change is what it does to
// the cost.
type Adjust struct {
	Meta
	Key
	// Qty is the signed difference of quantity. Away from zero it is valued at
	// Price; towards zero its share of the cost leaves with it. It must not
	// cross zero.
	Qty Decimal
	// Price values a quantity that comes; nil: the average entry, so that the
	// average stays.
	Price    *Decimal
	Cost     Decimal // difference of the cost, beside what Qty moves
	Spread   Spread  // how Cost is shared out among lots
	Realized Decimal // difference of the cycle's gross profit
	Funding  Decimal // difference of the cycle's funding
	Reason   string  // required, at most MaxReason bytes
	Ref      string  // of a ticket, statement or case; at most 64 bytes
}

// Spread is how a difference of cost is shared out among the open lots, which
// decides what is realised when they leave. Under average cost it makes no
// difference.
type Spread uint8

// The ways. Either way the last lot takes what rounding leaves.
const (
	// SpreadByQty gives each lot its share of the quantity, so that the price of
	// each moves by as much: a return of capital, a duty per share.
	SpreadByQty Spread = iota
	// SpreadByCost gives each lot its share of the cost, so that the price of
	// each moves by as large a part of it: what a spin-off takes along.
	SpreadByCost
)

// String returns the name used in JSON.
func (s Spread) String() string {
	switch s {
	case SpreadByQty:
		return "qty"
	case SpreadByCost:
		return "cost"
	}
	return "unknown"
}

// Type returns "adjust".
func (Adjust) Type() string { return "adjust" }

// Identified returns a copy with id and time filled in where absent.
func (a Adjust) Identified(id string, at Time) Mutation {
	a.Meta = a.identified(id, at)
	return a
}

// Validate checks the form.
func (a Adjust) Validate() error {
	if err := a.Meta.validate(); err != nil {
		return err
	}
	if err := a.Key.validate(); err != nil {
		return err
	}
	switch {
	case a.Qty.IsZero() && a.Cost.IsZero() && a.Realized.IsZero() && a.Funding.IsZero():
		return invalid("qty", "or cost, realized or funding is required: an adjustment must change something")
	case a.Price != nil && a.Qty.IsZero():
		return invalid("price", "has no meaning without qty")
	case a.Spread > SpreadByCost:
		return invalid("spread", "is unknown")
	case a.Spread != SpreadByQty && a.Cost.IsZero():
		return invalid("spread", "has no meaning without cost")
	}
	if err := checkReason(a.Reason, false); err != nil {
		return err
	}
	return checkName("ref", a.Ref, true)
}

// Adopt sets a position to what a venue or another system reports: an opening
// balance, or the truth after a stretch that was missed. Realised profit and
// charges of the cycle stay as they are unless they are given. The entries of the
// cycle become what is open then and what had left before, each at its cost; the
// exits stay. A position on the other side is closed first, without profit.
type Adopt struct {
	Meta
	Key
	Qty Decimal // signed; zero: flat
	// Price is the average entry, Cost the cost of Qty, signed like it. One of
	// them, or Lots, is required unless Qty is zero.
	Price, Cost *Decimal
	// Lots, under a cost method with lots, are the open lots; their quantities
	// sum to Qty. Nil: one lot.
	Lots []AdoptedLot
	// What the cycle came to so far; nil: as it is.
	Realized, Funding *Decimal
	High, Low         *Decimal // extremes since the cycle's first fill; nil: as they are
	Opened            Time     // when the cycle began; zero: as it is, for a new cycle the time
	Reason            string   // at most MaxReason bytes
	Ref               string   // at most 64 bytes
}

// AdoptedLot is one open lot of an [Adopt].
type AdoptedLot struct {
	Qty         Decimal  // signed like the position
	Price, Cost *Decimal // one of them
	Opened      Time     // zero: that of the adoption
	Label       string   // empty: the id of the adoption
}

// Type returns "adopt".
func (Adopt) Type() string { return "adopt" }

// Identified returns a copy with id and time filled in where absent.
func (a Adopt) Identified(id string, at Time) Mutation {
	a.Meta = a.identified(id, at)
	return a
}

// Validate checks the form.
func (a Adopt) Validate() error {
	if err := a.Meta.validate(); err != nil {
		return err
	}
	if err := a.Key.validate(); err != nil {
		return err
	}
	given := 0
	for _, is := range [...]bool{a.Price != nil, a.Cost != nil, a.Lots != nil} {
		if is {
			given++
		}
	}
	switch {
	case a.Opened < 0:
		return invalid("opened", "is before 1970")
	case a.Qty.IsZero() && given > 0:
		return invalid("price", "and cost and lots have no meaning for a flat position")
	case !a.Qty.IsZero() && given != 1:
		return invalid("price", "or cost or lots is required, and only one of them")
	case a.Cost != nil && a.Cost.Sign()*a.Qty.Sign() < 0:
		return invalid("cost", "must have the sign of qty; where the average is negative, give it as price")
	case a.High != nil && a.Low != nil && a.High.Cmp(*a.Low) < 0:
		return invalid("high", "is below low")
	}
	if err := a.validateLots(); err != nil {
		return err
	}
	if err := checkReason(a.Reason, true); err != nil {
		return err
	}
	return checkName("ref", a.Ref, true)
}

func (a Adopt) validateLots() error {
	if a.Lots == nil {
		return nil
	}
	if len(a.Lots) > MaxLots {
		return invalid("lots", "has %d members, at most %d are allowed", len(a.Lots), MaxLots)
	}
	var sum Decimal
	for i := range a.Lots {
		l := &a.Lots[i]
		switch {
		case l.Qty.Sign() != a.Qty.Sign():
			return invalid("lots", "number %d: qty must have the sign of the position's", i+1)
		case (l.Price == nil) == (l.Cost == nil):
			return invalid("lots", "number %d: price or cost is required, and only one of them", i+1)
		case l.Cost != nil && l.Cost.Sign()*l.Qty.Sign() < 0:
			return invalid("lots", "number %d: cost must have the sign of qty; where the average is negative, give it as price", i+1)
		case l.Opened < 0:
			return invalid("lots", "number %d: opened is before 1970", i+1)
		}
		err := checkName("lots", l.Label, true)
		if err != nil {
			return err
		}
		if sum, err = sum.Add(l.Qty); err != nil {
			return invalid("lots", "sum to more than a decimal holds")
		}
	}
	if sum != a.Qty {
		return invalid("lots", "sum to %s, qty is %s", sum, a.Qty)
	}
	return nil
}

// checkReason accepts text of one line.
func checkReason(s string, empty bool) error {
	switch {
	case s == "" && !empty:
		return invalid("reason", "is required")
	case len(s) > MaxReason:
		return invalid("reason", "is %d bytes long, at most %d are allowed", len(s), MaxReason)
	}
	return checkText("reason", s)
}
