package wire

import "github.com/moneyprinter/holdfast/position"

// Change reads the binary form of a change. The open lots of its position are
// not in it: After.Lots.Open is nil, see [position.Lots.After].
func (d *Decoder) Change(b []byte) (position.Change, error) {
	r := newReader(b, MaxChange)
	var c position.Change
	d.change(&r, &c)
	return result(&r, "change", c)
}

// ChangeIn is [Decoder.Change] with room for the image of the position that the change
// leads to. The room is overwritten, and must be nobody else's.
func (d *Decoder) ChangeIn(b []byte, room *position.Position) (position.Change, error) {
	d.room = room
	c, err := d.Change(b)
	d.room = nil
	return c, err
}

// Mutation reads the binary form of a mutation.
func (d *Decoder) Mutation(b []byte) (position.Mutation, error) {
	r := newReader(b, MaxChange)
	return result(&r, "mutation", d.mutation(&r, new(origin)))
}

// Position reads the binary form of a position, its open lots included.
func (d *Decoder) Position(b []byte) (*position.Position, error) {
	r := newReader(b, MaxPosition)
	p := position.NewPosition()
	d.position(&r, p, new(origin), true)
	return result(&r, "position", p)
}

// Instrument reads the binary form of an instrument.
func (d *Decoder) Instrument(b []byte) (*position.Instrument, error) {
	r := newReader(b, MaxChange)
	return result(&r, "instrument", d.instrument(&r))
}

// Account reads the binary form of an account.
func (d *Decoder) Account(b []byte) (*position.Account, error) {
	r := newReader(b, MaxChange)
	return result(&r, "account", d.account(&r))
}

func (d *Decoder) change(r *reader, c *position.Change) {
	if r.at(1<<3 | varintType) {
		c.Kind = position.ChangeKind(r.number(uint64(position.EpochBegun)))
	}
	if r.at(2<<3 | varintType) {
		c.Part = uint32(r.number(1<<32 - 1))
	}
	c.Parts = 1
	if r.at(3<<3 | varintType) {
		if c.Parts = uint32(r.number(1<<32 - 1)); c.Parts == 1 {
			r.failHere("is 1, and would have been left out")
		}
	}
	if r.at(4<<3 | varintType) {
		c.Prev = r.number(1<<64 - 1)
	}
	var from origin
	if r.at(5<<3 | bytesType) {
		outer := r.enter()
		c.Cause = d.mutation(r, &from)
		r.leave(outer, 5, "cause")
	}
	r.share(6<<3|bytesType, &c.Qty, from.qty)
	r.decimal(7<<3|bytesType, &c.Value)
	r.decimal(8<<3|bytesType, &c.Realized)
	r.share(9<<3|bytesType, &c.Fee, from.fee)
	if r.at(10<<3 | bytesType) {
		outer := r.enter()
		c.After = d.image()
		d.position(r, c.After, &from, false)
		r.leave(outer, 10, "after")
	}
	if r.i < r.end {
		c.Consumed = r.uses(11)
		from.nameIt()
		c.Opened = r.lots(12, &from)
		d.changeRest(r, c)
	}
	if r.err == nil && r.i == r.end {
		r.checkShape(c, from.cause.member)
	}
	if d.into != nil {
		d.into.note(r, &from, &d.Prints)
	}
}

// share reads what a change has of its cause's, if it is next; else it is all of it.
func (r *reader) share(tag byte, d *position.Decimal, all position.Decimal) {
	*d = all
	if r.at(tag) {
		if *d = r.present(); *d == all {
			r.failHere("is that of the cause, and would have been left out")
		}
	}
}

// changeRest reads what few changes have.
func (d *Decoder) changeRest(r *reader, c *position.Change) {
	if r.at(13<<3 | bytesType) {
		outer := r.enter()
		c.Instrument = d.instrument(r)
		r.leave(outer, 13, "instrument")
	}
	if r.at(14<<3 | bytesType) {
		outer := r.enter()
		c.Account = d.account(r)
		r.leave(outer, 14, "account")
	}
	if r.at(15<<3 | bytesType) {
		outer := r.enter()
		c.Epoch = r.epoch()
		r.leave(outer, 15, "epoch")
	}
	if r.at2(16<<3 | varintType) {
		c.Fill = r.number(1<<64 - 1)
	}
}

