package wire

import (
	"maps"
	"slices"

	"github.com/moneyprinter/holdfast/position"
)

// mutation writes the one member of the oneof, and what an image can refer to
// into from. Without whole, id and time are left out: what remains is the content
// that duplicates are compared by.
func (w writer) mutation(n int, m position.Mutation, whole bool, from *origin) int {
	const head = 2 // bytes of tag and length
	start := n + head
	var field uint
	switch m := m.(type) {
	case position.Fill:
		return w.fillOf(start-head, &m, whole, from)
	case position.Mark:
		n = w.meta(start, &m.Meta, whole, from)
		n = w.text(n, 4, m.Instrument)
		field, n = markMember, w.decimal(n, 5, m.Price)
	case position.Charge:
		n = w.keyed(start, &m.Meta, &m.Key, whole, from)
		n = w.number(n, 4, uint64(m.Kind))
		n = w.decimal(n, 5, m.Amount)
		n = w.text(n, 6, m.Currency)
		field, n = chargeMember, w.flag(n, 7, m.InCost)
	case position.Amend:
		field, n = amendMember, w.amend(start, &m, whole, from)
	case position.DefineInstrument:
		n = w.meta(start, &m.Meta, whole, from)
		n = w.text(n, 4, m.Instrument)
		n = w.someTerms(n, 5, &m.Terms)
		n = w.decimal(n, 6, m.PriceIncrement)
		field, n = defineMember, w.decimal(n, 7, m.SizeIncrement)
	case position.Split:
		n = w.meta(start, &m.Meta, whole, from)
		n = w.text(n, 4, m.Instrument)
		n = w.decimal(n, 5, m.Ratio)
		n = w.decimal(n, 6, m.Per)
		n = w.decimal(n, 7, m.Increment)
		field, n = splitMember, w.optional(n, 8, m.CashPrice)
	case position.Settle:
		n = w.meta(start, &m.Meta, whole, from)
		n = w.text(n, 4, m.Instrument)
		n = w.decimal(n, 5, m.Price)
		field, n = settleMember, w.number(n, 6, uint64(m.Reason))
	default:
		field, n = w.move(start, m, whole, from)
	}
	if field == noMember {
		return start - head
	}
	w.tag(start-head, field, bytesType)
	return w.close(start, n, 1)
}

// move writes the mutations of one key that are no fill.
func (w writer) move(n int, m position.Mutation, whole bool, from *origin) (field uint, end int) {
	switch m := m.(type) {
	case position.Transfer:
		n = w.keyed(n, &m.Meta, &m.Key, whole, from)
		n = w.text(n, 4, m.ToAccount)
		n = w.text(n, 5, m.ToStrategy)
		n = w.text(n, 6, m.ToLeg)
		n = w.decimal(n, 7, m.Qty)
		return transferMember, w.lotRef(n, 8, m.Lot)
	case position.Adjust:
		n = w.keyed(n, &m.Meta, &m.Key, whole, from)
		n = w.decimal(n, 4, m.Qty)
		n = w.optional(n, 5, m.Price)
		n = w.decimal(n, 6, m.Cost)
		n = w.decimal(n, 7, m.Realized)
		n = w.decimal(n, 8, m.Funding)
		n = w.text(n, 9, m.Reason)
		n = w.text(n, 10, m.Ref)
		return adjustMember, w.number(n, 11, uint64(m.Spread))
	case position.Adopt:
		return adoptMember, w.adopt(n, &m, whole, from)
	case position.Bust:
		n = w.keyed(n, &m.Meta, &m.Key, whole, from)
		n = w.text(n, 4, m.Fill)
		return bustMember, w.text(n, 5, m.Reason)
	case position.Correct:
		n = w.keyed(n, &m.Meta, &m.Key, whole, from)
		n = w.text(n, 4, m.Fill)
		n = w.flag(n, 5, m.Side == position.Sell)
		n = w.decimal(n, 6, m.Qty)
		n = w.decimal(n, 7, m.Price)
		n = w.decimal(n, 8, m.Fee)
		n = w.text(n, 9, m.FeeCurrency)
		return correctMember, w.text(n, 10, m.Reason)
	}
	return noMember, n
}

