package position

import "slices"

func (w wire) change(n int, c *Change) int {
	n = w.number(n, 1, uint64(c.Kind))
	n = w.number(n, 2, uint64(c.Part))
	n = w.number(n, 3, uint64(c.Parts))
	if c.Cause != nil {
		start := w.open(n, 4, 1)
		n = w.mutation(start, valueOf(c.Cause), true)
		n = w.close(start, n, 1)
	}
	n = w.decimal(n, 5, c.Qty)
	n = w.decimal(n, 6, c.Value)
	n = w.decimal(n, 7, c.Realized)
	n = w.decimal(n, 8, c.Fee)
	if c.After != nil {
		start := w.open(n, 9, 2)
		n = w.position(start, c.After)
		n = w.close(start, n, 2)
	}
	if c.Instrument != nil {
		start := w.open(n, 10, 1)
		n = w.instrument(start, c.Instrument)
		n = w.close(start, n, 1)
	}
	if c.Account != nil {
		start := w.open(n, 11, 1)
		n = w.account(start, c.Account)
		n = w.close(start, n, 1)
	}
	if c.Epoch != nil {
		start := w.open(n, 12, 1)
		n = w.epoch(start, c.Epoch)
		n = w.close(start, n, 1)
	}
	return n
}

// mutation writes the one member of the oneof. Without whole, id and time are
// left out: what remains is the content that duplicates are compared by.
func (w wire) mutation(n int, m Mutation, whole bool) int {
	switch m := m.(type) {
	case Fill:
		start := w.open(n, 1, 1)
		n = w.meta(start, m.Meta, whole)
		n = w.key(n, 3, &m.Key)
		n = w.number(n, 4, sideNumber(m.Side))
		n = w.decimal(n, 5, m.Qty)
		n = w.decimal(n, 6, m.Price)
		n = w.decimal(n, 7, m.Fee)
		n = w.text(n, 8, m.FeeCurrency)
		n = w.close(start, n, 1)
	case Mark:
		start := w.open(n, 2, 1)
		n = w.meta(start, m.Meta, whole)
		n = w.text(n, 4, m.Instrument)
		n = w.decimal(n, 5, m.Price)
		n = w.close(start, n, 1)
	case Charge:
		start := w.open(n, 3, 1)
		n = w.meta(start, m.Meta, whole)
		n = w.key(n, 3, &m.Key)
		n = w.number(n, 4, uint64(m.Kind))
		n = w.decimal(n, 5, m.Amount)
		n = w.text(n, 6, m.Currency)
		n = w.close(start, n, 1)
	case Amend:
		start := w.open(n, 4, 1)
		n = w.amend(start, &m, whole)
		n = w.close(start, n, 1)
	case DefineInstrument:
		start := w.open(n, 5, 1)
		n = w.meta(start, m.Meta, whole)
		n = w.text(n, 4, m.Instrument)
		n = w.terms(n, 5, &m.Terms)
		n = w.close(start, n, 1)
	}
	return n
}

func (w wire) meta(n int, m Meta, whole bool) int {
	if whole {
		n = w.text(n, 1, m.Ident)
		n = w.time(n, 2, m.Time)
	}
	return n
}

// The numbers of Side differ from its Go values because an enum of protobuf
// starts at zero and takes ten bytes for −1.
const (
	wireBuy  = 1
	wireSell = 2
)

func sideNumber(s Side) uint64 {
	switch s {
	case Buy:
		return wireBuy
	case Sell:
		return wireSell
	}
	return 0
}

func (w wire) amend(n int, a *Amend, whole bool) int {
	n = w.meta(n, a.Meta, whole)
	n = w.key(n, 3, &a.Key)
	if a.Stop != nil {
		n = w.present(n, 4, *a.Stop)
	}
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
		var room [MaxMeta]string
		for _, name := range metaNames(room[:0], a.Metadata) {
			n = w.metaItem(n, 1, name, a.Metadata[name])
		}
		n = w.close(start, n, 1)
	}
	return n
}

