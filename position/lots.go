package position

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/moneyprinter/holdfast/internal/form"
)

// MaxLots is how many lots one position may hold. A fill that would open one more
// is refused with [ErrTooManyLots].
const MaxLots = 10_000

// Lot is an open quantity that was bought or sold together.
type Lot struct {
	ID     uint64  // 1, 2, … over the life of the key
	Qty    Decimal // signed like the position
	Cost   Decimal // signed like the position's
	Opened Time    // event time of the fill; kept in a transfer
	Label  string  // of the fill, else the fill's id; kept in a transfer
}

// LotUse is what a change took from a lot.
type LotUse struct {
	ID   uint64
	Qty  Decimal // signed like the lot; all of its quantity where the lot is gone
	Cost Decimal // that left with it
}

// Lots are the open lots of a position, immutable. Where a change is decoded, Open
// is nil: [Lots.After] makes it from the lots before.
type Lots struct {
	Open  []Lot    // sorted by time of opening, then by number
	Count int      // of Open
	Next  uint64   // number of the next lot
	Sum   [16]byte // digest of Open, whatever its order; see Lot.digest
}

// LotRef selects lots. An empty member selects by nothing; all others must fit.
type LotRef struct {
	Label  string   // of the lot
	Price  *Decimal // entry price of the lot
	Opened string   // date (2006-01-02, UTC) or exact time of opening, RFC 3339
}

func (r *LotRef) validate() error {
	if r == nil {
		return nil
	}
	if r.Label == "" && r.Price == nil && r.Opened == "" {
		return invalid("lot", "selects nothing: a label, price or opened is required")
	}
	if _, _, err := r.span(); err != nil {
		return err
	}
	return checkName("lot", r.Label, true)
}

// span returns the first and last instant that Opened covers, zeros for all.
func (r *LotRef) span() (from, to Time, err error) {
	const day = 24 * 60 * 60 * 1_000_000_000
	switch {
	case r.Opened == "":
		return 0, 0, nil
	case len(r.Opened) == len("2006-01-02"):
		from, err = ParseTime(r.Opened + "T00:00:00Z")
		to = from + day - 1
	default:
		from, err = ParseTime(r.Opened)
		to = from
	}
	if err != nil {
		return 0, 0, invalid("lot", "opened %q is neither a date nor an RFC 3339 time", form.Clip(r.Opened))
	}
	return from, to, nil
}

// The lots of a position are one slice in the order of their opening, which
// every change that touches them copies; a digest that is added to and
// subtracted from proves that two sides hold the same ones, so that a record
// needs to carry those only that it touched. The cost of a change grows with the
// open lots, at 64 bytes each: MaxLots bounds it.

// compare orders lots by time of opening, then by number.
func (l *Lot) compare(o *Lot) int {
	if c := cmp.Compare(l.Opened, o.Opened); c != 0 {
		return c
	}
	return cmp.Compare(l.ID, o.ID)
}

// next is the number that a new lot takes. A nil l has had none yet.
func (l *Lots) next() uint64 {
	if l == nil || l.Next == 0 {
		return 1
	}
	return l.Next
}

func (l *Lots) open() []Lot {
	if l == nil {
		return nil
	}
	return l.Open
}

// quantity returns the sum of the lots' quantities and of their costs.
func (l *Lots) quantity() (qty, cost Decimal, err error) {
	var c calc
	for _, lot := range l.open() {
		qty, cost = c.add(qty, lot.Qty), c.add(cost, lot.Cost)
	}
	return qty, cost, c.err
}

// After returns the lots after a change that consumed some and opened others, as
// its record names them. Want, what the record says of all lots, is what the
// result is checked against; nil means that none are kept afterwards. A nil l has
// none yet. The error matches [ErrFormat]: record and lots do not belong
// together.
func (l *Lots) After(consumed []LotUse, opened []Lot, want *Lots) (*Lots, error) {
	if want == nil && len(l.open())+len(consumed)+len(opened) == 0 {
		return nil, nil
	}
	n, err := l.changed(consumed, opened)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	case want == nil && n.Count > 0:
		return nil, fmt.Errorf("%w: %d lots are open, the record says that none are kept", ErrFormat, n.Count)
	case want == nil:
		return nil, nil
	}
	n.Next = max(n.Next, want.Next) // a correction may have opened lots that are gone by now
	if n.Count != want.Count || n.Sum != want.Sum || n.Next != want.Next {
		return nil, fmt.Errorf("%w: %d lots up to number %d, digest %x; the record says %d up to %d, %x",
			ErrFormat, n.Count, n.Next-1, n.Sum, want.Count, want.Next-1, want.Sum)
	}
	return n, nil
}

