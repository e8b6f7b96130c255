package sample

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/moneyprinter/holdfast/position"
)

// Values makes random values of every kind that the binary form knows, with the
// edges (zero, one byte, all bytes, empty and full lists) drawn often.
type Values struct{ *rand.Rand }

// NewValues prints its seed, so that a failure can be repeated.
func NewValues(tb testing.TB, seed uint64) Values {
	tb.Helper()
	if seed == 0 {
		seed = rand.Uint64()
	}
	tb.Logf("seed %d", seed)
	return Values{rand.New(rand.NewPCG(seed, 1))}
}

// decimal draws a number of a random bit length, so that every encoded length
// comes up with both signs.
func (s Values) decimal() position.Decimal {
	if s.IntN(5) == 0 {
		return position.Decimal{}
	}
	return s.nonZero()
}

func (s Values) nonZero() position.Decimal {
	bits := 1 + s.UintN(127)
	n := new(big.Int).SetUint64(s.Uint64())
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(s.Uint64()))
	n.Rsh(n, 128-bits).SetBit(n, int(bits)-1, 1)
	text := fmt.Sprintf("%019d", n)
	text = text[:len(text)-18] + "." + text[len(text)-18:]
	if s.IntN(2) == 0 {
		text = "-" + text
	}
	return position.MustParse(text)
}

func (s Values) name() string {
	if s.IntN(4) == 0 {
		return ""
	}
	return s.someName()
}

func (s Values) someName() string {
	const letters = "abcXYZ019-_.*> \"\\/<&é漢𝄞"
	var b strings.Builder
	runes := []rune(letters)
	limit := 1 + s.IntN(position.MaxName)
	for {
		r := runes[s.IntN(len(runes))]
		if b.Len()+len(string(r)) > limit {
			break
		}
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "x"
	}
	return b.String()
}

func (s Values) value() string {
	if s.IntN(6) == 0 {
		return strings.Repeat("v", position.MaxValue)
	}
	if s.IntN(3) == 0 {
		return "\x00\x01\t\n\r\x1f\x7f\u2028" + s.name()
	}
	return s.name()
}

func (s Values) time() position.Time {
	if s.IntN(6) == 0 {
		return 0
	}
	return position.Time(1 + s.Int64N(9_214_646_399_999_999_999))
}

func (s Values) key() position.Key {
	return position.Key{Account: s.someName(), Instrument: s.someName(), Strategy: s.name(), Leg: s.name()}
}

func (s Values) meta() position.Meta {
	return position.Meta{Ident: s.name(), Time: s.time()}
}

// terms draws what a definition may say; those of an image are concrete.
func (s Values) terms() position.Terms {
	t := position.Terms{
		Kind: position.InstrumentKind(s.UintN(5)), Multiplier: s.decimal().Abs(),
		Base: s.name(), Quote: s.name(), Settlement: s.name(),
		CostMethod: position.CostMethod(s.UintN(7)), OverReduction: position.OverReduction(s.UintN(3)),
		BaseFee: position.BaseFee(s.UintN(2)),
	}
	if s.IntN(3) == 0 {
		t.Multiplier = num("1")
	}
	if s.IntN(2) == 0 {
		t.Rounding = position.Rounding{Value: s.round(), ValuePer: s.decimal().Abs(), Average: s.round(), Realized: s.round()}
	}
	return t
}

func (s Values) round() position.Round {
	if s.IntN(3) == 0 {
		return position.Round{}
	}
	return position.Round{Mode: position.RoundMode(s.UintN(7)), Digits: uint8(1 + s.UintN(18)), Significant: s.IntN(2) == 0}
}

func (s Values) imageTerms() *position.Terms {
	if s.IntN(4) == 0 {
		return PlainTerms()
	}
	t := s.terms()
	if t.Multiplier.IsZero() {
		t.Multiplier = num("1")
	}
	t.CostMethod, t.OverReduction = max(t.CostMethod, position.Average), max(t.OverReduction, position.FlipOver)
	return &t
}

// count draws the length of a list, with an eye on the edges.
func (s Values) count(limit int) int {
	switch s.IntN(6) {
	case 0:
		return 0
	case 1:
		return limit
	}
	return s.IntN(4)
}

func (s Values) amounts() position.Amounts {
	var a position.Amounts
	for range s.count(position.MaxCurrencies) {
		if sum, err := a.Plus(s.someName(), s.nonZero()); err == nil {
			a = sum
		}
	}
	return a
}

