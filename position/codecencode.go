package position

import "slices"

func (w *writer) change(c *Change) {
	w.number(1, uint64(c.Kind))
	w.number(2, uint64(c.Part))
	w.number(3, uint64(c.Parts))
	if c.Cause != nil {
		start := w.open(4)
		w.mutation(valueOf(c.Cause), true)
		w.close(start)
	}
	w.decimal(5, c.Qty)
	w.decimal(6, c.Value)
	w.decimal(7, c.Realized)
	w.decimal(8, c.Fee)
	if c.After != nil {
		start := w.openLong(9)
		w.position(c.After)
		w.closeLong(start)
	}
	if c.Instrument != nil {
		start := w.open(10)
		w.instrument(c.Instrument)
		w.close(start)
	}
	if c.Account != nil {
		start := w.open(11)
		w.account(c.Account)
		w.close(start)
	}
	if c.Epoch != nil {
		start := w.open(12)
		w.epoch(c.Epoch)
		w.close(start)
	}
}

// mutation writes the one member of the oneof. Without whole, id and time are
// left out: what remains is the content that duplicates are compared by.
func (w *writer) mutation(m Mutation, whole bool) {
	switch m := m.(type) {
	case Fill:
		start := w.open(1)
		w.meta(m.Meta, whole)
		w.key(3, &m.Key)
		w.number(4, sideNumber(m.Side))
		w.decimal(5, m.Qty)
		w.decimal(6, m.Price)
		w.decimal(7, m.Fee)
		w.text(8, m.FeeCurrency)
		w.close(start)
	case Mark:
		start := w.open(2)
		w.meta(m.Meta, whole)
		w.text(4, m.Instrument)
		w.decimal(5, m.Price)
		w.close(start)
	case Charge:
		start := w.open(3)
		w.meta(m.Meta, whole)
		w.key(3, &m.Key)
		w.number(4, uint64(m.Kind))
		w.decimal(5, m.Amount)
		w.text(6, m.Currency)
		w.close(start)
	case Amend:
		start := w.open(4)
		w.amend(&m, whole)
		w.close(start)
	case DefineInstrument:
		start := w.open(5)
		w.meta(m.Meta, whole)
		w.text(4, m.Instrument)
		w.terms(5, &m.Terms)
		w.close(start)
	}
}

func (w *writer) meta(m Meta, whole bool) {
	if whole {
		w.text(1, m.Ident)
		w.time(2, m.Time)
	}
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

func (w *writer) amend(a *Amend, whole bool) {
	w.meta(a.Meta, whole)
	w.key(3, &a.Key)
	if a.Stop != nil {
		w.present(4, *a.Stop)
	}
	w.flag(5, a.NoStop)
	if a.Targets != nil {
		start := w.open(6)
		for _, d := range a.Targets {
			w.present(1, d)
		}
		w.close(start)
	}
	if a.Tags != nil {
		start := w.open(7)
		for _, s := range a.Tags {
			w.element(1, s)
		}
		w.close(start)
	}
	if a.Metadata != nil {
		start := w.open(8)
		var room [MaxMeta]string
		for _, name := range metaNames(room[:0], a.Metadata) {
			w.metaItem(1, name, a.Metadata[name])
		}
		w.close(start)
	}
}

// metaNames appends the sorted names, so that a map has one encoding.
func metaNames(dst []string, m map[string]string) []string {
	for name := range m {
		dst = append(dst, name)
	}
	slices.Sort(dst)
	return dst
}

func (w *writer) metaItem(field uint, name, value string) {
	start := w.open(field)
	w.text(1, name)
	w.text(2, value)
	w.close(start)
}

func (w *writer) key(field uint, k *Key) {
	if *k == (Key{}) {
		return
	}
	start := w.open(field)
	w.text(1, k.Account)
	w.text(2, k.Instrument)
	w.text(3, k.Strategy)
	w.text(4, k.Leg)
	w.close(start)
}

func (w *writer) terms(field uint, t *Terms) {
	if *t == (Terms{}) {
		return
	}
	start := w.open(field)
	w.number(1, uint64(t.Kind))
	w.decimal(2, t.Multiplier)
	w.text(3, t.Base)
	w.text(4, t.Quote)
	w.text(5, t.Settlement)
	w.close(start)
}

func (w *writer) position(p *Position) {
	w.key(1, &p.Key)
	w.terms(2, &p.Terms)
	w.number(3, p.Cycle)
	w.number(4, p.Version)
	w.decimal(5, p.Qty)
	w.decimal(6, p.Cost)
	w.decimal(7, p.EntryQty)
	w.decimal(8, p.ExitQty)
	w.decimal(9, p.EntryValue)
	w.decimal(10, p.ExitValue)
	w.decimal(11, p.PeakQty)
	w.decimal(12, p.LastEntry)
	w.totals(13, &p.Totals)
	w.totals(14, &p.Prior)
	w.decimal(15, p.High)
	w.decimal(16, p.Low)
	if p.HasMark {
		w.present(17, p.Mark)
	}
	w.time(18, p.OpenedAt)
	w.time(19, p.ClosedAt)
	w.time(20, p.UpdatedAt)
	if p.Conditions != nil {
		start := w.open(21)
		w.conditions(p.Conditions)
		w.close(start)
	}
}

func (w *writer) totals(field uint, t *Totals) {
	if t.Realized.IsZero() && t.Funding.IsZero() && len(t.Fees) == 0 && len(t.Charges) == 0 {
		return
	}
	start := w.open(field)
	w.decimal(1, t.Realized)
	w.decimal(2, t.Funding)
	w.amounts(3, t.Fees)
	w.amounts(4, t.Charges)
	w.close(start)
}

func (w *writer) amounts(field uint, a Amounts) {
	for i := range a {
		start := w.open(field)
		w.text(1, a[i].Currency)
		w.decimal(2, a[i].Value)
		w.close(start)
	}
}

func (w *writer) conditions(c *Conditions) {
	if c.HasStop {
		w.present(1, c.Stop)
	}
	for _, d := range c.Targets {
		w.present(2, d)
	}
	for _, s := range c.Tags {
		w.element(3, s)
	}
	for i := range c.Meta {
		w.metaItem(4, c.Meta[i].Name, c.Meta[i].Value)
	}
}

func (w *writer) instrument(i *Instrument) {
	w.text(1, i.Name)
	w.terms(2, &i.Terms)
	w.flag(3, i.Defined)
	w.decimal(4, i.Mark)
	w.time(5, i.MarkTime)
	w.number(6, i.Version)
}

func (w *writer) account(a *Account) {
	w.text(1, a.Name)
	w.amounts(2, a.Balances)
	w.number(3, a.Version)
}

func (w *writer) epoch(e *Epoch) {
	w.text(1, e.Build)
	w.number(2, uint64(e.Arithmetic))
	if e.Salt != [16]byte{} {
		w.tag(3, bytesType)
		w.varint(uint64(len(e.Salt)))
		w.n += copy(w.b[w.n:], e.Salt[:])
	}
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
