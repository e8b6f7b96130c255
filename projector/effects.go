package projector

import (
	"fmt"

	"github.com/moneyprinter/holdfast/position"
)

// effects adds to s the images that a change, record seq, gives. Replaying its
// record comes here as well, unless it leads to a position.
func (b *Book) effects(s *Staged, c *position.Change, seq uint64) error {
	st := &b.staging
	switch {
	case c.After != nil:
		b.change(s, c, seq)
	case c.Instrument != nil:
		c.Instrument.Seq = seq
		s.instruments = append(s.instruments, st.instruments.put(c.Instrument.Name, c.Instrument, st.batch))
	case c.Account != nil:
		c.Account.Seq = seq
		s.accounts = append(s.accounts, st.accounts.put(c.Account.Name, c.Account, st.batch))
	case c.Kind == position.Marked:
		m, ok := c.Cause.(position.Mark)
		if !ok {
			return fmt.Errorf("a mark is caused by %T", c.Cause)
		}
		b.mark(s, m)
	default:
		return fmt.Errorf("a change of kind %s carries no image", c.Kind)
	}
	return nil
}

// change gives a position its new image. A change to a later cycle ends the one
// before; a change back to an earlier one, as a refold may make, takes back the
// cycles that had ended since.
func (b *Book) change(s *Staged, c *position.Change, seq uint64) {
	st, next := &b.staging, c.After
	next.Seq = seq
	slot := st.positions.slotOf(next.Key)
	old := st.positions.at(slot)
	// The changes that one mutation makes to a key follow each other.
	if n := len(s.positions); n > 0 && s.positions[n-1].slot == slot {
		old = s.positions[n-1].img
	}
	s.positions = append(s.positions, st.positions.putAt(slot, next, st.batch))
	c.Prev = 0
	if old == nil {
		next.Key = b.named(next.Key)
		return
	}
	c.Prev = old.Seq
	next.Key = old.Key // whose strings the book holds already
	if next.Cycle != old.Cycle {
		step := cycleStep{slot: slot, current: next.Cycle}
		if next.Cycle > old.Cycle && old.Cycle > 0 {
			step.ended = old
			s.positions[len(s.positions)-1].keeps = true
		}
		s.cycles = append(s.cycles, step)
	}
}

// named returns a new key with the strings that the book holds for its names.
// Callers make theirs anew for each mutation; names that all positions share stay
// in the caches, where comparing them costs nothing.
func (b *Book) named(k position.Key) position.Key {
	for _, s := range [...]*string{&k.Account, &k.Instrument, &k.Strategy, &k.Leg} {
		known, ok := b.names[*s]
		if !ok {
			if len(b.names) >= maxNames {
				clear(b.names)
			}
			known = *s
			b.names[known] = known
		}
		*s = known
	}
	return k
}

// mark gives the instrument its price, the last recorded one whatever its event
// time, and moves the extremes of its open positions. Their versions and seqs
// stay: a mark is no change of theirs. A replay comes to the same extremes by
// [trail].
func (b *Book) mark(s *Staged, m position.Mark) {
	st := &b.staging
	b.priced(s, m)
	if row := b.row(m.Instrument); row != nil {
		row.beyond(m.Price, func(slot uint32) {
			if !st.positions.staged(slot) {
				b.extend(s, slot, b.positions.head[slot], m.Price)
			}
		})
	}
	// The positions that the batch has touched before. Those just extended are there
	// too, but the price is not outside their extremes any more.
	for _, slot := range st.positions.touched {
		img := st.positions.images[slot]
		if img.Key.Instrument == m.Instrument && img.IsOpen() && (m.Price.Cmp(img.High) > 0 || m.Price.Cmp(img.Low) < 0) {
			b.extend(s, slot, img, m.Price)
		}
	}
}

// priced gives the instrument of a mark its price.
func (b *Book) priced(s *Staged, m position.Mark) {
	st := &b.staging
	next := b.spares.instrument()
	if in := st.instruments.image(m.Instrument); in != nil {
		*next = *in
	} else {
		*next = position.Instrument{Name: m.Instrument, Terms: b.terms}
	}
	next.Mark, next.MarkTime = m.Price, m.Time
	s.instruments = append(s.instruments, st.instruments.put(m.Instrument, next, st.batch))
}

// extend moves an extreme of an open position to the price.
func (b *Book) extend(s *Staged, slot uint32, img *position.Position, price position.Decimal) {
	img = reaching(img, extremes{high: price, low: price}, b.staging.shared, &b.spares.Spares)
	s.positions = append(s.positions, b.staging.positions.putAt(slot, img, b.staging.batch))
}

// reaching returns an image with extremes that include e: img itself, or a copy
// if it is of a record up to shared and so not the writer's alone.
func reaching(img *position.Position, e extremes, shared uint64, spares *position.Spares) *position.Position {
	if img.Seq <= shared {
		img = spares.Clone(img)
	}
	if e.high.Cmp(img.High) > 0 {
		img.High = e.high
	}
	if e.low.Cmp(img.Low) < 0 {
		img.Low = e.low
	}
	return img
}
