package position

// Change reads the binary form of a change.
func (d *Decoder) Change(b []byte) (Change, error) {
	r := newReader(b)
	var c Change
	d.change(&r, &c)
	return result(&r, "change", c)
}

// Mutation reads the binary form of a mutation.
func (d *Decoder) Mutation(b []byte) (Mutation, error) {
	r := newReader(b)
	return result(&r, "mutation", d.mutation(&r))
}

// Position reads the binary form of a position.
func (d *Decoder) Position(b []byte) (*Position, error) {
	r := newReader(b)
	p := new(Position)
	d.position(&r, p)
	return result(&r, "position", p)
}

// Instrument reads the binary form of an instrument.
func (d *Decoder) Instrument(b []byte) (*Instrument, error) {
	r := newReader(b)
	return result(&r, "instrument", d.instrument(&r))
}

// Account reads the binary form of an account.
func (d *Decoder) Account(b []byte) (*Account, error) {
	r := newReader(b)
	return result(&r, "account", d.account(&r))
}

func (d *Decoder) change(r *reader, c *Change) {
	if r.at(1<<3 | varintType) {
		c.Kind = ChangeKind(r.number(uint64(EpochBegun)))
	}
	if r.at(2<<3 | varintType) {
		c.Part = uint32(r.number(1<<32 - 1))
	}
	if r.at(3<<3 | varintType) {
		c.Parts = uint32(r.number(1<<32 - 1))
	}
	if r.at(4<<3 | bytesType) {
		outer := r.enter()
		c.Cause = d.mutation(r)
		r.leave(outer, 4, "cause")
	}
	r.decimal(5<<3|bytesType, &c.Qty)
	r.decimal(6<<3|bytesType, &c.Value)
	r.decimal(7<<3|bytesType, &c.Realized)
	r.decimal(8<<3|bytesType, &c.Fee)
	if r.at(9<<3 | bytesType) {
		outer := r.enter()
		c.After = new(Position)
		d.position(r, c.After)
		r.leave(outer, 9, "after")
	}
	d.changeRecords(r, c)
	if r.err == nil && r.i == r.end {
		r.checkShape(c)
	}
}

// changeRecords reads the images that are no position.
func (d *Decoder) changeRecords(r *reader, c *Change) {
	if r.at(10<<3 | bytesType) {
		outer := r.enter()
		c.Instrument = d.instrument(r)
		r.leave(outer, 10, "instrument")
	}
	if r.at(11<<3 | bytesType) {
		outer := r.enter()
		c.Account = d.account(r)
		r.leave(outer, 11, "account")
	}
	if r.at(12<<3 | bytesType) {
		outer := r.enter()
		c.Epoch = r.epoch()
		r.leave(outer, 12, "epoch")
	}
}

// checkShape makes sure that a reader of changes finds, by kind, the images it
// counts on.
func (r *reader) checkShape(c *Change) {
	var after, instrument, account, epoch bool
	switch c.Kind {
	case Opened, Increased, Reduced, Closed, Amended, Charged:
		after = true
	case Defined:
		instrument = true
	case Marked:
		if _, ok := c.Cause.(Mark); !ok {
			r.fail(4, "is no mark, but the change is one")
		}
	case AccountSet:
		account = true
	case EpochBegun:
		epoch = true
	default:
		r.fail(1, "has the kind %d, which is not known to this version", c.Kind)
		return
	}
	if (c.After != nil) != after || (c.Instrument != nil) != instrument ||
		(c.Account != nil) != account || (c.Epoch != nil) != epoch || (c.Cause == nil) != epoch {
		r.fail(1, "says %s, which does not go with the fields present", c.Kind)
	}
}

func (d *Decoder) position(r *reader, p *Position) {
	if r.at(1<<3 | bytesType) {
		p.Key = d.key(r)
	}
	if r.at(2<<3 | bytesType) {
		p.Terms = d.termsOf(r)
	}
	if r.at(3<<3 | varintType) {
		p.Cycle = r.number(1<<64 - 1)
	}
	if r.at(4<<3 | varintType) {
		p.Version = r.number(1<<64 - 1)
	}
	r.decimal(5<<3|bytesType, &p.Qty)
	r.decimal(6<<3|bytesType, &p.Cost)
	r.decimal(7<<3|bytesType, &p.EntryQty)
	r.decimal(8<<3|bytesType, &p.ExitQty)
	r.decimal(9<<3|bytesType, &p.EntryValue)
	r.decimal(10<<3|bytesType, &p.ExitValue)
	r.decimal(11<<3|bytesType, &p.PeakQty)
	r.decimal(12<<3|bytesType, &p.LastEntry)
	d.positionRest(r, p)
}

