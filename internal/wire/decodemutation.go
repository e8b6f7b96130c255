package wire

import "github.com/moneyprinter/holdfast/position"

// mutation reads the one member of the oneof, and what an image can refer to into
// from.
func (d *Decoder) mutation(r *reader, from *origin) position.Mutation {
	if r.err == nil && r.i == r.end {
		r.fail(0, "is empty: a mutation has one field")
	}
	if r.err != nil || r.b[r.i]&7 != bytesType || r.b[r.i]>>3 < fillMember || r.b[r.i]>>3 > correctMember {
		return nil // a field that is not known, which the caller tells
	}
	field := uint32(r.b[r.i] >> 3)
	r.i++
	r.last = field
	from.cause.member = field
	outer := r.enter()
	var m position.Mutation
	name := ""
	switch field {
	case fillMember:
		name = "fill"
		// A replay has no use for the fill, and the interface would copy it.
		if f := d.fill(r, from); d.into == nil {
			m = f
		}
	case markMember:
		name, m = "mark", d.mark(r, from)
	case chargeMember:
		name, m = "charge", d.charge(r, from)
	case amendMember:
		name, m = "amend", d.amend(r, from)
	case defineMember:
		name, m = "define_instrument", d.define(r, from)
	case splitMember:
		name, m = "split", d.split(r, from)
	case settleMember:
		name, m = "settle", d.settle(r, from)
	case transferMember:
		name, m = "transfer", d.transfer(r, from)
	case adjustMember:
		name, m = "adjust", d.adjust(r, from)
	case adoptMember:
		name, m = "adopt", d.adopt(r, from)
	case bustMember:
		name, m = "bust", d.bust(r, from)
	case correctMember:
		name, m = "correct", d.correct(r, from)
	}
	from.cause.end = r.i
	r.leave(outer, field, name)
	return m
}

func (d *Decoder) meta(r *reader, from *origin) position.Meta {
	var m position.Meta
	if r.at(1<<3 | bytesType) {
		if b := r.some(position.MaxName); d.into != nil && from.cause.member == fillMember {
			r.check(b)
			from.cause.ident = b
		} else {
			m.Ident = r.checked(b)
			from.cause.ident = b
		}
	}
	if r.at(2<<3 | fixed64Type) {
		m.Time = r.time()
	}
	from.Ident, from.Time, from.cause.content = m.Ident, m.Time, r.i
	return m
}

// keyed reads the key that follows the meta of most mutations.
func (d *Decoder) keyed(r *reader, from *origin) position.Key {
	if r.at(3<<3 | bytesType) {
		from.Key = d.key(r)
	}
	return from.Key
}

// nameAt reads a name, if it is next.
func (d *Decoder) nameAt(r *reader, tag byte) string {
	if !r.at(tag) {
		return ""
	}
	return d.name(r)
}

// textAt reads a text that is not likely to come again, if it is next.
func (r *reader) textAt(tag byte, limit int) string {
	if !r.at(tag) {
		return ""
	}
	return r.string(limit)
}

func (d *Decoder) fill(r *reader, from *origin) position.Fill {
	f := position.Fill{Meta: d.meta(r, from), Key: d.keyed(r, from), Side: r.side(4<<3 | varintType)}
	r.decimal(5<<3|bytesType, &f.Qty)
	r.decimal(6<<3|bytesType, &f.Price)
	r.decimal(7<<3|bytesType, &f.Fee)
	f.FeeCurrency = d.nameAt(r, 8<<3|bytesType)
	if r.at(9<<3 | bytesType) {
		f.Lot = r.lotRef(9)
	}
	f.ReduceOnly = r.at(10<<3|varintType) && r.flag()
	f.ZeroPrice = f.Price.IsZero() // a record holds nothing that was forgotten
	from.qty, from.fee = f.Qty, f.Fee
	if f.Side == position.Sell {
		from.qty = f.Qty.Neg()
	}
	return f
}

func (d *Decoder) mark(r *reader, from *origin) position.Mark {
	m := position.Mark{Meta: d.meta(r, from), Instrument: d.nameAt(r, 4<<3|bytesType)}
	r.decimal(5<<3|bytesType, &m.Price)
	m.ZeroPrice = m.Price.IsZero()
	return m
}

func (d *Decoder) charge(r *reader, from *origin) position.Charge {
	c := position.Charge{Meta: d.meta(r, from), Key: d.keyed(r, from)}
	if r.at(4<<3 | varintType) {
		c.Kind = position.ChargeKind(r.number(uint64(position.RealizedCharge)))
	}
	r.decimal(5<<3|bytesType, &c.Amount)
	c.Currency = d.nameAt(r, 6<<3|bytesType)
	c.InCost = r.at(7<<3|varintType) && r.flag()
	return c
}

func (d *Decoder) amend(r *reader, from *origin) position.Amend {
	a := position.Amend{Meta: d.meta(r, from), Key: d.keyed(r, from), Stop: r.optional(4<<3 | bytesType)}
	if r.at(5<<3 | varintType) {
		a.NoStop = r.flag()
	}
	if r.at(6<<3 | bytesType) {
		outer := r.enter()
		a.Targets = r.decimals(1, []position.Decimal{})
		r.leave(outer, 6, "targets")
	}
	if r.at(7<<3 | bytesType) {
		outer := r.enter()
		a.Tags = d.list(r, 1, []string{})
		r.leave(outer, 7, "tags")
	}
	if r.at(8<<3 | bytesType) {
		outer := r.enter()
		a.Metadata = d.metadata(r)
		r.leave(outer, 8, "metadata")
	}
	return a
}

func (d *Decoder) metadata(r *reader) map[string]string {
	m := map[string]string{}
	last := ""
	for r.at(1<<3 | bytesType) {
		item := d.metaItem(r, 1)
		if len(m) > 0 && item.Name <= last {
			r.fail(1, "follows a name that is not smaller")
		} else if len(m) == position.MaxMeta {
			r.fail(1, "is repeated too often")
		}
		m[item.Name], last = item.Value, item.Name
	}
	return m
}

func (d *Decoder) define(r *reader, from *origin) position.DefineInstrument {
	m := position.DefineInstrument{Meta: d.meta(r, from), Instrument: d.nameAt(r, 4<<3|bytesType)}
	if r.at(5<<3 | bytesType) {
		outer := r.enter()
		start := r.i
		d.someTerms(r, &m.Terms)
		r.leaveSome(outer, start, 5, "terms")
	}
	r.decimal(6<<3|bytesType, &m.PriceIncrement)
	r.decimal(7<<3|bytesType, &m.SizeIncrement)
	return m
}

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
