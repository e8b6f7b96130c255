package sample

import (
	"slices"

	"github.com/moneyprinter/holdfast/position"
)

// KeyOf returns the key of a mutation that has one.
func KeyOf(m position.Mutation) (position.Key, bool) {
	switch m := m.(type) {
	case position.Fill:
		return m.Key, true
	case position.Charge:
		return m.Key, true
	case position.Amend:
		return m.Key, true
	case position.Transfer:
		return m.Key, true
	case position.Adjust:
		return m.Key, true
	case position.Adopt:
		return m.Key, true
	case position.Bust:
		return m.Key, true
	case position.Correct:
		return m.Key, true
	}
	return position.Key{}, false
}

func (s Values) maybe() *position.Decimal {
	if s.IntN(2) == 0 {
		return nil
	}
	return new(s.decimal())
}

func (s Values) lotRef() *position.LotRef {
	if s.IntN(2) == 0 {
		return nil
	}
	return &position.LotRef{Label: s.someName(), Price: s.maybe(), Opened: []string{"", "2026-01-02", "2026-01-02T03:04:05.678Z"}[s.IntN(3)]}
}

func (s Values) move(n int) position.Mutation {
	switch n {
	case 0:
		m := position.Split{Meta: s.meta(), Instrument: s.someName(), Ratio: s.nonZero().Abs(), Per: s.decimal().Abs(), Increment: s.nonZero().Abs()}
		m.CashPrice = s.maybe()
		return m
	case 1:
		m := position.Settle{Meta: s.meta(), Instrument: s.someName(), Reason: position.SettleReason(s.UintN(3))}
		if m.Reason != position.WriteOff {
			m.Price = s.decimal()
		}
		return m
	case 2:
		return position.Transfer{
			Meta: s.meta(), Key: s.key(), ToAccount: s.name(), ToStrategy: s.name(), ToLeg: s.someName(),
			Qty: s.decimal().Abs(), Lot: s.lotRef(),
		}
	case 3:
		a := position.Adjust{
			Meta: s.meta(), Key: s.key(), Qty: s.nonZero(), Price: s.maybe(), Cost: s.decimal(), Realized: s.decimal(), Funding: s.decimal(),
			Reason: s.someName(), Ref: s.name(),
		}
		if !a.Cost.IsZero() {
			a.Spread = position.Spread(s.IntN(2))
		}
		return a
	case 4:
		return s.adopt()
	case 5:
		return position.Bust{Meta: s.meta(), Key: s.key(), Fill: s.someName(), Reason: s.name()}
	}
	f := s.Fill()
	return position.Correct{
		Meta: f.Meta, Key: f.Key, Fill: s.someName(), Side: f.Side, Qty: f.Qty, Price: f.Price, Fee: f.Fee, FeeCurrency: f.FeeCurrency, Reason: s.name(),
	}
}

func (s Values) adopt() position.Adopt {
	a := position.Adopt{
		Meta: s.meta(), Key: s.key(), Realized: s.maybe(), Funding: s.maybe(), High: s.maybe(), Opened: s.time(), Reason: s.name(), Ref: s.name(),
	}
	switch s.IntN(4) {
	case 0:
		return a
	case 1:
		a.Qty, a.Price, a.Low, a.High = s.nonZero(), new(s.decimal()), a.High, nil
	case 2:
		a.Qty, a.Cost = s.nonZero(), new(s.decimal())
	case 3:
		for range 1 + s.IntN(5) {
			l := position.AdoptedLot{Qty: position.FromInt(1 + s.Int64N(1e9)), Opened: s.time(), Label: s.name()}
			if s.IntN(2) == 0 {
				l.Price = new(s.decimal())
			} else {
				l.Cost = new(s.decimal())
			}
			a.Lots = append(a.Lots, l)
			a.Qty, _ = a.Qty.Add(l.Qty)
		}
	}
	return a
}

func (s Values) lot(id uint64) position.Lot {
	return position.Lot{ID: id, Qty: s.nonZero(), Cost: s.decimal(), Opened: s.time(), Label: s.name()}
}

func (s Values) lots() []position.Lot {
	var lots []position.Lot
	for i := range s.count(20) {
		lots = append(lots, s.lot(uint64(i)*50+1))
	}
	return lots
}

func (s Values) uses() []position.LotUse {
	var uses []position.LotUse
	for range s.count(20) {
		uses = append(uses, position.LotUse{ID: 1 + s.Uint64N(300), Qty: s.nonZero(), Cost: s.decimal()})
	}
	return uses
}

// lotsOf draws the lots of a position by itself.
func (s Values) lotsOf() *position.Lots {
	if s.IntN(2) == 0 {
		return nil
	}
	l := &position.Lots{Open: s.lots(), Next: 2000}
	l.Count = len(l.Open)
	slices.SortFunc(l.Open, func(a, b position.Lot) int {
		if a.Opened != b.Opened {
			return int(max(-1, min(1, a.Opened-b.Opened)))
		}
		return int(a.ID) - int(b.ID)
	})
	if l.Count > 0 {
		for i := range l.Sum {
			l.Sum[i] = byte(1 + s.UintN(255))
		}
	}
	return l
}