func (d *Decoder) positionRest(r *reader, p *Position) {
	if r.at(13<<3 | bytesType) {
		d.totals(r, &p.Totals, 13, "totals")
	}
	if r.at(14<<3 | bytesType) {
		d.totals(r, &p.Prior, 14, "prior")
	}
	r.decimal(15<<3|bytesType, &p.High)
	if r.at2(16<<3 | bytesType) {
		r.readDecimal(&p.Low)
	}
	if r.at2(17<<3 | bytesType) {
		p.Mark, p.HasMark = r.present(), true
	}
	if r.at2(18<<3 | fixed64Type) {
		p.OpenedAt = r.time()
	}
	if r.at2(19<<3 | fixed64Type) {
		p.ClosedAt = r.time()
	}
	if r.at2(20<<3 | fixed64Type) {
		p.UpdatedAt = r.time()
	}
	if r.at2(21<<3 | bytesType) {
		outer := r.enter()
		p.Conditions = d.conditions(r)
		r.leave(outer, 21, "conditions")
	}
}

func (d *Decoder) totals(r *reader, t *Totals, field uint32, name string) {
	outer := r.enter()
	start := r.i
	r.decimal(1<<3|bytesType, &t.Realized)
	r.decimal(2<<3|bytesType, &t.Funding)
	t.Fees = d.amounts(r, 3)
	t.Charges = d.amounts(r, 4)
	r.leaveSome(outer, start, field, name)
}

// amounts reads a set, which must be sorted and without zeros.
func (d *Decoder) amounts(r *reader, field uint32) Amounts {
	var a Amounts
	for r.at(byte(field<<3 | bytesType)) {
		outer := r.enter()
		var x Amount
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
		case len(a) == MaxCurrencies:
			r.fail(1, "is one of more than %d currencies", MaxCurrencies)
		}
		r.leave(outer, field, "amount")
		a = append(a, x)
	}
	return a
}

func (d *Decoder) conditions(r *reader) *Conditions {
	c := new(Conditions)
	if r.at(1<<3 | bytesType) {
		c.Stop, c.HasStop = r.present(), true
	}
	c.Targets = r.decimals(2, c.Targets)
	c.Tags = d.list(r, 3, c.Tags)
	for r.at(4<<3 | bytesType) {
		item := d.metaItem(r, 4)
		if n := len(c.Meta); n > 0 && item.Name <= c.Meta[n-1].Name {
			r.fail(4, "follows a name that is not smaller")
		} else if n == MaxMeta {
			r.fail(4, "is repeated too often")
		}
		c.Meta = append(c.Meta, item)
	}
	return c
}

func (r *reader) decimals(field uint32, dst []Decimal) []Decimal {
	for r.at(byte(field<<3 | bytesType)) {
		if len(dst) == MaxTargets {
			r.failHere("is repeated too often")
		}
		dst = append(dst, r.present())
	}
	return dst
}

func (d *Decoder) list(r *reader, field uint32, dst []string) []string {
	for r.at(byte(field<<3 | bytesType)) {
		if len(dst) == MaxTags {
			r.failHere("is repeated too often")
		}
		dst = append(dst, d.interned(r, r.bytes(MaxName)))
	}
	return dst
}

func (d *Decoder) metaItem(r *reader, field uint32) MetaItem {
	outer := r.enter()
	var item MetaItem
	if r.at(1<<3 | bytesType) {
		item.Name = d.name(r)
	}
	if r.at(2<<3 | bytesType) {
		item.Value = r.string(MaxValue)
	}
	r.leave(outer, field, "item")
	return item
}

func (d *Decoder) instrument(r *reader) *Instrument {
	i := new(Instrument)
	if r.at(1<<3 | bytesType) {
		i.Name = d.name(r)
	}
	if r.at(2<<3 | bytesType) {
		i.Terms = d.termsOf(r)
	}
	if r.at(3<<3 | varintType) {
		i.Defined = r.number(1) == 1
	}
	r.decimal(4<<3|bytesType, &i.Mark)
	if r.at(5<<3 | fixed64Type) {
		i.MarkTime = r.time()
	}
	if r.at(6<<3 | varintType) {
		i.Version = r.number(1<<64 - 1)
	}
	return i
}

func (d *Decoder) account(r *reader) *Account {
	a := new(Account)
	if r.at(1<<3 | bytesType) {
		a.Name = d.name(r)
	}
	a.Balances = d.amounts(r, 2)
	if r.at(3<<3 | varintType) {
		a.Version = r.number(1<<64 - 1)
	}
	return a
}

func (r *reader) epoch() *Epoch {
	e := new(Epoch)
	if r.at(1<<3 | bytesType) {
		e.Build = r.string(maxBuild)
	}
	if r.at(2<<3 | varintType) {
		e.Arithmetic = uint32(r.number(1<<32 - 1))
	}
	if r.at(3<<3 | bytesType) {
		b := r.some(len(e.Salt))
		if copy(e.Salt[:], b); len(b) != len(e.Salt) || e.Salt == [16]byte{} {
			r.failHere("is no salt of 16 bytes")
		}
	}
	return e
}
