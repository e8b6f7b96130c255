package position

// Adopt sets a position to what a venue or another system reports: an opening
// balance, or the truth after a stretch that was missed. Realised profit and
// charges of the cycle stay as they are unless they are given. The entries of the
// cycle become what is open then and what had left before, each at its cost; the
// exits stay. A position on the other side is closed first, without profit.
type Adopt struct {
	Meta
	Key
	Qty Decimal // signed; zero: flat
	// Price is the average entry, Cost the cost of Qty, signed like it. One of
	// them, or Lots, is required unless Qty is zero.
	Price, Cost *Decimal
	// Lots, under a cost method with lots, are the open lots; their quantities
	// sum to Qty. Nil: one lot.
	Lots []AdoptedLot
	// Profit and funding of the cycle so far; nil: as they are.
	Realized, Funding *Decimal
	High, Low         *Decimal // extremes since the cycle's first fill; nil: as they are
	Opened            Time     // when the cycle began; zero: as it is, for a new cycle the time
	Reason            string   // at most MaxReason bytes
	Ref               string   // at most 64 bytes
}

// AdoptedLot is one open lot of an [Adopt].
type AdoptedLot struct {
	Qty         Decimal  // signed like the position
	Price, Cost *Decimal // one of them
	Opened      Time     // zero: that of the adoption
	Label       string   // empty: the id of the adoption
}

// Type returns "adopt".
func (Adopt) Type() string { return "adopt" }

// Identified returns a copy with id and time filled in where absent.
func (a Adopt) Identified(id string, at Time) Mutation {
	a.Meta = a.identified(id, at)
	return a
}

// Validate checks the form.
func (a Adopt) Validate() error {
	if err := a.Meta.validate(); err != nil {
		return err
	}
	if err := a.Key.validate(); err != nil {
		return err
	}
	given := 0
	for _, is := range [...]bool{a.Price != nil, a.Cost != nil, a.Lots != nil} {
		if is {
			given++
		}
	}
	switch {
	case a.Opened.outside() != "":
		return invalid("opened", "%s", a.Opened.outside())
	case a.Qty.IsZero() && given > 0:
		return invalid("price", "and cost and lots have no meaning for a flat position")
	case !a.Qty.IsZero() && given != 1:
		return invalid("price", "or cost or lots is required, and only one of them")
	case a.Cost != nil && a.Cost.Sign()*a.Qty.Sign() < 0:
		return invalid("cost", "must have the sign of qty; where the average is negative, give it as price")
	case a.High != nil && a.Low != nil && a.High.Cmp(*a.Low) < 0:
		return invalid("high", "is below low")
	}
	if err := a.validateLots(); err != nil {
		return err
	}
	if err := checkReason(a.Reason, true); err != nil {
		return err
	}
	return checkName("ref", a.Ref, true)
}

func (a Adopt) validateLots() error {
	if a.Lots == nil {
		return nil
	}
	if len(a.Lots) > MaxLots {
		return invalid("lots", "has %d members, at most %d are allowed", len(a.Lots), MaxLots)
	}
	var sum Decimal
	for i := range a.Lots {
		l := &a.Lots[i]
		switch {
		case l.Qty.Sign() != a.Qty.Sign():
			return invalid("lots", "number %d: qty must have the sign of the position's", i+1)
		case (l.Price == nil) == (l.Cost == nil):
			return invalid("lots", "number %d: price or cost is required, and only one of them", i+1)
		case l.Cost != nil && l.Cost.Sign()*l.Qty.Sign() < 0:
			return invalid("lots", "number %d: cost must have the sign of qty; where the average is negative, give it as price", i+1)
		case l.Opened.outside() != "":
			return invalid("lots", "number %d: opened %s", i+1, l.Opened.outside())
		}
		err := checkName("lots", l.Label, true)
		if err != nil {
			return err
		}
		if sum, err = sum.Add(l.Qty); err != nil {
			return invalid("lots", "sum to more than a decimal holds")
		}
	}
	if sum != a.Qty {
		return invalid("lots", "sum to %s, qty is %s", sum, a.Qty)
	}
	return nil
}

