package projector

import (
	"fmt"

	"github.com/moneyprinter/holdfast/position"
)

// effects adds to s the images that a change, record seq, gives. It is the one
// place where a change becomes state: staging a mutation and replaying its
// record both come here, so they cannot differ.
func (b *Book) effects(s *Staged, c *position.Change, seq uint64) error {
	st := &b.staging
	switch {
	case c.After != nil:
		c.After.Seq = seq
		s.positions = append(s.positions, st.positions.put(c.After.Key, c.After, st.batch))
	case c.Instrument != nil:
		c.Instrument.Seq = seq
		s.instruments = append(s.instruments, st.instruments.put(c.Instrument.Name, c.Instrument, st.batch))
	case c.Account != nil:
		c.Account.Seq = seq
		s.accounts = append(s.accounts, st.accounts.put(c.Account.Name, c.Account, st.batch))
	case c.Kind == position.Marked:
		m, ok := c.Cause.(position.Mark)
		if !ok {
			return fmt.Errorf("projector: a mark is caused by %T", c.Cause)
		}
		b.mark(s, m)
	default:
		return fmt.Errorf("projector: a change of kind %s carries no image", c.Kind)
	}
	return nil
}

// mark gives the instrument its price, the last recorded one whatever its event
// time, and moves the extremes of its open positions. Their versions and seqs
// stay: a mark is no change of theirs.
func (b *Book) mark(s *Staged, m position.Mark) {
	st := &b.staging
	next := position.Instrument{Name: m.Instrument, Terms: b.rules.DefaultTerms()}
	if in := st.instruments.image(m.Instrument); in != nil {
		next = *in
	}
	next.Mark, next.MarkTime = m.Price, m.Time
	s.instruments = append(s.instruments, st.instruments.put(m.Instrument, &next, st.batch))

	if row := b.rows[m.Instrument]; row != nil {
		for i := range row.reach {
			r := &row.reach[i]
			if outside(m.Price, r.high, r.low) && !st.positions.staged(r.slot) {
				b.extend(s, r.slot, b.positions.head[r.slot], m.Price)
			}
		}
	}
	// What the batch has touched before; what was just extended is there too,
	// and is not outside any more.
	for _, slot := range st.positions.touched {
		img := st.positions.images[slot]
		if img.Key.Instrument == m.Instrument && img.IsOpen() && outside(m.Price, img.High, img.Low) {
			b.extend(s, slot, img, m.Price)
		}
	}
}

func outside(price, high, low position.Decimal) bool {
	return price.Cmp(high) > 0 || price.Cmp(low) < 0
}

// extend moves an extreme of an open position to the price.
func (b *Book) extend(s *Staged, slot uint32, img *position.Position, price position.Decimal) {
	if img.Seq <= b.staging.shared {
		own := *img
		img = &own
	}
	if price.Cmp(img.High) > 0 {
		img.High = price
	}
	if price.Cmp(img.Low) < 0 {
		img.Low = price
	}
	s.positions = append(s.positions, b.staging.positions.putAt(slot, img, b.staging.batch))
}