func (s Values) decimals(limit int) []position.Decimal {
	out := []position.Decimal{}
	for range s.count(limit) {
		out = append(out, s.decimal())
	}
	return out
}

func (s Values) names(limit int) []string {
	out := []string{}
	for range s.count(limit) {
		out = append(out, s.someName())
	}
	return out
}

func (s Values) metadata() map[string]string {
	out := map[string]string{}
	for range s.count(position.MaxMeta) {
		out[s.someName()] = s.value()
	}
	return out
}

// Fill draws a fill.
func (s Values) Fill() position.Fill {
	side := position.Buy
	if s.IntN(2) == 0 {
		side = position.Sell
	}
	return position.Fill{
		Meta: s.meta(), Key: s.key(), Side: side,
		Qty: s.nonZero().Abs(), Price: s.decimal(), Fee: s.decimal(), FeeCurrency: s.name(), Lot: s.lotRef(), ReduceOnly: s.IntN(2) == 0,
	}
}

func (s Values) mark() position.Mark {
	return position.Mark{Meta: s.meta(), Instrument: s.someName(), Price: s.decimal()}
}

// Mutation draws one of every type.
func (s Values) Mutation() position.Mutation { return position.Stated(s.mutationOf(s.IntN(13))) }

func (s Values) mutationOf(n int) position.Mutation {
	switch n {
	case 0:
		return s.Fill()
	case 1:
		return s.mark()
	case 2:
		return s.charge()
	case 3:
		return s.accountCharge()
	case 4:
		return s.amend()
	case 5:
		return s.define()
	}
	return s.move(n - 6)
}

func (s Values) charge() position.Charge {
	kind := position.ChargeKind(s.UintN(6))
	if kind == position.Cash {
		kind = position.RealizedCharge
	}
	return position.Charge{
		Meta: s.meta(), Key: s.key(), Kind: kind, Amount: s.decimal(), Currency: s.someName(),
		InCost: kind == position.FeeCharge && s.IntN(2) == 0,
	}
}

func (s Values) accountCharge() position.Charge {
	return position.Charge{
		Meta: s.meta(), Key: position.Key{Account: s.someName()}, Kind: position.ChargeKind(s.UintN(7)),
		Amount: s.decimal(), Currency: s.someName(),
	}
}

func (s Values) define() position.DefineInstrument {
	terms := s.terms()
	if terms.Kind == position.Spot && terms.Base == "" {
		terms.Base = "BTC"
	}
	return position.DefineInstrument{
		Meta: s.meta(), Instrument: s.someName(), Terms: terms, PriceIncrement: s.decimal().Abs(), SizeIncrement: s.decimal().Abs(),
	}
}

func (s Values) amend() position.Amend {
	a := position.Amend{Meta: s.meta(), Key: s.key()}
	if s.IntN(2) == 0 {
		stop := s.decimal()
		a.Stop = &stop
	} else {
		a.NoStop = true
	}
	if s.IntN(3) > 0 {
		a.Targets = s.decimals(position.MaxTargets)
	}
	if s.IntN(3) > 0 {
		a.Tags = s.names(position.MaxTags)
	}
	if s.IntN(3) > 0 {
		a.Metadata = s.metadata()
	}
	return a
}

func (s Values) totals() position.Totals {
	if s.IntN(4) == 0 {
		return position.Totals{}
	}
	return position.Totals{Realized: s.decimal(), Funding: s.decimal(), Fees: s.amounts(), Charges: s.amounts()}
}

func (s Values) conditions() *position.Conditions {
	c := &position.Conditions{HasStop: s.IntN(2) == 0}
	if c.HasStop {
		c.Stop = s.decimal()
	}
	// Lists without members come back as nil.
	c.Targets = append(c.Targets, s.decimals(position.MaxTargets)...)
	c.Tags = append(c.Tags, s.names(position.MaxTags)...)
	for name, value := range s.metadata() {
		c.Meta = append(c.Meta, position.MetaItem{Name: name, Value: value})
	}
	slices.SortFunc(c.Meta, func(a, b position.MetaItem) int { return strings.Compare(a.Name, b.Name) })
	return c
}

