//go:build fault

package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
)

// holding is the oracle's own arithmetic: quantity, and what it was bought for
// less what it was sold for, in whole numbers.
type holding struct{ qty, value int64 }

// folded is the state behind a record.
type folded struct {
	seq   uint64
	state map[position.Key]holding
	id    string // of the mutation that led here
}

// oracle knows what a ledger was asked for and was given. It learns the chain
// values from the journal as soon as they are acknowledged, so that a trim
// cannot take them away.
type oracle struct {
	id      string // of the ledger; "" before it was opened
	base    uint64 // the record a restored ledger stands on
	last    uint64
	chain   map[uint64][32]byte
	whole   map[uint64]bool // records that end an atomic batch
	digest  map[uint64][32]byte
	folds   []folded
	current map[position.Key]holding
}

func newOracle() *oracle {
	return &oracle{
		chain: map[uint64][32]byte{}, whole: map[uint64]bool{0: true}, digest: map[uint64][32]byte{},
		folds: []folded{{}}, current: map[position.Key]holding{},
	}
}

// at returns the oracle of a ledger that ends with seq.
func (o *oracle) at(seq uint64) *oracle {
	c := *o
	c.chain, c.whole, c.digest = maps.Clone(o.chain), maps.Clone(o.whole), maps.Clone(o.digest)
	for _, m := range []map[uint64][32]byte{c.chain, c.digest} {
		maps.DeleteFunc(m, func(s uint64, _ [32]byte) bool { return s > seq })
	}
	maps.DeleteFunc(c.whole, func(s uint64, _ bool) bool { return s > seq })
	c.folds = slices.DeleteFunc(slices.Clone(o.folds), func(f folded) bool { return f.seq > seq })
	c.current = maps.Clone(c.fold(seq).state)
	if c.current == nil {
		c.current = map[position.Key]holding{}
	}
	c.last = min(seq, o.last)
	return &c
}

// fold returns the state at a record.
func (o *oracle) fold(seq uint64) folded {
	i, ok := slices.BinarySearchFunc(o.folds, seq, func(f folded, s uint64) int {
		switch {
		case f.seq < s:
			return -1
		case f.seq > s:
			return 1
		}
		return 0
	})
	if !ok {
		i--
	}
	return o.folds[i]
}

// acked takes a fill that was acknowledged with its last record.
func (o *oracle) acked(f position.Fill, seq uint64) error {
	if seq <= o.folds[len(o.folds)-1].seq {
		return fmt.Errorf("%s was acknowledged with seq %d, which was given before", f.ID(), seq)
	}
	o.current = maps.Clone(o.current)
	h := o.current[f.Key]
	q, p := whole(f.Qty), whole(f.Price)
	if f.Side == position.Sell {
		q = -q
	}
	h.qty, h.value = h.qty+q, h.value+q*p
	o.current[f.Key] = h
	o.folds = append(o.folds, folded{seq: seq, state: o.current, id: f.ID()})
	return nil
}

func whole(d position.Decimal) int64 {
	var n int64
	if _, err := fmt.Sscanf(d.String(), "%d", &n); err != nil {
		panic(err) // the workloads trade whole numbers
	}
	return n
}

// learn reads what became durable since the last time.
func (o *oracle) learn(l *holdfast.Ledger) error {
	log, err := journal.OpenReader(l.Dir())
	if err != nil {
		return err
	}
	to := l.View().Seq()
	c := log.Cursor(o.last + 1)
	defer func() { _ = c.Close() }()
	for o.last < to {
		rec, err := c.Next(to)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("seq %d is acknowledged and cannot be read", o.last+1)
		}
		if err != nil {
			return err
		}
		o.last = rec.Seq
		o.chain[rec.Seq] = rec.Chain
		if rec.Flags&journal.More == 0 {
			o.whole[rec.Seq] = true
			v, err := l.AsOf(context.Background(), holdfast.Moment{Seq: rec.Seq})
			if err != nil {
				return err
			}
			o.digest[rec.Seq] = v.Digest()
		}
	}
	return nil
}

// judge compares an open ledger with what it may be: at least floor, at most
// what was asked for, nothing halved, and all of it what was acknowledged.
func (o *oracle) judge(l *holdfast.Ledger, floor uint64) error {
	v := l.View()
	seq := v.Seq()
	switch {
	case seq < floor:
		return fmt.Errorf("LOST: it ends with seq %d, seq %d was acknowledged", seq, floor)
	case seq == o.base && o.chain[seq] == [32]byte{} && seq != 0:
	case !o.whole[seq]:
		return fmt.Errorf("PHANTOM: it ends with seq %d, which was never asked for or is inside a batch", seq)
	case seq > 0 && v.Digest() != o.digest[seq]:
		return fmt.Errorf("WRONG: the digest at seq %d is not what it was", seq)
	}
	if err := o.chains(l, seq); err != nil {
		return err
	}
	return o.positions(l, seq)
}

// chains compares the chain value of every record that is kept.
func (o *oracle) chains(l *holdfast.Ledger, last uint64) error {
	log, err := journal.OpenReader(l.Dir())
	if err != nil {
		return err
	}
	next := log.First()
	if next > last {
		return nil
	}
	for rec, err := range log.Records(next) {
		if err != nil {
			return fmt.Errorf("reading back: %w", err)
		}
		if rec.Seq != next || rec.Chain != o.chain[rec.Seq] {
			return fmt.Errorf("WRONG: seq %d is not the record that was made", rec.Seq)
		}
		next++
	}
	if next != last+1 {
		return fmt.Errorf("LOST: the records end with %d, the ledger with %d", next-1, last)
	}
	return nil
}

func (o *oracle) positions(l *holdfast.Ledger, seq uint64) error {
	want := o.fold(seq).state
	n := 0
	for p := range l.View().Positions() {
		n++
		all, ok := p.Lifetime()
		value, err := p.Cost.Sub(all.Realized)
		h := want[p.Key]
		if !ok || err != nil || p.Qty != position.FromInt(h.qty) || value != position.FromInt(h.value) {
			return fmt.Errorf("WRONG: %v holds %s for %s at seq %d, the fills make it %d for %d", p.Key, p.Qty, value, seq, h.qty, h.value)
		}
	}
	if n != len(want) {
		return fmt.Errorf("WRONG: %d positions at seq %d, the fills make %d", n, seq, len(want))
	}
	return nil
}
