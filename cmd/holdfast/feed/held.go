package feed

import (
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// close gives the rows that close what is held their side, and those that tell the
// shares which a split has added its ratio. What is held is what the fills before
// them, in this file, have come to.
func (s *sheet) close() {
	for _, d := range s.drafts {
		if d.err != nil {
			continue
		}
		switch x := d.m.(type) {
		case position.Fill:
			d.err = s.hold(d, x)
		case position.Split:
			if d.added != nil {
				d.err = s.split(d, x)
			}
		}
	}
}

// hold adds a fill to what is held.
func (s *sheet) hold(d *draft, x position.Fill) (err error) {
	held := s.held[x.Key]
	if d.closes {
		x.Side = position.Sell
		if held.Sign() < 0 {
			x.Side = position.Buy
		}
		if held.Abs().Cmp(x.Qty) < 0 {
			return bad("side", "closes %s of %s, of which the rows before it hold %s: give the rows that opened it, or map the side", x.Qty, clip(x.Instrument), held)
		}
		d.m = x
	}
	q := x.Qty
	if x.Side == position.Sell {
		q = q.Neg()
	}
	if held, err = held.Add(q); err != nil {
		return &memberError{field: "qty", err: err}
	}
	s.held[x.Key] = held
	return nil
}

// split finds the ratio of a split that made what is held into so much more. It
// refuses what is no ratio of small numbers: then the rows before it are not all.
func (s *sheet) split(d *draft, x position.Split) error {
	const most = 20 // old shares
	held := s.held[d.key]
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
			return s.rescale(&x)
		}
	}
	return bad("added", "%s of %s to the %s that the rows before it hold is no split that is known: give the rows that opened it, or a split of its own", *d.added, clip(x.Instrument), held)
}

// same reports whether a = b x c.
func same(a, b, c position.Decimal) bool {
	product, err := b.Mul(c)
	return err == nil && a == product
}

// rescale makes what is held of an instrument what it is after a split.
func (s *sheet) rescale(x *position.Split) error {
	for k, held := range s.held {
		if k.Instrument != x.Instrument {
			continue
		}
		after, err := position.MulQuo(held, x.Ratio, x.Per)
		if err != nil {
			return &memberError{field: "added", err: err}
		}
		s.held[k] = after
	}
	return nil
}