// changed returns the lots without what was used of them and with new ones.
func (l *Lots) changed(uses []LotUse, opened []Lot) (*Lots, error) {
	n := &Lots{Next: l.next()}
	if l != nil {
		n.Sum = l.Sum
	}
	kept, err := without(l.open(), uses, len(opened), &n.Sum)
	if err != nil {
		return nil, err
	}
	for i := range opened {
		lot := &opened[i]
		n.Sum = sumPlus(n.Sum, lot.digest())
		n.Next = max(n.Next, lot.ID+1)
		at, taken := slices.BinarySearchFunc(kept, lot, func(a Lot, b *Lot) int { return a.compare(b) })
		if taken {
			return nil, fmt.Errorf("%w: number %d is open already", ErrNoLot, lot.ID)
		}
		kept = slices.Insert(kept, at, *lot)
	}
	if len(kept) > MaxLots {
		return nil, fmt.Errorf("%w: %d would be open, at most %d are allowed", ErrTooManyLots, len(kept), MaxLots)
	}
	if n.Count = len(kept); n.Count > 0 {
		n.Open = kept
	}
	return n, nil
}

// without returns a copy of lots less the uses, with room for more, and takes the
// difference out of the digest.
func without(lots []Lot, uses []LotUse, room int, sum *[16]byte) ([]Lot, error) {
	kept := make([]Lot, len(lots), len(lots)+room)
	copy(kept, lots)
	if len(uses) == 0 {
		return kept, nil
	}
	at := indexOf(lots, uses)
	gone := 0
	for i := range uses {
		u := &uses[i]
		k := at(u.ID)
		if k < 0 || kept[k].ID == 0 {
			return nil, fmt.Errorf("%w: number %d is not open", ErrNoLot, u.ID)
		}
		lot := &kept[k]
		*sum = sumMinus(*sum, lot.digest())
		if u.Qty == lot.Qty {
			lot.ID = 0 // no lot has this number
			gone++
			continue
		}
		var c calc
		lot.Qty, lot.Cost = c.sub(lot.Qty, u.Qty), c.sub(lot.Cost, u.Cost)
		if c.err != nil || lot.Qty.Sign()*u.Qty.Sign() <= 0 {
			return nil, fmt.Errorf("%w: number %d holds less than %s", ErrNoLot, u.ID, u.Qty)
		}
		*sum = sumPlus(*sum, lot.digest())
	}
	if gone > 0 {
		kept = slices.DeleteFunc(kept, func(l Lot) bool { return l.ID == 0 })
	}
	return kept, nil
}

// indexOf finds lots by number: in a map only where many are looked for.
func indexOf(lots []Lot, uses []LotUse) func(id uint64) int {
	const few = 8
	if len(uses) <= few {
		return func(id uint64) int {
			return slices.IndexFunc(lots, func(l Lot) bool { return l.ID == id })
		}
	}
	index := make(map[uint64]int, len(lots))
	for i := range lots {
		index[lots[i].ID] = i
	}
	return func(id uint64) int {
		if i, ok := index[id]; ok {
			return i
		}
		return -1
	}
}

