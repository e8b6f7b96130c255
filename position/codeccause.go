package position

// mutation reads the one member of the oneof.
func (d *Decoder) mutation(r *reader) Mutation {
	var m Mutation
	switch {
	case r.at(1<<3 | bytesType):
		outer := r.enter()
		m = d.fill(r)
		r.leave(outer, 1, "fill")
	case r.at(2<<3 | bytesType):
		outer := r.enter()
		m = d.mark(r)
		r.leave(outer, 2, "mark")
	case r.at(3<<3 | bytesType):
		outer := r.enter()
		m = d.charge(r)
		r.leave(outer, 3, "charge")
	case r.at(4<<3 | bytesType):
		outer := r.enter()
		m = d.amend(r)
		r.leave(outer, 4, "amend")
	case r.at(5<<3 | bytesType):
		outer := r.enter()
		m = d.define(r)
		r.leave(outer, 5, "define_instrument")
	case r.i == r.end:
		r.fail(0, "is empty: a mutation has one field")
	}
	return m
}

func (d *Decoder) meta(r *reader) Meta {
	var m Meta
	if r.at(1<<3 | bytesType) {
		m.Ident = r.string(MaxName)
	}
	if r.at(2<<3 | fixed64Type) {
		m.Time = r.time()
	}
	return m
}

func (d *Decoder) fill(r *reader) Fill {
	f := Fill{Meta: d.meta(r)}
	if r.at(3<<3 | bytesType) {
		f.Key = d.key(r)
	}
	if r.at(4<<3 | varintType) {
		f.Side = Buy
		if r.number(wireSell) == wireSell {
			f.Side = Sell
		}
	}
	r.decimal(5<<3|bytesType, &f.Qty)
	r.decimal(6<<3|bytesType, &f.Price)
	r.decimal(7<<3|bytesType, &f.Fee)
	if r.at(8<<3 | bytesType) {
		f.FeeCurrency = d.name(r)
	}
	return f
}

func (d *Decoder) mark(r *reader) Mark {
	m := Mark{Meta: d.meta(r)}
	if r.at(4<<3 | bytesType) {
		m.Instrument = d.name(r)
	}
	r.decimal(5<<3|bytesType, &m.Price)
	return m
}

func (d *Decoder) charge(r *reader) Charge {
	c := Charge{Meta: d.meta(r)}
	if r.at(3<<3 | bytesType) {
		c.Key = d.key(r)
	}
	if r.at(4<<3 | varintType) {
		c.Kind = ChargeKind(r.number(uint64(Cash)))
	}
	r.decimal(5<<3|bytesType, &c.Amount)
	if r.at(6<<3 | bytesType) {
		c.Currency = d.name(r)
	}
	return c
}

func (d *Decoder) amend(r *reader) Amend {
	a := Amend{Meta: d.meta(r)}
	if r.at(3<<3 | bytesType) {
		a.Key = d.key(r)
	}
	if r.at(4<<3 | bytesType) {
		stop := r.present()
		a.Stop = &stop
	}
	if r.at(5<<3 | varintType) {
		a.NoStop = r.number(1) == 1
	}
	if r.at(6<<3 | bytesType) {
		outer := r.enter()
		a.Targets = r.decimals(1, []Decimal{})
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
		} else if len(m) == MaxMeta {
			r.fail(1, "is repeated too often")
		}
		m[item.Name], last = item.Value, item.Name
	}
	return m
}

func (d *Decoder) define(r *reader) DefineInstrument {
	m := DefineInstrument{Meta: d.meta(r)}
	if r.at(4<<3 | bytesType) {
		m.Instrument = d.name(r)
	}
	if r.at(5<<3 | bytesType) {
		m.Terms = d.termsOf(r)
	}
	return m
}
