package position

// Position is the state of one key: its current cycle or, while flat, its last
// one. A Position reached through a pointer is immutable, and so is what it
// points to, until nobody has it any more (see [Spares]); the fold makes new ones.
// Cost, Realized and all totals are in Terms.Settlement.
type Position struct {
	Key   Key
	Terms *Terms // those of the cycle's opening; shared, never nil but in the zero Position, a flat one

	Cycle   uint64 // 1 for the first, 0 before it; a new one starts when a flat key is opened
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

	Totals Totals    // of this cycle
	Prior  *Lifetime // of all earlier cycles; nil: none

	// Residue is what a rounding profile has taken from cost and profit
	// together: Cost − lifetime Realized − Residue (inverse: Cost + Realized +
	// Residue) is the sum of all notionals, exactly. Zero without a profile.
	Residue Decimal

	// High and Low are the extreme prices, marks and fills, since the cycle's
	// first fill. Mark is the instrument's mark when the position last changed, and
	// no price where HasMark is false.
	High, Low, Mark Decimal

	Entries, Exits uint32 // fills and other changes that increased and reduced it in this cycle

	HasMark bool
	Short   bool // the cycle is, or was, a short one

	OpenedAt, ClosedAt, UpdatedAt Time // event times

	Lots       *Lots       // open lots; nil under average cost
	Conditions *Conditions // nil: none
}

// imageBlock is an image and room for its fees, which most often are in one
// currency: one allocation, and neighbours in memory.
type imageBlock struct {
	Position

	fee [1]Amount
}

// NewPosition returns a zero position with room for fees in one currency.
func NewPosition() *Position {
	b := new(imageBlock)
	b.Totals.Fees = b.fee[:0]
	return &b.Position
}

// Clone returns a copy that does not keep p in memory. Both share what they point to:
// terms, lots and earlier cycles, but not the place of fees in one currency, which is
// each image's own, because it is written in place.
func (p *Position) Clone() *Position {
	if len(p.Totals.Fees) != 1 {
		n := *p
		return &n
	}
	n := &imageBlock{Position: *p, fee: [1]Amount{p.Totals.Fees[0]}}
	n.Totals.Fees = n.fee[:]
	return &n.Position
}

// paid adds a fee to an image that is not shared yet.
func (p *Position) paid(c *calc, currency string, fee Decimal) {
	if f := p.Totals.Fees; len(f) == 1 && f[0].Currency == currency {
		// Clone has made room, and all but the last sum may lie in it.
		if sum := c.add(f[0].Value, fee); !sum.IsZero() {
			f[0].Value = sum
			return
		}
	}
	p.Totals.Fees = c.plus(p.Totals.Fees, currency, fee)
}

// next returns a copy of p that one more change may be made to.
func (p *Position) next(at Time, in *Instrument) *Position {
	n := p.Clone()
	n.advance(at, in)
	return n
}

// advance makes a copy of an image the one that one more change may be made to.
func (p *Position) advance(at Time, in *Instrument) {
	p.Version++
	p.Seq = 0
	p.UpdatedAt = at
	p.noteMark(in)
}

// maxSpares bounds how many images Spares keep of either kind: about as many as are
// between being made and being replaced, 2 MiB.
const maxSpares = 1 << 12

// Spares are images that nobody has any more. The fold writes the next ones over them,
// so that a fill on a position that is open allocates nothing. The zero value has
// none. It is for one goroutine.
type Spares struct {
	plain []*Position
	paid  []*Position // with fees in one currency, the place of which is theirs alone
}

// Add takes an image that will be written over. **Nobody may have it any more, nor a
// copy of it that was not detached**; see [Position.Detached].
func (s *Spares) Add(p *Position) {
	list := s.of(p)
	if len(*list) < maxSpares {
		*list = append(*list, p)
	}
}

// of is the list of images that have room for what one has.
func (s *Spares) of(p *Position) *[]*Position {
	if len(p.Totals.Fees) == 1 {
		return &s.paid
	}
	return &s.plain
}

// take returns one of a list, nil where there is none.
func (s *Spares) take(list *[]*Position) *Position {
	last := len(*list) - 1
	if last < 0 {
		return nil
	}
	p := (*list)[last]
	*list = (*list)[:last]
	return p
}

// Clone is [Position.Clone] into an image that nobody has, if there is one. A nil s
// has none.
func (s *Spares) Clone(p *Position) *Position {
	if s == nil {
		return p.Clone()
	}
	n := s.take(s.of(p))
	if n == nil {
		return p.Clone()
	}
	fees := n.Totals.Fees
	*n = *p
	if len(p.Totals.Fees) == 1 {
		fees[0] = p.Totals.Fees[0]
		n.Totals.Fees = fees
	}
	return n
}

// next is [Position.next] into a spare image.
func (s *Spares) next(p *Position, at Time, in *Instrument) *Position {
	n := s.Clone(p)
	n.advance(at, in)
	return n
}

// Detached returns a copy that stays as it is when p is written over: one that shares
// only what is immutable for good.
func (p *Position) Detached() Position {
	n := *p
	if fees := p.Totals.Fees; len(fees) == 1 {
		n.Totals.Fees = Amounts{fees[0]}
	}
	return n
}

// noteMark stores the mark that was known when the position changed.
func (p *Position) noteMark(in *Instrument) {
	p.Mark, p.HasMark = Decimal{}, false
	if in != nil && in.MarkTime != 0 {
		p.Mark, p.HasMark = in.Mark, true
	}
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

// unknownTerms are those of the zero [Position] and [Instrument], at which nothing
// but zero can be valued.
//
//nolint:gochecknoglobals // a constant that Go cannot express as one
var unknownTerms Terms

// terms returns the position's terms, never nil.
func (p *Position) terms() *Terms {
	if p.Terms == nil {
		return &unknownTerms
	}
	return p.Terms
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
