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
func (w *work) choose() error {
	short := w.laid.withoutTail()
	ways := [][]piece{short}
	if len(short) < len(w.laid.pieces) {
		ways = append(ways, w.laid.pieces)
	}
	var tried []attempt
	for _, pieces := range ways {
		a, err := w.attempt(pieces, w.mark)
		if err != nil {
			return err
		}
		tried = append(tried, a)
		if w.lost == nil && a.tail == nil {
			return w.settle(&a)
		}
	}
	for i, pieces := range ways {
		m, ok, err := w.vouched(&tried[i])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		a, err := w.attempt(pieces, m)
		if err != nil {
			return err
		}
		a.mark = &m
		if a.tail == nil && len(a.bad) == 0 {
			return w.settle(&a)
		}
	}
	// The end stays as it is, unless more of it can be kept when the rest is
	// given up.
	best := &tried[0]
	if w.o.AcceptLossFrom > best.s.Unbroken().Seq+1 && len(tried) > 1 {
		best = &tried[1]
	}
	return w.settle(best)
}

// attempt puts pieces together and judges what comes of it.
func (w *work) attempt(pieces []piece, m segment.Mark) (a attempt, err error) {
	if a.targets, err = newLayer(m.First, w.sources, pieces).run(); err != nil {
		return a, err
	}
	segs := make([]segment.File, len(a.targets))
	for i := range a.targets {
		segs[i] = a.targets[i].segment(w.dir)
	}
	known := w.o.Durable
	for i := range pieces {
		if !pieces[i].copied() {
			known = max(known, pieces[i].x.synced)
		}
	}
	a.s = &segment.Survey{Dir: w.dir, Mark: m, HasMark: true}
	if err = a.s.Look(context.Background(), segs, segment.Testimony{Durable: known}); err != nil {
		return a, err
	}
	a.bad, a.tail, err = a.s.Findings()
	return a, err
}

// vouched returns the MARK that the copy stands for: it holds the last record
// that the ledger would have, and everything that it knows to be durable is
// there. Where our own MARK is lost, nothing may be left for a guess.
func (w *work) vouched(a *attempt) (m segment.Mark, ok bool, err error) {
	keep := a.s.Keep
	if len(a.bad) > 0 || len(a.targets) == 0 || keep.Seq < w.mark.First || w.laid.shared == 0 {
		return m, false, nil
	}
	if w.lost != nil {
		if w.giving || w.copyMark == nil || keep.Seq < w.copyMark.Last || a.s.Cuts() || w.mark.NoBase {
			return m, false, nil
		}
	} else if keep.Seq < w.mark.Last {
		return m, false, nil
	}
	if ok, err = holds(w.laid.copied, &witness{head: keep}); !ok || err != nil {
		return m, false, err
	}
	m = segment.Mark{First: w.mark.First, Base: w.mark.Base, NoBase: w.mark.NoBase, Last: keep.Seq, Chain: keep.Chain, Epoch: w.mark.Epoch}
	for i := range a.s.Segs {
		m.Epoch, m.Tail = max(m.Epoch, a.s.Segs[i].Epoch), a.s.Segs[i].First
	}
	if w.copyMark != nil {
		m.Epoch = max(m.Epoch, w.copyMark.Epoch)
	}
	if w.lost != nil {
		m.Epoch++ // the one that was handed out last may have left no record
	}
	return m, true, nil
}

// settle takes a way.
func (w *work) settle(a *attempt) error {
	w.targets, w.after, w.newMark = a.targets, a.s, a.mark
	if a.mark != nil {
		// What the new MARK calls durable must be: the last file may hold pages
		// that never reached the disk.
		w.targets[len(w.targets)-1].keep = false
	}
	w.stays = a.bad
	if a.tail != nil {
		w.stays = append(slices.Clip(w.stays), a.tail)
	}
	if w.lost != nil && a.mark == nil {
		w.stays = append([]*segment.DamageError{w.lost}, w.stays...)
	}
	names := map[string]bool{}
	for i := range w.targets {
		names[segment.Name(w.targets[i].first)] = true
	}
	var surplus []string
	for _, s := range w.sources {
		if !names[s.base] && !strings.HasSuffix(s.base, sourceSuffix) && !slices.Contains(w.leftovers, s) {
			surplus = append(surplus, s.name)
		}
	}
	if len(w.stays) == 0 || w.lost != nil && len(w.stays) == 1 {
		w.misread = surplus
	} else {
		for _, d := range w.foreign() {
			if !slices.Contains(w.obstacles, d.File) {
				w.stays = append(w.stays, d)
			}
		}
	}
	for _, name := range w.obstacles {
		w.stays = append(w.stays, &segment.DamageError{File: name, Reason: "not a regular file: move it out of the ledger"})
	}
	return nil
}

// describe puts the choice into the plan.
func (w *work) describe(p *Plan) {
	p.Shared, p.Ends, p.Mark = w.laid.shared, w.after.Keep.Seq, w.newMark != nil
	if w.after.Known > p.Durable {
		p.Durable, p.DurableBy = w.after.Known, w.after.KnownBy
	}
	for i := range w.laid.pieces {
		w.heal(p, &w.laid.pieces[i])
	}
	for i := range w.targets {
		if !w.targets[i].keep {
			p.Writes = append(p.Writes, segment.Path(w.targets[i].first))
		}
	}
	p.Moves = append(p.Moves, w.misread...)
	for _, d := range w.stays {
		p.Stays = append(p.Stays, finding(d))
	}
}

// heal names the records of a piece that are to be put where they are not yet.
func (w *work) heal(p *Plan, at *piece) {
	if at.from > w.after.Last.Seq && at.copied() {
		return // the tail of the copy, not needed
	}
	used := false
	for i := range w.targets {
		t := &w.targets[i]
		used = used || !t.keep && slices.ContainsFunc(t.parts, func(q segment.Part) bool {
			return q.Path == at.x.src.path && (q.Copied || q.Base != segment.Name(t.first))
		})
	}
	if !used {
		return
	}
	file := at.x.src.name
	if at.copied() {
		file = fmt.Sprintf("%s/%s", strings.TrimSuffix(w.o.From, "/"), at.x.src.name)
	}
	if n := len(p.Heals); n > 0 && p.Heals[n-1].File == file && p.Heals[n-1].To+1 == at.from {
		p.Heals[n-1].To = at.to
		return
	}
	p.Heals = append(p.Heals, Heal{From: at.from, To: at.to, File: file, Copied: at.copied()})
}