// foldAdopt sets a position to the reported figures. Nothing is realised; the
// figures that it replaces count as if they had never been there.
func (r Rules) foldAdopt(s State, v *Adopt, cause Mutation) ([]Change, error) {
	old := s.Position(v.Key)
	if err := expect(v.ExpectVersion, v.Key, old); err != nil {
		return nil, err
	}
	in := s.Instrument(v.Instrument)
	if err := r.admit(v.Instrument, in); err != nil {
		return nil, err
	}
	if v.Opened > v.Time {
		return nil, invalid("opened", "is after the adoption")
	}
	x := flow{calc: calc{vintage: r.vintage()}, key: v.Key, terms: termsFor(s, old, in), in: in, at: v.Time, label: v.Ident}
	var changes []Change
	if old != nil && old.IsOpen() && old.Qty.Sign() != v.Qty.Sign() {
		c, _ := withdrawal(&x.calc, old, old.Qty, nil, v.Time, in)
		changes, old = append(changes, c), c.After
	}
	if x.err == nil && (len(changes) == 0 || !v.Qty.IsZero()) {
		c, err := x.adopted(s, old, v)
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	if x.err == nil {
		x.reported(&changes[len(changes)-1], v)
	}
	if x.err != nil {
		return nil, x.err
	}
	for i := range changes {
		changes[i].Kind = Adopted
	}
	return numbered(changes, cause), nil
}

// adopted returns the change of quantity and cost.
func (x *flow) adopted(s State, old *Position, v *Adopt) (Change, error) {
	if v.Qty.IsZero() {
		if old == nil {
			old = unopened(s, v.Key, x.in)
		}
		return Change{After: old.next(v.Time, x.in)}, nil
	}
	l, err := x.reckoned(v)
	if err != nil {
		return Change{}, err
	}
	price, ok := x.terms.Average(l.qty, l.value)
	switch {
	case v.Price != nil:
		price, ok = *v.Price, true
	case !ok && len(v.Lots) > 0 && v.Lots[0].Price != nil:
		price, ok = *v.Lots[0].Price, true // dust: what it cost was rounded to nothing
	}
	if !ok {
		return Change{}, noAverage(l.value)
	}
	x.high, x.low = price, price
	if old != nil && old.IsOpen() {
		return x.replace(old, l), nil
	}
	return x.apply(nil, old, l)[0], x.err
}

// reckoned returns what is adopted as one leg, and sets the lots that it consists
// of.
func (x *flow) reckoned(v *Adopt) (leg, error) {
	l := leg{qty: v.Qty}
	var err error
	switch {
	case v.Price != nil:
		l.value, err = x.terms.Value(v.Qty, *v.Price)
	case v.Cost != nil:
		l.value = *v.Cost
	}
	if err != nil {
		return l, err
	}
	if x.terms.CostMethod == Average {
		if v.Lots != nil {
			return l, invalid("lots", "have no meaning under average cost")
		}
		return l, nil
	}
	if v.Lots == nil {
		opened := v.Opened
		if opened == 0 {
			opened = v.Time
		}
		x.lots = []Lot{{Qty: l.qty, Cost: l.value, Opened: opened, Label: v.Ident}}
		return l, nil
	}
	x.lots = make([]Lot, len(v.Lots))
	for i := range v.Lots {
		if x.lots[i], err = x.lot(&v.Lots[i], v); err != nil {
			return l, err
		}
		l.value = x.add(l.value, x.lots[i].Cost)
	}
	return l, x.err
}

func (x *flow) lot(a *AdoptedLot, v *Adopt) (Lot, error) {
	lot := Lot{Qty: a.Qty, Opened: a.Opened, Label: a.Label}
	if lot.Opened == 0 {
		lot.Opened = v.Time
	}
	if lot.Label == "" {
		lot.Label = v.Ident
	}
	if a.Cost != nil {
		lot.Cost = *a.Cost
		return lot, nil
	}
	var err error
	lot.Cost, err = x.terms.Value(a.Qty, *a.Price)
	return lot, err
}

// replace sets an open position in place. The entries take the difference, so
// that they stay what is open and what has left together.
func (x *flow) replace(old *Position, l leg) Change {
	p := old.next(x.at, x.in)
	moved := leg{qty: x.sub(l.qty, old.Qty), value: x.sub(l.value, old.Cost)}
	p.Qty, p.Cost = l.qty, l.value
	p.EntryQty = x.add(p.EntryQty, x.sub(l.qty.Abs(), old.Qty.Abs()))
	p.EntryValue = x.add(p.EntryValue, leg{qty: l.qty, value: moved.value}.unsigned())
	switch l.qty.Abs().Cmp(old.Qty.Abs()) {
	case 1:
		p.Entries++
	case -1:
		p.Exits++
	}
	if abs := p.Qty.Abs(); abs.Cmp(p.PeakQty) > 0 {
		p.PeakQty = abs
	}
	c := Change{Qty: moved.qty, Value: moved.value, After: p}
	if x.terms.CostMethod != Average {
		for _, lot := range old.Lots.open() {
			c.Consumed = append(c.Consumed, LotUse{ID: lot.ID, Qty: lot.Qty, Cost: lot.Cost})
		}
		c.Opened = x.incoming(old.Lots, l, x.lots)
		p.Lots = x.lotsAfter(old.Lots, c.Consumed, c.Opened)
	}
	return c
}

// reported sets what else the mutation says of the cycle.
func (x *flow) reported(c *Change, v *Adopt) {
	p := c.After // nobody has seen it yet
	if v.Realized != nil {
		c.Realized = x.sub(*v.Realized, p.Totals.Realized)
		p.Totals.Realized = *v.Realized
	}
	if v.Funding != nil {
		p.Totals.Funding = *v.Funding
	}
	if p.Cycle == 0 && (v.Opened != 0 || v.High != nil || v.Low != nil) {
		x.fail(invalid("qty", "is zero and %s was never open: opened, high and low have no meaning", v.Key))
	}
	if v.Opened != 0 {
		p.OpenedAt = v.Opened
	}
	fresh := p.IsOpen() && c.Qty == p.Qty // a cycle that begins here has no other prices
	if v.High != nil {
		if p.High = *v.High; fresh && v.Low == nil && p.Low.Cmp(p.High) > 0 {
			p.Low = p.High
		}
	}
	if v.Low != nil {
		if p.Low = *v.Low; fresh && v.High == nil && p.High.Cmp(p.Low) < 0 {
			p.High = p.Low
		}
	}
	if p.High.Cmp(p.Low) < 0 {
		x.fail(invalid("high", "is %s, below the low of %s", p.High, p.Low))
	}
}