// checkShape makes sure that a reader of changes finds, by kind, the cause and the
// images it counts on.
func (r *reader) checkShape(c *position.Change, cause uint32) {
	var want uint32
	var instrument, account, epoch bool
	switch c.Kind {
	case position.Opened, position.Increased, position.Reduced, position.Closed:
		want = fillMember
	case position.Amended:
		want = amendMember
	case position.Charged:
		want = chargeMember
	case position.SplitChange:
		want, instrument = splitMember, c.After == nil
	case position.Transferred:
		want = transferMember
	case position.Adjusted:
		want = adjustMember
	case position.Adopted:
		want = adoptMember
	case position.Settled:
		want, instrument = settleMember, c.After == nil
	case position.Busted:
		want = bustMember
	case position.Corrected:
		want = correctMember
	case position.Defined:
		want, instrument = defineMember, true
	case position.Marked:
		want = markMember
	case position.AccountSet:
		want, account = chargeMember, true
	case position.EpochBegun:
		want, epoch = noMember, true
	default:
		r.fail(1, "has the kind %d, which is not known to this version", c.Kind)
		return
	}
	after := !instrument && !account && !epoch && c.Kind != position.Marked
	if cause != want || (c.After != nil) != after || (c.Instrument != nil) != instrument ||
		(c.Account != nil) != account || (c.Epoch != nil) != epoch || (c.Consumed != nil || c.Opened != nil) && !after {
		r.fail(1, "says %s, which does not go with the fields present", c.Kind)
	}
}

// position reads an image: with its open lots if it stands by itself, else with
// what it has from the cause.
func (d *Decoder) position(r *reader, p *position.Position, from *origin, alone bool) {
	p.Terms = d.termsOf(r, 1<<3|bytesType)
	if r.at(2<<3 | varintType) {
		p.Cycle = r.number(1<<64 - 1)
	}
	if r.at(3<<3 | varintType) {
		p.Version = r.number(1<<64 - 1)
	}
	r.decimal(4<<3|bytesType, &p.Qty)
	r.decimal(5<<3|bytesType, &p.Cost)
	r.decimal(6<<3|bytesType, &p.EntryQty)
	r.decimal(7<<3|bytesType, &p.EntryValue)
	r.decimal(8<<3|bytesType, &p.ExitQty)
	r.decimal(9<<3|bytesType, &p.ExitValue)
	r.decimal(10<<3|bytesType, &p.PeakQty)
	r.decimal(11<<3|bytesType, &p.High)
	r.decimal(12<<3|bytesType, &p.Low)
	if r.at(13<<3 | varintType) {
		p.Entries = uint32(r.number(1<<32 - 1))
	}
	if r.at(14<<3 | fixed64Type) {
		p.OpenedAt = r.time()
	}
	if r.at(15<<3 | bytesType) {
		d.totals(r, &p.Totals, 15, "totals")
	} else {
		p.Totals.Fees = nil // where there was room for them
	}
	p.Key, p.UpdatedAt = from.Key, from.Time
	if r.i < r.end {
		d.positionRest(r, p, from, alone)
	}
}

func (d *Decoder) positionRest(r *reader, p *position.Position, from *origin, alone bool) {
	if r.at2(16<<3 | bytesType) {
		if alone {
			p.Key = d.keyAlone(r)
		} else if p.Key = d.key(r); p.Key == from.Key {
			r.failHere("is the key of the cause, and would have been left out")
		}
	}
	if r.at2(17<<3 | bytesType) {
		p.Mark, p.HasMark = r.present(), true
	}
	if r.at2(18<<3 | varintType) {
		p.Exits = uint32(r.number(1<<32 - 1))
	}
	if r.at2(19<<3 | varintType) {
		p.Short = r.flag()
	}
	if r.at2(20<<3 | bytesType) {
		p.Prior = d.lifetime(r, alone)
	}
	if r.at2(21<<3 | fixed64Type) {
		p.ClosedAt = r.time()
	}
	if r.at2(22<<3 | fixed64Type) {
		p.UpdatedAt = r.timeNot(from.Time)
	}
	if r.at2(23<<3 | bytesType) {
		r.readDecimal(&p.LastEntry)
	}
	if r.at2(24<<3 | bytesType) {
		r.readDecimal(&p.Residue)
	}
	if r.at2(25<<3 | bytesType) {
		p.Lots = r.openLots(alone)
	}
	if r.at2(26<<3 | bytesType) {
		outer := r.enter()
		p.Conditions = d.conditions(r)
		r.leave(outer, 26, "conditions")
	}
}
