package wire

import "github.com/moneyprinter/holdfast/position"

func (d *Decoder) instrument(r *reader) *position.Instrument {
	i := new(position.Instrument)
	if r.at(1<<3 | bytesType) {
		i.Name = d.name(r)
	}
	i.Terms = d.termsOf(r, 2<<3|bytesType)
	if r.at(3<<3 | varintType) {
		i.Defined = r.flag()
	}
	r.decimal(4<<3|bytesType, &i.Mark)
	if r.at(5<<3 | fixed64Type) {
		i.MarkTime = r.time()
	}
	if r.at(6<<3 | varintType) {
		i.Version = r.number(1<<64 - 1)
	}
	r.decimal(7<<3|bytesType, &i.PriceIncrement)
	r.decimal(8<<3|bytesType, &i.SizeIncrement)
	if r.at(9<<3 | fixed64Type) {
		i.SplitTime = r.time()
	}
	r.decimal(10<<3|bytesType, &i.SplitRatio)
	r.decimal(11<<3|bytesType, &i.SplitPer)
	return i
}

func (d *Decoder) account(r *reader) *position.Account {
	a := new(position.Account)
	if r.at(1<<3 | bytesType) {
		a.Name = d.name(r)
	}
	a.Cash = d.amounts(r, 2)
	a.Fees = d.amounts(r, 3)
	a.Funding = d.amounts(r, 4)
	a.Interest = d.amounts(r, 5)
	a.Dividends = d.amounts(r, 6)
	a.Realized = d.amounts(r, 7)
	a.Other = d.amounts(r, 8)
	if r.at(9<<3 | varintType) {
		a.Version = r.number(1<<64 - 1)
	}
	return a
}

func (r *reader) epoch() *position.Epoch {
	e := new(position.Epoch)
	if r.at(1<<3 | bytesType) {
		e.Build = r.string(maxBuild)
	}
	if r.at(2<<3 | varintType) {
		e.Arithmetic = uint32(r.number(1<<32 - 1))
	}
	if r.at(3<<3 | bytesType) {
		r.sixteen(&e.Salt)
	}
	if r.at(4<<3 | bytesType) {
		if e.Identity = r.string(position.MaxIdentity); r.err == nil && position.CheckIdentity(e.Identity) != nil {
			r.failHere("is not a JSON object on one line")
		}
	} else {
		r.fail(4, "is missing")
	}
	if r.at(5<<3 | bytesType) {
		r.sixteen((*[16]byte)(&e.Prints))
	}
	return e
}

func (d *Decoder) totals(r *reader, t *position.Totals, field uint32, name string) {
	outer := r.enter()
	start := r.i
	d.totalsFields(r, t)
	r.leaveSome(outer, start, field, name)
}

func (d *Decoder) totalsFields(r *reader, t *position.Totals) {
	r.decimal(1<<3|bytesType, &t.Realized)
	r.decimal(2<<3|bytesType, &t.Funding)
	t.Fees = d.appendAmounts(t.Fees[:0], r, 3)
	t.Charges = d.amounts(r, 4)
}

// maxPrior bounds the encoded lifetimes that a decoder remembers.
const maxPrior = 256

// lifetime reads what earlier cycles came to. It stays the same as long as a cycle
// lasts, so that in a change it is mostly that of the key's change before, which
// is shared.
func (d *Decoder) lifetime(r *reader, alone bool) *position.Lifetime {
	k, start := d.last, r.i
	if k != nil && !alone {
		if b := r.bytes(MaxChange); k.prior != nil && string(b) == k.lifetime {
			return k.prior
		}
		r.i = start
	}
	l := new(position.Lifetime)
	outer := r.enter()
	start = r.i
	d.totalsFields(r, &l.Totals)
	if r.at(5<<3 | varintType) {
		l.Wins = r.number(1<<64 - 1)
	}
	if r.at(6<<3 | varintType) {
		l.Losses = r.number(1<<64 - 1)
	}
	r.leave(outer, 20, "prior")
	if r.err == nil && k != nil && !alone && r.i-start <= maxPrior {
		k.prior, k.lifetime = l, string(r.b[start:r.i])
	}
	return l
}

// amounts reads a set, which must be sorted and without zeros; nil is empty.
func (d *Decoder) amounts(r *reader, field uint32) position.Amounts {
	return d.appendAmounts(nil, r, field)
}

// appendAmounts is amounts into an empty set, whose room it uses.
func (d *Decoder) appendAmounts(a position.Amounts, r *reader, field uint32) position.Amounts {
	for r.at(byte(field<<3 | bytesType)) {
		outer := r.enter()
		var x position.Amount
		if r.at(1<<3 | bytesType) {
			x.Currency = d.name(r)
		}
		r.decimal(2<<3|bytesType, &x.Value)
		switch {
		case r.err != nil || r.i < r.end: // leave tells
		case x.Value.IsZero():
			r.fail(2, "is missing: a set has no zero amounts")
		case len(a) > 0 && x.Currency <= a[len(a)-1].Currency:
			r.fail(1, "follows a currency that is not smaller")
		case len(a) == position.MaxCurrencies:
			r.fail(1, "is one of more than %d currencies", position.MaxCurrencies)
		}
		r.leave(outer, field, "amount")
		a = append(a, x)
	}
	if len(a) == 0 {
		return nil
	}
	return a
}

