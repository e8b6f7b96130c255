package statefile

import (
	"strconv"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// key is the position's.
func (h *holding) key() position.Key {
	return position.Key{Account: h.im.o.Account, Instrument: h.instrument, Strategy: h.im.o.Strategy}
}

// id makes an id of what happened to this position.
func (h *holding) id(what string, parts ...string) string {
	k := h.key()
	return tabular.IDOf("positions/"+what, append([]string{k.Account, k.Instrument, k.Strategy, h.side, h.opened.String()}, parts...)...)
}

// mutations says how the position came to be.
func (h *holding) mutations() ([]position.Mutation, error) {
	if h.own != nil {
		return h.own, nil
	}
	if h.opened == 0 {
		h.warn("it does not say when it was opened: the time of the import is taken")
	}
	var ms []position.Mutation
	fills, sold, err := h.fills()
	if err != nil {
		return nil, err
	}
	open := !h.remaining.IsZero()
	switch {
	case fills != nil:
		ms = append(h.definition(), fills...)
	case !open:
		h.warn("it is closed, and at what price is not known: it is left out")
		return nil, nil
	default:
		a, adoptErr := h.adopt(sold)
		if adoptErr != nil {
			return nil, adoptErr
		}
		ms = append(h.definition(), a)
	}
	if open {
		ms = append(ms, h.marks(fills != nil)...)
		ms = append(ms, h.amendment()...)
	}
	return ms, nil
}

// definition gives the instrument the currency of the file, once per file.
func (h *holding) definition() []position.Mutation {
	if h.im.defined[h.instrument] {
		return nil
	}
	h.im.defined[h.instrument] = true
	money := h.im.o.Settlement
	return []position.Mutation{position.DefineInstrument{
		Meta:       position.Meta{Ident: tabular.IDOf("positions/instrument", h.instrument, money), Time: h.opened},
		Instrument: h.instrument,
		Terms:      position.Terms{Kind: position.Linear, Multiplier: position.FromInt(1), Quote: money, Settlement: money},
	}}
}

// fills returns the entry and the exits if they explain what remains, and what
// the exits realised in any case.
func (h *holding) fills() (ms []position.Mutation, realized position.Decimal, err error) {
	left, err := h.qty.Mul(h.remaining)
	if err != nil {
		return nil, realized, err
	}
	enter, leave := position.Buy, position.Sell
	if h.side == "short" {
		enter, leave = position.Sell, position.Buy
	}
	ms = append(ms, position.Fill{
		Meta: position.Meta{Ident: h.id("entry"), Time: h.opened}, Key: h.key(), Side: enter, Qty: h.qty, Price: h.entry,
	})
	rest, err := h.qty.Sub(left) // that the exits have to explain
	if err != nil {
		return nil, realized, err
	}
	sum, fits := h.remaining, true
	for i, x := range h.exits {
		part, exitErr := h.qty.Mul(x.portion)
		if exitErr != nil {
			return nil, realized, exitErr
		}
		if realized, err = h.gain(realized, part, x.price); err != nil {
			return nil, realized, err
		}
		if sum, err = sum.Add(x.portion); err != nil {
			return nil, realized, err
		}
		if i == len(h.exits)-1 {
			part = rest // all of it, so that dust goes with the last exit
		} else if rest, err = rest.Sub(part); err != nil {
			return nil, realized, err
		}
		fits = fits && part.Sign() > 0
		ms = append(ms, position.Fill{
			Meta: position.Meta{Ident: h.id("exit", strconv.Itoa(i)), Time: x.at}, Key: h.key(), Side: leave, Qty: part, Price: x.price,
		})
	}
	off, err := sum.Sub(position.FromInt(1))
	switch {
	case err != nil:
		return nil, realized, err
	case off.Abs().Cmp(position.MustParse("0.000000001")) > 0 || !fits:
		if len(h.exits) > 0 {
			h.warn("its exits do not add up with remainingSize: what remains is adopted, with their profit")
		} else if !h.remaining.IsZero() {
			h.warn("its exits are not known: what remains is adopted, without their profit")
		}
		return nil, realized, nil
	}
	return ms, realized, nil
}

// gain adds the profit of selling part at a price.
func (h *holding) gain(sum, part, price position.Decimal) (position.Decimal, error) {
	move, err := price.Sub(h.entry)
	if err == nil && h.side == "short" {
		move = move.Neg()
	}
	if err == nil {
		move, err = move.Mul(part)
	}
	if err != nil {
		return sum, err
	}
	return sum.Add(move)
}

// adopt sets the position to what remains.
func (h *holding) adopt(realized position.Decimal) (position.Mutation, error) {
	qty, err := h.qty.Mul(h.remaining)
	if err != nil {
		return nil, err
	}
	cost, err := h.cost.Mul(h.remaining)
	if err != nil {
		return nil, err
	}
	if h.side == "short" {
		qty, cost = qty.Neg(), cost.Neg()
	}
	a := position.Adopt{
		Meta: position.Meta{Time: h.updated}, Key: h.key(), Qty: qty, Cost: &cost, High: h.high, Low: h.low, Opened: h.opened,
		Reason: "imported from a file of positions",
	}
	if len(h.exits) > 0 {
		a.Realized = &realized
	}
	a.Ident = h.id("adopt", qty.String(), cost.String(), realized.String(), h.high.String(), h.low.String())
	return a, nil
}

// marks moves the extremes to where the file says they were, then the mark to
// the current price. When the extremes were reached is not known; it was before
// the file was written.
func (h *holding) marks(filled bool) (ms []position.Mutation) {
	if h.current == nil {
		return nil
	}
	mark := func(what string, price position.Decimal) {
		ms = append(ms, position.Mark{
			Meta:       position.Meta{Ident: h.id("mark", what, price.String(), h.updated.String()), Time: h.updated},
			Instrument: h.instrument, Price: price,
		})
	}
	if filled {
		if h.high.Cmp(h.entry) > 0 && *h.high != *h.current {
			mark("high", *h.high)
		}
		if h.low.Cmp(h.entry) < 0 && *h.low != *h.current {
			mark("low", *h.low)
		}
	}
	mark("current", *h.current)
	return ms
}

// amendment keeps the notes.
func (h *holding) amendment() []position.Mutation {
	if len(h.notes) == 0 {
		return nil
	}
	a := position.Amend{Meta: position.Meta{Time: h.updated}, Key: h.key(), Metadata: h.notes}
	a.Ident = h.id("amend", h.notes["symbol"], h.notes["maxUpside"], h.notes["maxDrawdown"])
	return []position.Mutation{a}
}
