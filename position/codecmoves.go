package position

func (d *Decoder) split(r *reader, from *origin) Split {
	s := Split{Meta: d.meta(r, from), Instrument: d.nameAt(r, 4<<3|bytesType)}
	r.decimal(5<<3|bytesType, &s.Ratio)
	r.decimal(6<<3|bytesType, &s.Per)
	r.decimal(7<<3|bytesType, &s.Increment)
	s.CashPrice = r.optional(8<<3 | bytesType)
	return s
}

func (d *Decoder) settle(r *reader, from *origin) Settle {
	s := Settle{Meta: d.meta(r, from), Instrument: d.nameAt(r, 4<<3|bytesType)}
	r.decimal(5<<3|bytesType, &s.Price)
	if r.at(6<<3 | varintType) {
		s.Reason = SettleReason(r.number(uint64(WriteOff)))
	}
	s.ZeroPrice = s.Price.IsZero() && s.Reason != WriteOff
	return s
}

func (d *Decoder) transfer(r *reader, from *origin) Transfer {
	t := Transfer{
		Meta: d.meta(r, from), Key: d.keyed(r, from), ToAccount: d.nameAt(r, 4<<3|bytesType),
		ToStrategy: d.nameAt(r, 5<<3|bytesType), ToLeg: d.nameAt(r, 6<<3|bytesType),
	}
	r.decimal(7<<3|bytesType, &t.Qty)
	if r.at(8<<3 | bytesType) {
		t.Lot = r.lotRef(8)
	}
	return t
}

func (d *Decoder) adjust(r *reader, from *origin) Adjust {
	a := Adjust{Meta: d.meta(r, from), Key: d.keyed(r, from)}
	r.decimal(4<<3|bytesType, &a.Qty)
	a.Price = r.optional(5<<3 | bytesType)
	r.decimal(6<<3|bytesType, &a.Cost)
	r.decimal(7<<3|bytesType, &a.Realized)
	r.decimal(8<<3|bytesType, &a.Funding)
	a.Reason = r.textAt(9<<3|bytesType, MaxReason)
	a.Ref = r.textAt(10<<3|bytesType, MaxName)
	if r.at(11<<3 | varintType) {
		a.Spread = Spread(r.number(uint64(SpreadByCost)))
	}
	return a
}

func (d *Decoder) adopt(r *reader, from *origin) Adopt {
	a := Adopt{Meta: d.meta(r, from), Key: d.keyed(r, from)}
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
	a.Reason = r.textAt(13<<3|bytesType, MaxReason)
	a.Ref = r.textAt(14<<3|bytesType, MaxName)
	return a
}

func (r *reader) adopted(field uint32) []AdoptedLot {
	return repeated(r, field, "lot", func(l *AdoptedLot) {
		r.decimal(1<<3|bytesType, &l.Qty)
		l.Price = r.optional(2<<3 | bytesType)
		l.Cost = r.optional(3<<3 | bytesType)
		if r.at(4<<3 | fixed64Type) {
			l.Opened = r.time()
		}
		l.Label = r.textAt(5<<3|bytesType, MaxName)
	})
}

func (d *Decoder) bust(r *reader, from *origin) Bust {
	return Bust{
		Meta: d.meta(r, from), Key: d.keyed(r, from),
		Fill: r.textAt(4<<3|bytesType, MaxName), Reason: r.textAt(5<<3|bytesType, MaxReason),
	}
}

func (d *Decoder) correct(r *reader, from *origin) Correct {
	c := Correct{
		Meta: d.meta(r, from), Key: d.keyed(r, from),
		Fill: r.textAt(4<<3|bytesType, MaxName), Side: r.side(5<<3 | varintType),
	}
	r.decimal(6<<3|bytesType, &c.Qty)
	r.decimal(7<<3|bytesType, &c.Price)
	r.decimal(8<<3|bytesType, &c.Fee)
	c.FeeCurrency = d.nameAt(r, 9<<3|bytesType)
	c.Reason = r.textAt(10<<3|bytesType, MaxReason)
	c.ZeroPrice = c.Price.IsZero()
	return c
}
