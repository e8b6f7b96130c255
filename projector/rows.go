package projector

import "github.com/moneyprinter/holdfast/position"

// openRow lists the open positions of one instrument with the extremes of their
// marks, so that a mark touches no image unless an extreme moves. Every rowBlock
// of them have bounds that tell, most often, that none does.
type openRow struct {
	blocks []openBlock // all but the last one are full
	n      uint32      // entries
	spare  []reach     // room of a block that was dropped
}

type openBlock struct {
	extremes

	reach []reach
}

const rowBlock = 64

// extremes are those of a position or, for a block, a high that none of its
// positions is below and a low that none is above.
type extremes struct{ high, low position.Decimal }

func (e *extremes) outside(price position.Decimal) bool {
	return price.Cmp(e.high) > 0 || price.Cmp(e.low) < 0
}

type reach struct {
	extremes

	slot uint32
}

// openRef says where in which row an open position is; row is the number of the row
// and 1, and 0 for a flat one.
type openRef struct{ row, at uint32 }

// at returns the entry in a place.
func (o *openRow) at(i uint32) *reach { return &o.blocks[i/rowBlock].reach[i%rowBlock] }

// set puts an entry in a place, n for a new one. No entry moves when one is added, and
// only the room of the first few grows.
func (o *openRow) set(at uint32, r reach) {
	if at == o.n {
		o.n++
		if at%rowBlock == 0 {
			if o.spare == nil && at > 0 {
				o.spare = make([]reach, 0, rowBlock)
			}
			o.blocks = append(o.blocks, openBlock{extremes: r.extremes, reach: o.spare})
			o.spare = nil
		}
		last := &o.blocks[at/rowBlock]
		last.reach = append(last.reach, reach{})
	}
	b := &o.blocks[at/rowBlock]
	b.reach[at%rowBlock] = r
	if r.high.Cmp(b.high) < 0 {
		b.high = r.high
	}
	if r.low.Cmp(b.low) > 0 {
		b.low = r.low
	}
}

// drop removes the last entry.
func (o *openRow) drop() {
	o.n--
	b := &o.blocks[o.n/rowBlock]
	b.reach = b.reach[:o.n%rowBlock]
	if len(b.reach) == 0 {
		o.spare, o.blocks = b.reach, o.blocks[:o.n/rowBlock]
	}
}

// beyond calls f with the slots of those that a price is outside of. It draws the
// bounds of the blocks that it looks into tight again.
func (o *openRow) beyond(price position.Decimal, f func(slot uint32)) {
	for n := range o.blocks {
		b := &o.blocks[n]
		if !b.outside(price) {
			continue
		}
		tight := b.reach[0].extremes
		for i := range b.reach {
			r := &b.reach[i]
			if r.high.Cmp(tight.high) < 0 {
				tight.high = r.high
			}
			if r.low.Cmp(tight.low) > 0 {
				tight.low = r.low
			}
			if r.outside(price) {
				f(r.slot)
			}
		}
		b.extremes = tight
	}
}

// row returns the row of an instrument, nil for none.
func (b *Book) row(instrument string) *openRow {
	if n := b.rowOf[instrument]; n > 0 {
		return &b.rows[n-1]
	}
	return nil
}

// sameReach reports whether a mark looks at both images alike. They are two
// unless a replay has changed one in place.
func sameReach(old, img *position.Position) bool {
	return old.IsOpen() == img.IsOpen() && (!img.IsOpen() || old.High == img.High && old.Low == img.Low)
}

// track notes that a slot's position is open or flat, and its extremes.
func (b *Book) track(w write[position.Position]) {
	if int(w.slot) == len(b.open) {
		b.open = append(b.open, openRef{})
	}
	ref := &b.open[w.slot]
	now := reach{slot: w.slot, extremes: extremes{high: w.img.High, low: w.img.Low}}
	switch isOpen := w.img.IsOpen(); {
	case isOpen && ref.row > 0:
		b.rows[ref.row-1].set(ref.at, now)
	case isOpen:
		ref.row = b.rowOf[w.img.Key.Instrument]
		if ref.row == 0 {
			b.rows = append(b.rows, openRow{})
			ref.row = uint32(len(b.rows))
			b.rowOf[w.img.Key.Instrument] = ref.row
		}
		row := &b.rows[ref.row-1]
		ref.at = row.n
		row.set(ref.at, now)
		b.head.open++
	case ref.row > 0:
		row := &b.rows[ref.row-1]
		moved := *row.at(row.n - 1)
		row.drop()
		if moved.slot != w.slot {
			row.set(ref.at, moved)
			b.open[moved.slot].at = ref.at
		}
		ref.row = 0
		b.head.open--
	}
}