// metaNames appends the sorted names, so that a map has one encoding.
func metaNames(dst []string, m map[string]string) []string {
	for name := range m {
		dst = append(dst, name)
	}
	slices.Sort(dst)
	return dst
}

func (w wire) metaItem(n int, field uint, name, value string) int {
	start := w.open(n, field, 1)
	n = w.text(start, 1, name)
	n = w.text(n, 2, value)
	n = w.close(start, n, 1)
	return n
}

func (w wire) key(n int, field uint, k *Key) int {
	if *k == (Key{}) {
		return n
	}
	start := w.open(n, field, 1)
	n = w.text(start, 1, k.Account)
	n = w.text(n, 2, k.Instrument)
	n = w.text(n, 3, k.Strategy)
	n = w.text(n, 4, k.Leg)
	n = w.close(start, n, 1)
	return n
}

func (w wire) terms(n int, field uint, t *Terms) int {
	if *t == (Terms{}) {
		return n
	}
	start := w.open(n, field, 1)
	n = w.number(start, 1, uint64(t.Kind))
	n = w.decimal(n, 2, t.Multiplier)
	n = w.text(n, 3, t.Base)
	n = w.text(n, 4, t.Quote)
	n = w.text(n, 5, t.Settlement)
	n = w.close(start, n, 1)
	return n
}

func (w wire) position(n int, p *Position) int {
	n = w.key(n, 1, &p.Key)
	n = w.terms(n, 2, &p.Terms)
	n = w.number(n, 3, p.Cycle)
	n = w.number(n, 4, p.Version)
	n = w.decimal(n, 5, p.Qty)
	n = w.decimal(n, 6, p.Cost)
	n = w.decimal(n, 7, p.EntryQty)
	n = w.decimal(n, 8, p.ExitQty)
	n = w.decimal(n, 9, p.EntryValue)
	n = w.decimal(n, 10, p.ExitValue)
	n = w.decimal(n, 11, p.PeakQty)
	n = w.decimal(n, 12, p.LastEntry)
	n = w.totals(n, 13, &p.Totals)
	n = w.totals(n, 14, &p.Prior)
	n = w.decimal(n, 15, p.High)
	n = w.decimal(n, 16, p.Low)
	if p.HasMark {
		n = w.present(n, 17, p.Mark)
	}
	n = w.time(n, 18, p.OpenedAt)
	n = w.time(n, 19, p.ClosedAt)
	n = w.time(n, 20, p.UpdatedAt)
	if p.Conditions != nil {
		start := w.open(n, 21, 1)
		n = w.conditions(start, p.Conditions)
		n = w.close(start, n, 1)
	}
	return n
}

func (w wire) totals(n int, field uint, t *Totals) int {
	if t.Realized.IsZero() && t.Funding.IsZero() && len(t.Fees) == 0 && len(t.Charges) == 0 {
		return n
	}
	start := w.open(n, field, 1)
	n = w.decimal(start, 1, t.Realized)
	n = w.decimal(n, 2, t.Funding)
	n = w.amounts(n, 3, t.Fees)
	n = w.amounts(n, 4, t.Charges)
	n = w.close(start, n, 1)
	return n
}

func (w wire) amounts(n int, field uint, a Amounts) int {
	for i := range a {
		start := w.open(n, field, 1)
		n = w.text(start, 1, a[i].Currency)
		n = w.decimal(n, 2, a[i].Value)
		n = w.close(start, n, 1)
	}
	return n
}

func (w wire) conditions(n int, c *Conditions) int {
	if c.HasStop {
		n = w.present(n, 1, c.Stop)
	}
	for _, d := range c.Targets {
		n = w.present(n, 2, d)
	}
	for _, s := range c.Tags {
		n = w.element(n, 3, s)
	}
	for i := range c.Meta {
		n = w.metaItem(n, 4, c.Meta[i].Name, c.Meta[i].Value)
	}
	return n
}

