package wire

import "github.com/moneyprinter/holdfast/position"

// The bound functions return at least the encoded size. They are sums of
// lengths and constants, a few nanoseconds.

// lotBound is what a lot takes, head and label's head included, without the
// label; a use of a lot takes less.
const lotBound = 2*headBound + 2*numberBound + 2*decimalBound

// changeBound leaves out the cause, and of a position the open lots.
func changeBound(c *position.Change) int {
	n := 5*numberBound + 4*decimalBound + 5*headBound
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
		n += len(c.Epoch.Build) + len(c.Epoch.Identity) + 4*headBound + numberBound + 2*16
	}
	return n + len(c.Consumed)*lotBound + lotsBound(c.Opened)
}

// commonBound is for the oneof, id and time, keyedBound for a key as well.
const (
	commonBound = 2*headBound + numberBound
	keyedBound  = commonBound + keyHeads
)

func fillBound(f *position.Fill) int {
	const fixed = keyedBound + 2*numberBound + 3*decimalBound + headBound
	return fixed + len(f.Ident) + keyLen(&f.Key) + len(f.FeeCurrency) + refBound(f.Lot)
}

func mutationBound(m position.Mutation) int {
	switch m := m.(type) {
	case position.Fill:
		return fillBound(&m)
	case position.Mark:
		return commonBound + len(m.Ident) + headBound + len(m.Instrument) + decimalBound
	case position.Charge:
		return keyedBound + len(m.Ident) + keyLen(&m.Key) + 2*numberBound + decimalBound + headBound + len(m.Currency)
	case position.Amend:
		n := keyedBound + len(m.Ident) + keyLen(&m.Key) + decimalBound + numberBound + 3*headBound
		n += len(m.Targets) * decimalBound
		for _, s := range m.Tags {
			n += headBound + len(s)
		}
		for name, value := range m.Metadata {
			n += 3*headBound + len(name) + len(value)
		}
		return n
	case position.DefineInstrument:
		return commonBound + len(m.Ident) + headBound + len(m.Instrument) + termsBound(&m.Terms) + 2*decimalBound
	case position.Split:
		return commonBound + len(m.Ident) + headBound + len(m.Instrument) + 4*decimalBound
	case position.Settle:
		return commonBound + len(m.Ident) + headBound + len(m.Instrument) + decimalBound + numberBound
	case position.Transfer:
		return keyedBound + len(m.Ident) + keyLen(&m.Key) + 3*headBound + len(m.ToAccount) + len(m.ToStrategy) + len(m.ToLeg) +
			decimalBound + refBound(m.Lot)
	case position.Adjust:
		return keyedBound + numberBound + len(m.Ident) + keyLen(&m.Key) + 5*decimalBound + 2*headBound + len(m.Reason) + len(m.Ref)
	case position.Adopt:
		n := keyedBound + len(m.Ident) + keyLen(&m.Key) + 7*decimalBound + numberBound + 2*headBound + len(m.Reason) + len(m.Ref)
		for i := range m.Lots {
			n += lotBound + decimalBound + len(m.Lots[i].Label)
		}
		return n
	case position.Bust:
		return keyedBound + len(m.Ident) + keyLen(&m.Key) + 2*headBound + len(m.Fill) + len(m.Reason)
	case position.Correct:
		return keyedBound + len(m.Ident) + keyLen(&m.Key) + numberBound + 3*decimalBound + 3*headBound +
			len(m.Fill) + len(m.FeeCurrency) + len(m.Reason)
	}
	return 0
}

func refBound(l *position.LotRef) int {
	if l == nil {
		return 0
	}
	return 3*headBound + decimalBound + len(l.Label) + len(l.Opened)
}

// keyHeads is what a key takes beside its names.
const keyHeads = 5 * headBound

func keyLen(k *position.Key) int {
	return len(k.Account) + len(k.Instrument) + len(k.Strategy) + len(k.Leg)
}

func termsBound(t *position.Terms) int {
	if t == nil {
		return 0
	}
	const fixed = 8*headBound + 13*numberBound + 2*decimalBound
	return fixed + len(t.Base) + len(t.Quote) + len(t.Settlement)
}

// positionBound leaves out the open lots.
func positionBound(p *position.Position) int {
	const lots = headBound + 2*numberBound + decimalBound
	const fixed = keyHeads + 10*numberBound + 13*decimalBound + 2*(headBound+2*decimalBound) + lots
	n := fixed + keyLen(&p.Key) + termsBound(p.Terms)
	n += amountsBound(p.Totals.Fees) + amountsBound(p.Totals.Charges)
	if p.Prior != nil {
		n += amountsBound(p.Prior.Fees) + amountsBound(p.Prior.Charges)
	}
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

func openBound(l *position.Lots) int {
	if l == nil {
		return 0
	}
	return lotsBound(l.Open)
}

func lotsBound(lots []position.Lot) int {
	n := len(lots) * lotBound
	for i := range lots {
		n += len(lots[i].Label)
	}
	return n
}

func amountsBound(a position.Amounts) int {
	n := 0
	for i := range a {
		n += 2*headBound + decimalBound + len(a[i].Currency)
	}
	return n
}

func instrumentBound(i *position.Instrument) int {
	return headBound + len(i.Name) + termsBound(i.Terms) + 4*numberBound + 5*decimalBound
}

func accountBound(a *position.Account) int {
	n := headBound + len(a.Name) + numberBound
	for _, part := range [...]position.Amounts{a.Cash, a.Fees, a.Funding, a.Interest, a.Dividends, a.Realized, a.Other} {
		n += amountsBound(part)
	}
	return n
}