// Split returns the lots with their quantities multiplied by ratio/per, each
// rounded once, half to even, and their costs as they are. A lot whose quantity
// rounds to nothing is gone, and its cost goes to the next one, or to the last
// that stays. A nil l stays nil.
func (l *Lots) Split(ratio, per Decimal) (*Lots, error) {
	if l == nil {
		return nil, nil
	}
	n := &Lots{Next: l.Next}
	kept := make([]Lot, 0, len(l.Open))
	var c calc
	var carried Decimal
	for _, lot := range l.Open {
		lot.Qty = c.mulQuo(lot.Qty, ratio, per)
		lot.Cost = c.add(lot.Cost, carried)
		if lot.Qty.IsZero() {
			carried = lot.Cost
			continue
		}
		carried = Decimal{}
		kept = append(kept, lot)
	}
	if last := len(kept) - 1; last >= 0 {
		kept[last].Cost = c.add(kept[last].Cost, carried)
	}
	if c.err != nil {
		return nil, c.err
	}
	for i := range kept {
		n.Sum = sumPlus(n.Sum, kept[i].digest())
	}
	if n.Count = len(kept); n.Count > 0 {
		n.Open = kept
	}
	return n, nil
}

// lotsAfter returns the lots after a change. It refuses one that would leave too
// many.
func (c *calc) lotsAfter(held *Lots, uses []LotUse, opened []Lot) *Lots {
	if c.err != nil {
		return nil
	}
	n, err := held.changed(uses, opened)
	if err != nil {
		c.fail(err)
	}
	return n
}

// incoming numbers the lots that a leg opens: those that arrive, else one new lot
// of the whole leg.
func (x *flow) incoming(held *Lots, l leg, arriving []Lot) []Lot {
	id := held.next()
	if arriving == nil {
		return []Lot{{ID: id, Qty: l.qty, Cost: l.value, Opened: x.at, Label: x.label}}
	}
	lots := slices.Clone(arriving)
	for i := range lots {
		lots[i].ID = id + uint64(i)
	}
	return lots
}

// cutLots takes a quantity from the front of lots and returns its cost and the
// rest.
func (c *calc) cutLots(lots []Lot, qty Decimal) (cost Decimal, rest []Lot) {
	for i := range lots {
		lot := lots[i]
		if lot.Qty.Abs().Cmp(qty.Abs()) > 0 {
			part := c.mulQuo(lot.Cost, qty, lot.Qty)
			lot.Qty, lot.Cost = c.sub(lot.Qty, qty), c.sub(lot.Cost, part)
			return c.add(cost, part), append([]Lot{lot}, lots[i+1:]...)
		}
		cost, qty = c.add(cost, lot.Cost), c.sub(qty, lot.Qty)
		if qty.IsZero() {
			return cost, lots[i+1:]
		}
	}
	return cost, []Lot{}
}

// The digest of a set of lots is the sum, modulo 2¹²⁸, of the first 16 bytes
// (little-endian) of the SHA-256 of each lot, so that it does not depend on their
// order and a change costs the lots that it touches. A lot is hashed as
//
//	offset  bytes
//	     0      8  number, little-endian
//	     8     16  quantity, a little-endian two's complement count of 10⁻¹⁸
//	    24     16  cost, likewise
//	    40      8  event time of the opening, little-endian nanoseconds
//	    48      …  label, UTF-8, to the end
//
// It guards against our own errors, not against someone who may choose lots: the
// chain of the journal does that.
func (l *Lot) digest() [16]byte {
	var buf [48 + MaxName]byte
	b := binary.LittleEndian.AppendUint64(buf[:0], l.ID)
	for _, d := range [...]Decimal{l.Qty, l.Cost} {
		b = binary.LittleEndian.AppendUint64(b, d.lo)
		b = binary.LittleEndian.AppendUint64(b, uint64(d.hi))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(l.Opened))
	b = append(b, l.Label...)
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

func sumPlus(a, b [16]byte) [16]byte {
	lo, carry := bits.Add64(word(a, 0), word(b, 0), 0)
	hi, _ := bits.Add64(word(a, 8), word(b, 8), carry)
	return words(lo, hi)
}

func sumMinus(a, b [16]byte) [16]byte {
	lo, borrow := bits.Sub64(word(a, 0), word(b, 0), 0)
	hi, _ := bits.Sub64(word(a, 8), word(b, 8), borrow)
	return words(lo, hi)
}

func word(b [16]byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

func words(lo, hi uint64) (b [16]byte) {
	binary.LittleEndian.PutUint64(b[:], lo)
	binary.LittleEndian.PutUint64(b[8:], hi)
	return b
}
