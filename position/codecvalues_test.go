package position_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moneyprinter/holdfast/position"
)

// valueSource makes random values of every kind that the codec knows, with the
// edges (zero, one byte, all bytes, empty and full lists) drawn often.
type valueSource struct{ *rand.Rand }

// newValues prints its seed, so that a failure can be repeated.
func newValues(tb testing.TB, seed uint64) valueSource {
	tb.Helper()
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	tb.Logf("seed %d", seed)
	return valueSource{rand.New(rand.NewPCG(seed, 1))}
}

// decimal draws a number of a random bit length, so that every encoded length
// comes up with both signs.
func (s valueSource) decimal() position.Decimal {
	if s.IntN(5) == 0 {
		return position.Decimal{}
	}
	return s.nonZero()
}

func (s valueSource) nonZero() position.Decimal {
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

func (s valueSource) name() string {
	if s.IntN(4) == 0 {
		return ""
	}
	return s.someName()
}

func (s valueSource) someName() string {
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

func (s valueSource) value() string {
	if s.IntN(6) == 0 {
		return strings.Repeat("v", position.MaxValue)
	}
	if s.IntN(3) == 0 {
		return "\x00\x01\t\n\r\x1f\x7f\u2028" + s.name()
	}
	return s.name()
}

func (s valueSource) time() position.Time {
	if s.IntN(6) == 0 {
		return 0
	}
	return position.Time(1 + s.Int64N(9_214_646_399_999_999_999))
}

func (s valueSource) key() position.Key {
	return position.Key{Account: s.someName(), Instrument: s.someName(), Strategy: s.name(), Leg: s.name()}
}

func (s valueSource) meta() position.Meta {
	return position.Meta{Ident: s.name(), Time: s.time()}
}

func (s valueSource) terms() position.Terms {
	return position.Terms{
		Kind: position.InstrumentKind(s.UintN(5)), Multiplier: s.decimal(),
		Base: s.name(), Quote: s.name(), Settlement: s.name(),
	}
}

// count draws the length of a list, with an eye on the edges.
func (s valueSource) count(limit int) int {
	switch s.IntN(6) {
	case 0:
		return 0
	case 1:
		return limit
	}
	return s.IntN(4)
}

func (s valueSource) amounts() position.Amounts {
	var a position.Amounts
	for range s.count(position.MaxCurrencies) {
		if sum, err := a.Plus(s.someName(), s.nonZero()); err == nil {
			a = sum
		}
	}
	return a
}

func (s valueSource) decimals(limit int) []position.Decimal {
	out := []position.Decimal{}
	for range s.count(limit) {
		out = append(out, s.decimal())
	}
	return out
}

func (s valueSource) names(limit int) []string {
	out := []string{}
	for range s.count(limit) {
		out = append(out, s.someName())
	}
	return out
}

func (s valueSource) metadata() map[string]string {
	out := map[string]string{}
	for range s.count(position.MaxMeta) {
		out[s.someName()] = s.value()
	}
	return out
}

func (s valueSource) fill() position.Fill {
	side := position.Buy
	if s.IntN(2) == 0 {
		side = position.Sell
	}
	return position.Fill{
		Meta: s.meta(), Key: s.key(), Side: side,
		Qty: s.nonZero().Abs(), Price: s.decimal(), Fee: s.decimal(), FeeCurrency: s.name(),
	}
}

func (s valueSource) mark() position.Mark {
	return position.Mark{Meta: s.meta(), Instrument: s.someName(), Price: s.decimal()}
}

func (s valueSource) mutation() position.Mutation {
	switch s.IntN(6) {
	case 0:
		return s.fill()
	case 1:
		return s.mark()
	case 2:
		return position.Charge{
			Meta: s.meta(), Key: s.key(), Kind: position.ChargeKind(s.UintN(5)),
			Amount: s.decimal(), Currency: s.someName(),
		}
	case 3:
		return position.Charge{
			Meta: s.meta(), Key: position.Key{Account: s.someName()}, Kind: position.ChargeKind(s.UintN(6)),
			Amount: s.decimal(), Currency: s.someName(),
		}
	case 4:
		return s.amend()
	}
	terms := s.terms()
	terms.Multiplier = terms.Multiplier.Abs()
	if terms.Kind == position.Spot && terms.Base == "" {
		terms.Base = "BTC"
	}
	return position.DefineInstrument{Meta: s.meta(), Instrument: s.someName(), Terms: terms}
}

func (s valueSource) amend() position.Amend {
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

func (s valueSource) totals() position.Totals {
	if s.IntN(4) == 0 {
		return position.Totals{}
	}
	return position.Totals{Realized: s.decimal(), Funding: s.decimal(), Fees: s.amounts(), Charges: s.amounts()}
}

func (s valueSource) conditions() *position.Conditions {
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

func (s valueSource) position() *position.Position {
	p := &position.Position{
		Key: s.key(), Terms: s.terms(), Cycle: s.Uint64(), Version: s.Uint64N(1000),
		Qty: s.decimal(), Cost: s.decimal(), EntryQty: s.decimal(), ExitQty: s.decimal(),
		EntryValue: s.decimal(), ExitValue: s.decimal(), PeakQty: s.decimal(), LastEntry: s.decimal(),
		Totals: s.totals(), Prior: s.totals(), High: s.decimal(), Low: s.decimal(),
		OpenedAt: s.time(), ClosedAt: s.time(), UpdatedAt: s.time(),
	}
	if p.HasMark = s.IntN(2) == 0; p.HasMark {
		p.Mark = s.decimal()
	}
	if s.IntN(3) == 0 {
		p.Conditions = s.conditions()
	}
	return p
}

func (s valueSource) instrument() *position.Instrument {
	return &position.Instrument{
		Name: s.someName(), Terms: s.terms(), Defined: s.IntN(2) == 0,
		Mark: s.decimal(), MarkTime: s.time(), Version: s.Uint64N(3),
	}
}

func (s valueSource) account() *position.Account {
	return &position.Account{Name: s.someName(), Balances: s.amounts(), Version: s.Uint64N(300)}
}

func (s valueSource) change() position.Change {
	c := position.Change{Part: s.Uint32N(3), Parts: s.Uint32(), Cause: s.mutation()}
	switch s.IntN(5) {
	case 0, 1:
		c.Kind = position.ChangeKind(1 + s.UintN(uint(position.Charged)))
		c.Qty, c.Value, c.Realized, c.Fee = s.decimal(), s.decimal(), s.decimal(), s.decimal()
		c.After = s.position()
	case 2:
		c.Kind, c.Instrument = position.Defined, s.instrument()
	case 3:
		c.Kind, c.Account = position.AccountSet, s.account()
	case 4:
		if s.IntN(2) == 0 {
			c.Kind, c.Cause = position.Marked, s.mark()
			break
		}
		c.Kind, c.Cause, c.Epoch = position.EpochBegun, nil, &position.Epoch{Build: s.value()[:0] + s.name(), Arithmetic: s.Uint32()}
		for i := range c.Epoch.Salt {
			c.Epoch.Salt[i] = byte(s.Uint32())
		}
	}
	return c
}