func (d *Decoder) conditions(r *reader) *position.Conditions {
	c := new(position.Conditions)
	if r.at(1<<3 | bytesType) {
		c.Stop, c.HasStop = r.present(), true
	}
	c.Targets = r.decimals(2, c.Targets)
	c.Tags = d.list(r, 3, c.Tags)
	for r.at(4<<3 | bytesType) {
		item := d.metaItem(r, 4)
		if n := len(c.Meta); n > 0 && item.Name <= c.Meta[n-1].Name {
			r.fail(4, "follows a name that is not smaller")
		} else if n == position.MaxMeta {
			r.fail(4, "is repeated too often")
		}
		c.Meta = append(c.Meta, item)
	}
	return c
}

func (r *reader) decimals(field uint32, dst []position.Decimal) []position.Decimal {
	for r.at(byte(field<<3 | bytesType)) {
		if len(dst) == position.MaxTargets {
			r.failHere("is repeated too often")
		}
		dst = append(dst, r.present())
	}
	return dst
}

func (d *Decoder) list(r *reader, field uint32, dst []string) []string {
	for r.at(byte(field<<3 | bytesType)) {
		if len(dst) == position.MaxTags {
			r.failHere("is repeated too often")
		}
		dst = append(dst, d.interned(r, r.bytes(position.MaxName)))
	}
	return dst
}

func (d *Decoder) metaItem(r *reader, field uint32) position.MetaItem {
	outer := r.enter()
	var item position.MetaItem
	if r.at(1<<3 | bytesType) {
		item.Name = d.name(r)
	}
	if r.at(2<<3 | bytesType) {
		item.Value = r.string(position.MaxValue)
	}
	r.leave(outer, field, "item")
	return item
}

// openLots reads the open lots or, in a change, their number.
func (r *reader) openLots(alone bool) *position.Lots {
	outer := r.enter()
	l := new(position.Lots)
	if !alone && r.at(1<<3|varintType) {
		l.Count = int(r.number(position.MaxLots))
	}
	if r.at(2<<3 | varintType) {
		l.Next = r.number(1<<64 - 1)
	}
	if r.at(3<<3 | bytesType) {
		r.sixteen(&l.Sum)
	}
	if alone {
		l.Open = r.lots(4, new(origin))
		l.Count = len(l.Open)
		r.checkOrder(l)
	}
	r.leave(outer, 25, "lots")
	return l
}

// checkOrder refuses lots in an order in which the cost methods would not find
// them.
func (r *reader) checkOrder(l *position.Lots) {
	for i := range l.Open {
		x := &l.Open[i]
		if x.ID >= l.Next {
			r.fail(4, "holds the number %d, the next one is %d", x.ID, l.Next)
		}
		if i == 0 {
			continue
		}
		if last := &l.Open[i-1]; x.Opened < last.Opened || x.Opened == last.Opened && x.ID <= last.ID {
			r.fail(4, "is not in the order of opening")
		}
	}
}

// lots reads lots with what they have from the cause of their change.
func (r *reader) lots(field uint32, from *origin) []position.Lot {
	return repeated(r, field, "lot", func(l *position.Lot) {
		*l = position.Lot{Opened: from.Time, Label: from.Ident}
		if r.at(1<<3 | varintType) {
			l.ID = r.number(1<<64 - 1)
		}
		r.decimal(2<<3|bytesType, &l.Qty)
		r.decimal(3<<3|bytesType, &l.Cost)
		if r.at(4<<3 | fixed64Type) {
			l.Opened = r.timeNot(from.Time)
		}
		if r.at(5<<3 | bytesType) {
			if l.Label = r.checked(r.bytes(position.MaxName)); l.Label == from.Ident {
				r.failHere("is what its absence stands for")
			}
		}
	})
}

func (r *reader) uses(field uint32) []position.LotUse {
	return repeated(r, field, "use", func(u *position.LotUse) {
		if r.at(1<<3 | varintType) {
			u.ID = r.number(1<<64 - 1)
		}
		r.decimal(2<<3|bytesType, &u.Qty)
		r.decimal(3<<3|bytesType, &u.Cost)
	})
}

// repeated reads the members of a list of at most [position.MaxLots] records. The first
// tells how many there probably are: the others are as long and fill what is left.
func repeated[T any](r *reader, field uint32, name string, read func(*T)) []T {
	var list []T
	for r.at(byte(field<<3 | bytesType)) {
		if len(list) == position.MaxLots {
			r.failHere("is repeated more than %d times", position.MaxLots)
			return nil
		}
		outer := r.enter()
		if list == nil {
			list = make([]T, 0, min(1+(outer-r.end)/(r.end-r.i+2), position.MaxLots))
		}
		list = append(list, *new(T))
		read(&list[len(list)-1])
		r.leave(outer, field, name)
	}
	return list
}

func (r *reader) lotRef(field uint32) *position.LotRef {
	l := new(position.LotRef)
	outer := r.enter()
	if r.at(1<<3 | bytesType) {
		l.Label = r.string(position.MaxName)
	}
	l.Price = r.optional(2<<3 | bytesType)
	if r.at(3<<3 | bytesType) {
		l.Opened = r.string(maxTimes)
	}
	r.leave(outer, field, "lot")
	return l
}
