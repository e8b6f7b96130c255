package wire

import "github.com/moneyprinter/holdfast/position"

// openLots reads the open lots or, in a change, their number.
func (r *reader) openLots(alone bool) *position.Lots {
	outer := r.enter()
	l := new(position.Lots)
	if !alone && r.at(1<<3|varintType) {
		l.Count = int(r.number(position.MaxLots))
	}
	if r.at(2<<3 | varintType) {
		l.Next = r.number(1<<64 - 1)
	}
	if r.at(3<<3 | bytesType) {
		r.sixteen(&l.Sum)
	}
	if alone {
		l.Open = r.lots(4, new(origin))
		l.Count = len(l.Open)
		r.checkOrder(l)
	}
	r.leave(outer, 25, "lots")
	return l
}

// checkOrder refuses lots in an order in which the cost methods would not find
// them.
func (r *reader) checkOrder(l *position.Lots) {
	for i := range l.Open {
		x := &l.Open[i]
		if x.ID >= l.Next {
			r.fail(4, "holds the number %d, the next one is %d", x.ID, l.Next)
		}
		if i == 0 {
			continue
		}
		if last := &l.Open[i-1]; x.Opened < last.Opened || x.Opened == last.Opened && x.ID <= last.ID {
			r.fail(4, "is not in the order of opening")
		}
	}
}

// lots reads lots with what they have from the cause of their change.
func (r *reader) lots(field uint32, from *origin) []position.Lot {
	return repeated(r, field, "lot", func(l *position.Lot) {
		*l = position.Lot{Opened: from.Time, Label: from.Ident}
		if r.at(1<<3 | varintType) {
			l.ID = r.number(1<<64 - 1)
		}
		r.decimal(2<<3|bytesType, &l.Qty)
		r.decimal(3<<3|bytesType, &l.Cost)
		if r.at(4<<3 | fixed64Type) {
			l.Opened = r.timeNot(from.Time)
		}
		if r.at(5<<3 | bytesType) {
			if l.Label = r.checked(r.bytes(position.MaxName)); l.Label == from.Ident {
				r.failHere("is what its absence stands for")
			}
		}
	})
}

func (r *reader) uses(field uint32) []position.LotUse {
	return repeated(r, field, "use", func(u *position.LotUse) {
		if r.at(1<<3 | varintType) {
			u.ID = r.number(1<<64 - 1)
		}
		r.decimal(2<<3|bytesType, &u.Qty)
		r.decimal(3<<3|bytesType, &u.Cost)
	})
}

// repeated reads the members of a list of at most [position.MaxLots] records. The first
// tells how many there probably are: the others are as long and fill what is left.
func repeated[T any](r *reader, field uint32, name string, read func(*T)) []T {
	var list []T
	for r.at(byte(field<<3 | bytesType)) {
		if len(list) == position.MaxLots {
			r.failHere("is repeated more than %d times", position.MaxLots)
			return nil
		}
		outer := r.enter()
		if list == nil {
			list = make([]T, 0, min(1+(outer-r.end)/(r.end-r.i+2), position.MaxLots))
		}
		list = append(list, *new(T))
		read(&list[len(list)-1])
		r.leave(outer, field, name)
	}
	return list
}

func (r *reader) lotRef(field uint32) *position.LotRef {
	l := new(position.LotRef)
	outer := r.enter()
	if r.at(1<<3 | bytesType) {
		l.Label = r.string(position.MaxName)
	}
	l.Price = r.optional(2<<3 | bytesType)
	if r.at(3<<3 | bytesType) {
		l.Opened = r.string(maxTimes)
	}
	r.leave(outer, field, "lot")
	return l
}