func (w writer) meta(n int, m *position.Meta, whole bool, from *origin) int {
	if whole {
		n = w.text(n, 1, m.Ident)
		n = w.time(n, 2, m.Time)
	}
	from.Ident, from.Time = m.Ident, m.Time
	return n
}

func (w writer) keyed(n int, m *position.Meta, k *position.Key, whole bool, from *origin) int {
	n = w.meta(n, m, whole, from)
	from.Key = *k
	return w.key(n, 3, k)
}

// fillOf writes the member of the oneof that is a fill, the side as a flag.
func (w writer) fillOf(n int, f *position.Fill, whole bool, from *origin) int {
	start := w.open(n, fillMember, 1)
	n = w.keyed(start, &f.Meta, &f.Key, whole, from)
	from.qty, from.fee = f.Qty, f.Fee
	if f.Side == position.Sell {
		from.qty = f.Qty.Neg()
	}
	n = w.flag(n, 4, f.Side == position.Sell)
	n = w.decimal(n, 5, f.Qty)
	n = w.decimal(n, 6, f.Price)
	n = w.decimal(n, 7, f.Fee)
	n = w.text(n, 8, f.FeeCurrency)
	n = w.lotRef(n, 9, f.Lot)
	n = w.flag(n, 10, f.ReduceOnly)
	return w.close(start, n, 1)
}

func (w writer) lotRef(n int, field uint, l *position.LotRef) int {
	if l == nil {
		return n
	}
	start := w.open(n, field, 1)
	n = w.text(start, 1, l.Label)
	n = w.optional(n, 2, l.Price)
	n = w.text(n, 3, l.Opened)
	return w.close(start, n, 1)
}

func (w writer) amend(n int, a *position.Amend, whole bool, from *origin) int {
	n = w.keyed(n, &a.Meta, &a.Key, whole, from)
	n = w.optional(n, 4, a.Stop)
	n = w.flag(n, 5, a.NoStop)
	if a.Targets != nil {
		start := w.open(n, 6, 1)
		n = start
		for _, d := range a.Targets {
			n = w.present(n, 1, d)
		}
		n = w.close(start, n, 1)
	}
	if a.Tags != nil {
		start := w.open(n, 7, 1)
		n = start
		for _, s := range a.Tags {
			n = w.element(n, 1, s)
		}
		n = w.close(start, n, 1)
	}
	if a.Metadata != nil {
		start := w.open(n, 8, 1)
		n = start
		var room [position.MaxMeta]string
		names := slices.AppendSeq(room[:0], maps.Keys(a.Metadata))
		slices.Sort(names) // so that a map has one encoding
		for _, name := range names {
			n = w.metaItem(n, 1, name, a.Metadata[name])
		}
		n = w.close(start, n, 1)
	}
	return n
}

func (w writer) adopt(n int, a *position.Adopt, whole bool, from *origin) int {
	n = w.keyed(n, &a.Meta, &a.Key, whole, from)
	n = w.decimal(n, 4, a.Qty)
	n = w.optional(n, 5, a.Price)
	n = w.optional(n, 6, a.Cost)
	for i := range a.Lots {
		l := &a.Lots[i]
		start := w.open(n, 7, 1)
		n = w.decimal(start, 1, l.Qty)
		n = w.optional(n, 2, l.Price)
		n = w.optional(n, 3, l.Cost)
		n = w.time(n, 4, l.Opened)
		n = w.text(n, 5, l.Label)
		n = w.close(start, n, 1)
	}
	n = w.optional(n, 8, a.Realized)
	n = w.optional(n, 9, a.Funding)
	n = w.optional(n, 10, a.High)
	n = w.optional(n, 11, a.Low)
	n = w.time(n, 12, a.Opened)
	n = w.text(n, 13, a.Reason)
	return w.text(n, 14, a.Ref)
}
