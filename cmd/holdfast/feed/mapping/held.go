package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// close gives a side to the rows that close what is held, and a ratio to the rows that
// tell how many shares a split has added. The quantity held is the sum of the fills
// before them in this file, with its splits.
func (s *Sheet) close() {
	for _, d := range s.drafts {
		if d.err != nil {
			continue
		}
		switch x := d.m.(type) {
		case position.Fill:
			d.err = s.hold(d, x)
		case position.Split:
			if d.added == nil {
				d.err = s.rescale(&x)
			} else {
				d.err = s.split(d, x)
			}
		}
	}
	s.drafts = slices.DeleteFunc(s.drafts, func(d *draft) bool {
		told := d.err == nil && d.m == nil // by the row of another key
		if told {
			s.skipped[d.word]++
		}
		return told
	})
}

// hold adds a fill to what is held.
func (s *Sheet) hold(d *draft, x position.Fill) (err error) {
	held := s.held[x.Key]
	if d.closes {
		x.Side = position.Sell
		if held.Sign() < 0 {
			x.Side = position.Buy
		}
		if held.Abs().Cmp(x.Qty) < 0 {
			return tabular.Bad("side", "closes %s of %s, of which the rows before it hold %s: give the rows that opened it, or map the side", x.Qty, tabular.Clip(x.Instrument), held)
		}
		d.m = x
	}
	q := x.Qty
	if x.Side == position.Sell {
		q = q.Neg()
	}
	if held, err = held.Add(q); err != nil {
		return &tabular.MemberError{Field: "qty", Err: err}
	}
	s.held[x.Key] = held
	return nil
}

// splitTold is a split whose ratio was found, and the keys that may have a row of
// their own about it.
type splitTold struct {
	ratio, per position.Decimal
	owed       map[position.Key]bool
}

// split finds the ratio of a split that made what is held into so much more. It
// refuses what is no ratio of small numbers: then the rows before it are not all.
func (s *Sheet) split(d *draft, x position.Split) error {
	const most = 20 // old shares
	held := s.held[d.key]
	if told := s.splits[x.Instrument]; told != nil && told.owed[d.key] {
		return told.again(d, held)
	}
	total, err := held.Add(*d.added)
	if err == nil && held.Sign() != 0 && total.Sign() == held.Sign() {
		for per := range int64(most) {
			x.Per = position.FromInt(per + 1)
			if x.Ratio, err = position.MulQuo(total, x.Per, held); err != nil {
				break
			}
			if back, backErr := x.Ratio.Mul(held); strings.Contains(x.Ratio.String(), ".") || backErr != nil || !same(back, total, x.Per) {
				continue
			}
			d.m = x
			s.tell(d, &x)
			s.notes = append(s.notes, fmt.Sprintf("line %d: %s of %s is a split of %s for %s, as the rows before it hold %s", d.line, *d.added, tabular.Clip(x.Instrument), x.Ratio, x.Per, held))
			return s.rescale(&x)
		}
	}
	return tabular.Bad("added", "%s of %s to the %s that the rows before it hold is no split that is known: give the rows that opened it, or a split of its own", *d.added, tabular.Clip(x.Instrument), held)
}

// tell notes a split, for the rows that other keys have of it.
func (s *Sheet) tell(d *draft, x *position.Split) {
	told := &splitTold{x.Ratio, x.Per, map[position.Key]bool{}}
	for k, held := range s.held {
		told.owed[k] = k.Instrument == x.Instrument && k != d.key && held.Sign() != 0
	}
	s.splits[x.Instrument] = told
}

// again passes over what a further key's row says of a split: it was applied to all
// that is held of the instrument.
func (t *splitTold) again(d *draft, held position.Decimal) error {
	was, err := position.MulQuo(held, t.per, t.ratio)
	if err == nil {
		was, err = was.Add(*d.added)
	}
	if err != nil || was != held {
		return tabular.Bad("added", "%s of %s is not what the split of %s for %s, of an earlier row, added to it: give a split of its own", *d.added, tabular.Clip(d.key.Instrument), t.ratio, t.per)
	}
	delete(t.owed, d.key)
	d.m = nil
	return nil
}

// same reports whether a = b x c.
func same(a, b, c position.Decimal) bool {
	product, err := b.Mul(c)
	return err == nil && a == product
}

// rescale makes what is held of an instrument what it is after a split.
func (s *Sheet) rescale(x *position.Split) error {
	per := x.Per
	if per.IsZero() {
		per = position.FromInt(1)
	}
	for k, held := range s.held {
		if k.Instrument != x.Instrument {
			continue
		}
		after, err := position.MulQuo(held, x.Ratio, per)
		if err != nil {
			return &tabular.MemberError{Field: "added", Err: err}
		}
		s.held[k] = after
	}
	return nil
}
