package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// attempt is one way to put the ledger together, judged by the rule of Open.
type attempt struct {
	targets []target
	s       *segment.Survey
	mark    *segment.Mark // a new one, or nil
	bad     []*segment.DamageError
	tail    *segment.DamageError
}

// choose finds the way that leaves least to be repaired: without what the copy
// has behind our own end, if that end is in order, and with our own MARK, if it
// fits.
func (d *diagnosis) choose() error {
	short := d.laid.withoutTail()
	ways := [][]piece{short}
	if len(short) < len(d.laid.pieces) {
		ways = append(ways, d.laid.pieces)
	}
	var tried []attempt
	for _, pieces := range ways {
		a, err := d.attempt(pieces, d.mark)
		if err != nil {
			return err
		}
		tried = append(tried, a)
		if d.lost == nil && a.tail == nil {
			return d.settle(&a)
		}
	}
	for i, pieces := range ways {
		m, ok, err := d.vouched(&tried[i])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		a, err := d.attempt(pieces, m)
		if err != nil {
			return err
		}
		a.mark = &m
		if a.tail == nil && len(a.bad) == 0 {
			return d.settle(&a)
		}
	}
	// The end stays as it is, unless more of it can be kept when the rest is
	// given up.
	best := &tried[0]
	if d.o.AcceptLossFrom > best.s.Unbroken().Seq+1 && len(tried) > 1 {
		best = &tried[1]
	}
	return d.settle(best)
}

// attempt puts pieces together and judges what comes of it.
func (d *diagnosis) attempt(pieces []piece, m segment.Mark) (a attempt, err error) {
	if a.targets, err = newLayer(m.First, d.sources, pieces).run(); err != nil {
		return a, err
	}
	segs := make([]segment.File, len(a.targets))
	for i := range a.targets {
		segs[i] = a.targets[i].segment(d.dir)
	}
	known := d.o.Durable
	for i := range pieces {
		if !pieces[i].copied() {
			known = max(known, pieces[i].x.synced)
		}
	}
	a.s = &segment.Survey{Dir: d.dir, Mark: m, HasMark: true}
	if err = a.s.Look(context.Background(), segs, segment.Testimony{Durable: known}); err != nil {
		return a, err
	}
	a.bad, a.tail, err = a.s.Findings()
	return a, err
}

// vouched returns the MARK that the copy stands for: it holds the last record
// that the ledger would have, and everything that it knows to be durable is
// there. Where our own MARK is lost, nothing may be left for a guess.
func (d *diagnosis) vouched(a *attempt) (m segment.Mark, ok bool, err error) {
	keep := a.s.Keep
	if len(a.bad) > 0 || len(a.targets) == 0 || keep.Seq < d.mark.First || d.laid.shared == 0 {
		return m, false, nil
	}
	if d.lost != nil {
		if d.giving || d.copyMark == nil || keep.Seq < d.copyMark.Last || a.s.Cuts() || d.mark.NoBase {
			return m, false, nil
		}
	} else if keep.Seq < d.mark.Last {
		return m, false, nil
	}
	if ok, err = holds(d.laid.copied, &knownRecord{head: keep}); !ok || err != nil {
		return m, false, err
	}
	m = segment.Mark{First: d.mark.First, Base: d.mark.Base, NoBase: d.mark.NoBase, Last: keep.Seq, Chain: keep.Chain, Epoch: d.mark.Epoch}
	for i := range a.s.Segs {
		m.Epoch, m.Tail = max(m.Epoch, a.s.Segs[i].Epoch), a.s.Segs[i].First
	}
	if d.copyMark != nil {
		m.Epoch = max(m.Epoch, d.copyMark.Epoch)
	}
	if d.lost != nil {
		m.Epoch++ // the one that was handed out last may have left no record
	}
	return m, true, nil
}

// settle takes a way.
func (d *diagnosis) settle(a *attempt) error {
	d.targets, d.after, d.newMark = a.targets, a.s, a.mark
	if a.mark != nil {
		// A record that the new MARK calls durable must be: the last file may hold
		// pages that never reached the disk.
		d.targets[len(d.targets)-1].keep = false
	}
	d.stays = a.bad
	if a.tail != nil {
		d.stays = append(slices.Clip(d.stays), a.tail)
	}
	if d.lost != nil && a.mark == nil {
		d.stays = append([]*segment.DamageError{d.lost}, d.stays...)
	}
	names := map[string]bool{}
	for i := range d.targets {
		names[segment.Name(d.targets[i].first)] = true
	}
	var surplus []string
	for _, s := range d.sources {
		if !names[s.base] && !strings.HasSuffix(s.base, sourceSuffix) && !slices.Contains(d.leftovers, s) {
			surplus = append(surplus, s.name)
		}
	}
	if len(d.stays) == 0 || d.lost != nil && len(d.stays) == 1 {
		d.misread = surplus
		d.stays = append(d.stays, d.blocked()...)
	} else {
		d.stays = append(d.stays, d.foreign()...)
	}
	return nil
}

// describe puts the choice into the plan.
func (d *diagnosis) describe(p *Plan) {
	p.Shared, p.Ends, p.Mark = d.laid.shared, d.after.Keep.Seq, d.newMark != nil
	if d.after.Known > p.Durable {
		p.Durable, p.DurableBy = d.after.Known, d.after.KnownBy
	}
	for i := range d.laid.pieces {
		d.heal(p, &d.laid.pieces[i])
	}
	for i := range d.targets {
		if !d.targets[i].keep {
			p.Writes = append(p.Writes, segment.Path(d.targets[i].first))
		}
	}
	p.Moves = append(p.Moves, d.misread...)
	for _, damage := range d.stays {
		p.Stays = append(p.Stays, finding(damage))
	}
}

// heal names the records of a piece that are to be put where they are not yet.
func (d *diagnosis) heal(p *Plan, at *piece) {
	if at.from > d.after.Last.Seq && at.copied() {
		return // the tail of the copy, not needed
	}
	used := false
	for i := range d.targets {
		t := &d.targets[i]
		used = used || !t.keep && slices.ContainsFunc(t.parts, func(q segment.Part) bool {
			return q.Path == at.x.src.path && (at.copied() || at.x.src.base != segment.Name(t.first))
		})
	}
	if !used {
		return
	}
	file := at.x.src.name
	if at.copied() {
		file = fmt.Sprintf("%s/%s", strings.TrimSuffix(d.o.From, "/"), at.x.src.name)
	}
	if n := len(p.Heals); n > 0 && p.Heals[n-1].File == file && p.Heals[n-1].To+1 == at.from {
		p.Heals[n-1].To = at.to
		return
	}
	p.Heals = append(p.Heals, Heal{From: at.from, To: at.to, File: file, Copied: at.copied()})
}