func (w wire) instrument(n int, i *Instrument) int {
	n = w.text(n, 1, i.Name)
	n = w.terms(n, 2, &i.Terms)
	n = w.flag(n, 3, i.Defined)
	n = w.decimal(n, 4, i.Mark)
	n = w.time(n, 5, i.MarkTime)
	n = w.number(n, 6, i.Version)
	return n
}

func (w wire) account(n int, a *Account) int {
	n = w.text(n, 1, a.Name)
	n = w.amounts(n, 2, a.Balances)
	n = w.number(n, 3, a.Version)
	return n
}

func (w wire) epoch(n int, e *Epoch) int {
	n = w.text(n, 1, e.Build)
	n = w.number(n, 2, uint64(e.Arithmetic))
	if e.Salt != [16]byte{} {
		n = w.varint(w.tag(n, 3, bytesType), uint64(len(e.Salt)))
		n += copy(w[n:], e.Salt[:])
	}
	return n
}

// The bound functions return at least the encoded size. They are sums of
// lengths and constants, a few nanoseconds.

func changeBound(c *Change) int {
	n := 3*numberBound + 4*decimalBound + 5*headBound
	if c.Cause != nil {
		n += mutationBound(valueOf(c.Cause))
	}
	if c.After != nil {
		n += positionBound(c.After)
	}
	if c.Instrument != nil {
		n += instrumentBound(c.Instrument)
	}
	if c.Account != nil {
		n += accountBound(c.Account)
	}
	if c.Epoch != nil {
		n += len(c.Epoch.Build) + 2*headBound + numberBound + 16
	}
	return n
}

func mutationBound(m Mutation) int {
	if m == nil {
		return 0
	}
	const common = 2*headBound + numberBound // the oneof, id and time
	switch m := m.(type) {
	case Fill:
		return common + len(m.Ident) + keyBound(&m.Key) + numberBound + 3*decimalBound + headBound + len(m.FeeCurrency)
	case Mark:
		return common + len(m.Ident) + headBound + len(m.Instrument) + decimalBound
	case Charge:
		return common + len(m.Ident) + keyBound(&m.Key) + numberBound + decimalBound + headBound + len(m.Currency)
	case Amend:
		n := common + len(m.Ident) + keyBound(&m.Key) + decimalBound + numberBound + 3*headBound
		n += len(m.Targets) * decimalBound
		for _, s := range m.Tags {
			n += headBound + len(s)
		}
		for name, value := range m.Metadata {
			n += 3*headBound + len(name) + len(value)
		}
		return n
	case DefineInstrument:
		return common + len(m.Ident) + headBound + len(m.Instrument) + termsBound(&m.Terms)
	}
	return 0
}

func keyBound(k *Key) int {
	return 5*headBound + len(k.Account) + len(k.Instrument) + len(k.Strategy) + len(k.Leg)
}

func termsBound(t *Terms) int {
	return 4*headBound + numberBound + decimalBound + len(t.Base) + len(t.Quote) + len(t.Settlement)
}

func positionBound(p *Position) int {
	const fixed = 5*numberBound + 11*decimalBound + 2*(headBound+2*decimalBound)
	n := fixed + keyBound(&p.Key) + termsBound(&p.Terms)
	n += amountsBound(p.Totals.Fees) + amountsBound(p.Totals.Charges)
	n += amountsBound(p.Prior.Fees) + amountsBound(p.Prior.Charges)
	if c := p.Conditions; c != nil {
		n += headBound + (1+len(c.Targets))*decimalBound
		for _, s := range c.Tags {
			n += headBound + len(s)
		}
		for i := range c.Meta {
			n += 3*headBound + len(c.Meta[i].Name) + len(c.Meta[i].Value)
		}
	}
	return n
}

func amountsBound(a Amounts) int {
	n := 0
	for i := range a {
		n += 2*headBound + decimalBound + len(a[i].Currency)
	}
	return n
}

func instrumentBound(i *Instrument) int {
	return headBound + len(i.Name) + termsBound(&i.Terms) + 3*numberBound + decimalBound
}

func accountBound(a *Account) int {
	return headBound + len(a.Name) + numberBound + amountsBound(a.Balances)
}
