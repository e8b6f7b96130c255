package projector

import "github.com/moneyprinter/holdfast/position"

// openRow lists the open positions of one instrument with the extremes of their
// marks, so that a mark touches no image unless an extreme moves. Every rowBlock
// of them have bounds that tell, most often, that none does.
type openRow struct {
	reach  []reach
	blocks []extremes
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

// openRef says where in which row an open position is; row is nil for a flat one.
type openRef struct {
	row *openRow
	at  uint32
}

// set puts an entry in a place, len(reach) for a new one.
func (o *openRow) set(at uint32, r reach) {
	if int(at) == len(o.reach) {
		o.reach = append(o.reach, r)
		if at%rowBlock == 0 {
			o.blocks = append(o.blocks, r.extremes)
			return
		}
	}
	o.reach[at] = r
	b := &o.blocks[at/rowBlock]
	if r.high.Cmp(b.high) < 0 {
		b.high = r.high
	}
	if r.low.Cmp(b.low) > 0 {
		b.low = r.low
	}
}

// drop removes the last entry.
func (o *openRow) drop() {
	last := len(o.reach) - 1
	o.reach = o.reach[:last]
	if last%rowBlock == 0 {
		o.blocks = o.blocks[:last/rowBlock]
	}
}

// beyond calls f with the slots of those that a price is outside of. It draws the
// bounds of the blocks that it looks into tight again.
func (o *openRow) beyond(price position.Decimal, f func(slot uint32)) {
	for n := range o.blocks {
		if !o.blocks[n].outside(price) {
			continue
		}
		block := o.reach[n*rowBlock : min(len(o.reach), (n+1)*rowBlock)]
		tight := block[0].extremes
		for i := range block {
			r := &block[i]
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
		o.blocks[n] = tight
	}
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
	case isOpen && ref.row != nil:
		ref.row.set(ref.at, now)
	case isOpen:
		row := b.rows[w.img.Key.Instrument]
		if row == nil {
			row = new(openRow)
			b.rows[w.img.Key.Instrument] = row
		}
		ref.row, ref.at = row, uint32(len(row.reach))
		row.set(ref.at, now)
		b.head.open++
	case ref.row != nil:
		row := ref.row
		moved := row.reach[len(row.reach)-1]
		row.drop()
		if moved.slot != w.slot {
			row.set(ref.at, moved)
			b.open[moved.slot].at = ref.at
		}
		ref.row = nil
		b.head.open--
	}
}
