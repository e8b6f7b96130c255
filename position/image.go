package position

// Totals are amounts that add up over time. Realized, Funding and net are in
// the settlement currency.
type Totals struct {
	Realized Decimal // gross, before fees
	Funding  Decimal // received is positive
	Fees     Amounts // paid is positive, per currency
	Charges  Amounts // other charges, received is positive, per currency
}

// Net returns gross − fees + funding + charges, each in the settlement
// currency; amounts in other currencies are left out because no rate is known.
func (t Totals) Net(settlement string) (Decimal, error) {
	var c calc
	n := c.sub(t.Realized, t.Fees.Get(settlement))
	n = c.add(n, t.Funding)
	n = c.add(n, t.Charges.Get(settlement))
	return n, c.err
}

// Conditions are the engine's own notes on a position, set by [Amend].
type Conditions struct {
	Stop    Decimal // stop price; meaningless unless HasStop
	HasStop bool
	Targets []Decimal // target prices, in the engine's order
	Tags    []string
	Meta    []MetaItem // sorted by name
}

// MetaItem is one name and value of a position's metadata.
type MetaItem struct{ Name, Value string }

// Position is the state of one key: its current cycle, or, while flat, its last
// one. A Position reached through a pointer is immutable; the fold makes new
// ones. Cost, Realized and all totals are in Terms.Settlement.
type Position struct {
	Key   Key
	Terms Terms

	Cycle   uint64 // 1 for the first; a new one starts when a flat key is opened
	Version uint64 // changes so far, over all cycles; marks do not count
	Seq     uint64 // record of the last change; set by the projector, not stored

	Qty  Decimal // signed: long is positive
	Cost Decimal // signed like Qty: what the open quantity was bought or sold for

	EntryQty   Decimal // total quantity that increased the position in this cycle, unsigned
	ExitQty    Decimal // total quantity that reduced it, unsigned
	EntryValue Decimal // notional of EntryQty; negative only where prices were
	ExitValue  Decimal // notional of ExitQty; negative only where prices were
	PeakQty    Decimal // largest |Qty| of the cycle
	LastEntry  Decimal // average entry price just before the cycle went flat

	Totals Totals // of this cycle
	Prior  Totals // of all earlier cycles

	// High and Low are the extreme prices, marks and fills, since the cycle's
	// first fill. Mark is the instrument's mark when the position last changed.
	High, Low, Mark Decimal
	HasMark         bool

	OpenedAt, ClosedAt, UpdatedAt Time // event times

	Conditions *Conditions // nil: none
}

// Side is "long", "short" or "flat".
func (p *Position) Side() string {
	switch p.Qty.Sign() {
	case 1:
		return "long"
	case -1:
		return "short"
	}
	return "flat"
}

// IsOpen reports whether the quantity is not zero.
func (p *Position) IsOpen() bool { return !p.Qty.IsZero() }

// Account is the cash side of one account: totals of the charges that belong to
// no instrument.
type Account struct {
	Name     string
	Balances Amounts // per currency, received is positive
	Version  uint64  // changes so far
	Seq      uint64  // record of the last change; set by the projector, not stored
}

// Epoch describes one incarnation of the writer. Its record is the first that
// the incarnation appends.
type Epoch struct {
	Build      string   // version of the software
	Arithmetic uint32   // see ArithmeticVersion
	Salt       [16]byte // random, unique per epoch
}

// ArithmeticVersion names the rules by which this build folds mutations. It
// changes whenever the same mutation could give other bytes.
const ArithmeticVersion = 1