// Position draws an image that stands by itself, its open lots included.
func (s Values) Position() *position.Position {
	p := &position.Position{
		Key: s.key(), Terms: s.imageTerms(), Cycle: s.Uint64(), Version: s.Uint64N(1000),
		Qty: s.decimal(), Cost: s.decimal(), EntryQty: s.decimal(), ExitQty: s.decimal(),
		EntryValue: s.decimal(), ExitValue: s.decimal(), PeakQty: s.decimal(), LastEntry: s.decimal(),
		Totals: s.totals(), High: s.decimal(), Low: s.decimal(), Residue: s.decimal(),
		Entries: s.Uint32N(3), Exits: s.Uint32N(3), Short: s.IntN(2) == 0,
		OpenedAt: s.time(), ClosedAt: s.time(), UpdatedAt: s.time(), Lots: s.lotsOf(),
	}
	if s.IntN(2) == 0 {
		p.Prior = &position.Lifetime{Totals: s.totals(), Wins: s.Uint64N(300), Losses: s.Uint64N(2)}
	}
	if p.HasMark = s.IntN(2) == 0; p.HasMark {
		p.Mark = s.decimal()
	}
	if s.IntN(3) == 0 {
		p.Conditions = s.conditions()
	}
	return p
}

// Instrument draws the image of an instrument.
func (s Values) Instrument() *position.Instrument {
	return &position.Instrument{
		Name: s.someName(), Terms: s.imageTerms(), Defined: s.IntN(2) == 0,
		Mark: s.decimal(), MarkTime: s.time(), Version: s.Uint64N(3), PriceIncrement: s.decimal(), SizeIncrement: s.decimal(),
		SplitTime: s.time(), SplitRatio: s.decimal(), SplitPer: s.decimal(),
	}
}

// Account draws the image of an account.
func (s Values) Account() *position.Account {
	return &position.Account{
		Name: s.someName(), Cash: s.amounts(), Fees: s.amounts(), Funding: s.amounts(), Interest: s.amounts(),
		Dividends: s.amounts(), Realized: s.amounts(), Other: s.amounts(), Version: s.Uint64N(300),
	}
}

// Change draws a change of every kind, as a record has it.
func (s Values) Change() position.Change {
	c := position.Change{Part: s.Uint32N(3), Parts: 1 + s.Uint32N(3)}
	if s.IntN(2) == 0 {
		c.Prev = s.Uint64()
	}
	c.Kind = position.ChangeKind(1 + s.UintN(uint(position.EpochBegun)))
	//exhaustive:ignore
	switch c.Kind {
	case position.Defined:
		c.Cause, c.Instrument = s.define(), s.Instrument()
	case position.Marked:
		c.Cause = position.Stated(s.mark())
	case position.AccountSet:
		c.Cause, c.Account = s.accountCharge(), s.Account()
	case position.EpochBegun:
		c.Epoch = &position.Epoch{Build: s.name(), Arithmetic: s.Uint32(), Identity: Identity()}
		for i := range c.Epoch.Salt {
			c.Epoch.Salt[i], c.Epoch.Prints[i] = byte(s.Uint32()), byte(s.Uint32())
		}
	default:
		s.positionChange(&c)
	}
	return c
}

func (s Values) positionChange(c *position.Change) {
	//exhaustive:ignore
	switch c.Kind {
	case position.Amended:
		c.Cause = s.amend()
	case position.Charged:
		c.Cause = s.charge()
	case position.SplitChange, position.Transferred, position.Adjusted, position.Adopted, position.Settled, position.Busted, position.Corrected:
		c.Cause = s.move(map[position.ChangeKind]int{
			position.SplitChange: 0, position.Settled: 1, position.Transferred: 2, position.Adjusted: 3,
			position.Adopted: 4, position.Busted: 5, position.Corrected: 6,
		}[c.Kind])
	default:
		c.Cause = s.Fill()
	}
	c.Cause = position.Stated(c.Cause)
	if (c.Kind == position.SplitChange || c.Kind == position.Settled) && s.IntN(2) == 0 {
		c.Instrument = s.Instrument()
		return
	}
	c.Qty, c.Value, c.Realized, c.Fee = s.decimal(), s.decimal(), s.decimal(), s.decimal()
	c.After = s.Position()
	if c.After.Lots != nil {
		c.After.Lots.Open, c.Consumed, c.Opened = nil, s.uses(), s.lots()
	}
	if c.Kind == position.Busted {
		c.Fill = s.Uint64()
	}
	// Mostly the image is that of the cause's key and time.
	if k, ok := KeyOf(c.Cause); ok && s.IntN(3) > 0 {
		c.After.Key = k
	}
	if s.IntN(3) > 0 {
		c.After.UpdatedAt = c.Cause.EventTime()
	}
	for i := range c.Opened {
		if s.IntN(2) == 0 {
			c.Opened[i].Opened, c.Opened[i].Label = c.Cause.EventTime(), c.Cause.ID()
		}
	}
}
