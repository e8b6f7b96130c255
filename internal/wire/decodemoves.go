package wire

import "github.com/moneyprinter/holdfast/position"

func (d *Decoder) split(r *reader, from *origin) position.Split {
	s := position.Split{Meta: d.meta(r, from), Instrument: d.nameAt(r, 4<<3|bytesType)}
	r.decimal(5<<3|bytesType, &s.Ratio)
	r.decimal(6<<3|bytesType, &s.Per)
	r.decimal(7<<3|bytesType, &s.Increment)
	s.CashPrice = r.optional(8<<3 | bytesType)
	return s
}

func (d *Decoder) settle(r *reader, from *origin) position.Settle {
	s := position.Settle{Meta: d.meta(r, from), Instrument: d.nameAt(r, 4<<3|bytesType)}
	r.decimal(5<<3|bytesType, &s.Price)
	if r.at(6<<3 | varintType) {
		s.Reason = position.SettleReason(r.number(uint64(position.WriteOff)))
	}
	s.ZeroPrice = s.Price.IsZero() && s.Reason != position.WriteOff
	return s
}

func (d *Decoder) transfer(r *reader, from *origin) position.Transfer {
	t := position.Transfer{
		Meta: d.meta(r, from), Key: d.keyed(r, from), ToAccount: d.nameAt(r, 4<<3|bytesType),
		ToStrategy: d.nameAt(r, 5<<3|bytesType), ToLeg: d.nameAt(r, 6<<3|bytesType),
	}
	r.decimal(7<<3|bytesType, &t.Qty)
	if r.at(8<<3 | bytesType) {
		t.Lot = r.lotRef(8)
	}
	return t
}

func (d *Decoder) adjust(r *reader, from *origin) position.Adjust {
	a := position.Adjust{Meta: d.meta(r, from), Key: d.keyed(r, from)}
	r.decimal(4<<3|bytesType, &a.Qty)
	a.Price = r.optional(5<<3 | bytesType)
	r.decimal(6<<3|bytesType, &a.Cost)
	r.decimal(7<<3|bytesType, &a.Realized)
	r.decimal(8<<3|bytesType, &a.Funding)
	a.Reason = r.textAt(9<<3|bytesType, position.MaxReason)
	a.Ref = r.textAt(10<<3|bytesType, position.MaxName)
	if r.at(11<<3 | varintType) {
		a.Spread = position.Spread(r.number(uint64(position.SpreadByCost)))
	}
	return a
}

func (d *Decoder) adopt(r *reader, from *origin) position.Adopt {
	a := position.Adopt{Meta: d.meta(r, from), Key: d.keyed(r, from)}
	r.decimal(4<<3|bytesType, &a.Qty)
	a.Price = r.optional(5<<3 | bytesType)
	a.Cost = r.optional(6<<3 | bytesType)
	a.Lots = r.adopted(7)
	a.Realized = r.optional(8<<3 | bytesType)
	a.Funding = r.optional(9<<3 | bytesType)
	a.High = r.optional(10<<3 | bytesType)
	a.Low = r.optional(11<<3 | bytesType)
	if r.at(12<<3 | fixed64Type) {
		a.Opened = r.time()
	}
	a.Reason = r.textAt(13<<3|bytesType, position.MaxReason)
	a.Ref = r.textAt(14<<3|bytesType, position.MaxName)
	return a
}

func (r *reader) adopted(field uint32) []position.AdoptedLot {
	return repeated(r, field, "lot", func(l *position.AdoptedLot) {
		r.decimal(1<<3|bytesType, &l.Qty)
		l.Price = r.optional(2<<3 | bytesType)
		l.Cost = r.optional(3<<3 | bytesType)
		if r.at(4<<3 | fixed64Type) {
			l.Opened = r.time()
		}
		l.Label = r.textAt(5<<3|bytesType, position.MaxName)
	})
}

func (d *Decoder) bust(r *reader, from *origin) position.Bust {
	return position.Bust{
		Meta: d.meta(r, from), Key: d.keyed(r, from),
		Fill: r.textAt(4<<3|bytesType, position.MaxName), Reason: r.textAt(5<<3|bytesType, position.MaxReason),
	}
}

func (d *Decoder) correct(r *reader, from *origin) position.Correct {
	c := position.Correct{
		Meta: d.meta(r, from), Key: d.keyed(r, from),
		Fill: r.textAt(4<<3|bytesType, position.MaxName), Side: r.side(5<<3 | varintType),
	}
	r.decimal(6<<3|bytesType, &c.Qty)
	r.decimal(7<<3|bytesType, &c.Price)
	r.decimal(8<<3|bytesType, &c.Fee)
	c.FeeCurrency = d.nameAt(r, 9<<3|bytesType)
	c.Reason = r.textAt(10<<3|bytesType, position.MaxReason)
	c.ZeroPrice = c.Price.IsZero()
	return c
}
