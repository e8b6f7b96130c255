package repair

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// diagnosis is what a plan is made of and what carries it out.
type diagnosis struct {
	dir string
	o   Options

	mark    segment.Mark // what MARK says, or what has to stand for it
	hasMark bool
	lost    *segment.DamageError // MARK is missing or damaged
	giving  bool                 // MARK says that giving up was interrupted

	sources   []*source
	obstacles []string
	leftovers []*source       // below the first record kept: the next Open removes them
	now       *segment.Survey // as it is

	copied   []*source
	copyMark *segment.Mark
	laid     *stitcher

	targets []target
	after   *segment.Survey // as it will be
	newMark *segment.Mark
	stays   []*segment.DamageError
	misread []string // files of the ledger that take no part any more
}

// look finds out what there is and what is wrong with it.
func (d *diagnosis) look(p *Plan) (err error) {
	d.mark, d.hasMark, d.lost, err = segment.PeekMark(d.dir)
	if err != nil {
		return err
	}
	if d.giving = d.mark.Giving && d.lost == nil; d.giving {
		d.lost, d.mark.Giving = d.mark.Interrupted(), false
	}
	if d.sources, d.obstacles, err = indexDir(d.dir, false); err != nil {
		return err
	}
	slices.SortFunc(d.sources, func(a, b *source) int { return cmp.Compare(a.base, b.base) })
	if !d.hasMark {
		d.lost = segment.NoMark(len(d.sources) + len(d.obstacles))
	}
	if !d.hasMark || d.lost != nil && !d.giving {
		d.mark = d.standIn()
	}
	p.Interrupted = d.giving
	return d.judge(p)
}

// judge holds the files as they are against the rule of Open.
func (d *diagnosis) judge(p *Plan) (err error) {
	var segs []segment.File
	for _, s := range d.sources {
		if s.named != 0 {
			segs = append(segs, segment.File{First: s.named, Path: s.path, Size: s.size})
		}
		if s.named != 0 && s.named < d.mark.First {
			d.leftovers = append(d.leftovers, s)
		}
	}
	d.now = &segment.Survey{Dir: d.dir, Mark: d.mark, HasMark: d.hasMark}
	if err = d.now.Look(context.Background(), segs, segment.Testimony{Durable: d.o.Durable}); err != nil {
		return err
	}
	bad, tail, err := d.now.Findings()
	if err != nil {
		return err
	}
	if d.lost != nil {
		p.Damages = append(p.Damages, finding(d.lost))
	}
	for _, damage := range slices.Concat(d.foreign(), bad) {
		p.Damages = append(p.Damages, finding(damage))
	}
	if tail != nil && len(bad) == 0 {
		p.Damages = append(p.Damages, finding(tail))
	}
	p.First, p.Last = d.mark.First, d.now.Unbroken().Seq
	p.Durable, p.DurableBy = d.now.Known, d.now.KnownBy
	if p.Durable == 0 {
		p.DurableBy = "nothing says that any record was durable"
	}
	if d.now.Cuts() && tail == nil && len(bad) == 0 {
		p.Torn = d.torn()
	}
	return nil
}

// torn is what the next Open cuts.
func (d *diagnosis) torn() *TornTail {
	file, off, _ := d.now.Place()
	at, end := d.now.CutAt()
	var n int64
	for i := at; i < len(d.now.Segs); i++ {
		n += d.now.Segs[i].Size
	}
	return &TornTail{
		Finding: Finding{File: file, Offset: off, Seq: d.now.Keep.Seq + 1, Reason: "a write that was interrupted before it was acknowledged"},
		Bytes:   n - end,
	}
}

// foreign are the damages that names make.
func (d *diagnosis) foreign() (out []*segment.DamageError) {
	for _, s := range d.sources {
		if s.named == 0 && !strings.HasSuffix(s.base, sourceSuffix) {
			out = append(out, &segment.DamageError{File: s.name, Reason: "not the name of a segment"})
		}
	}
	return append(out, d.blocked()...)
}

// blocked are the damages that only the operator can mend.
func (d *diagnosis) blocked() (out []*segment.DamageError) {
	for _, name := range d.obstacles {
		out = append(out, &segment.DamageError{File: name, Reason: "not a regular file: move it out of the ledger"})
	}
	return out
}

func finding(d *segment.DamageError) Finding {
	return Finding{File: d.File, Offset: d.Offset, Seq: d.Seq, Reason: d.Reason}
}

// standIn is what has to stand for a MARK that is lost: the beginning of the
// journal as the files tell it, or as the copy's MARK does.
func (d *diagnosis) standIn() segment.Mark {
	first := uint64(0)
	for _, s := range d.sources {
		if s.proper() && (first == 0 || s.named < first) {
			first = s.named
		}
	}
	switch m := d.copyMark; {
	case first == 1:
		return segment.Mark{First: 1}
	case m != nil && (first == 0 || m.First <= first):
		return segment.Mark{First: m.First, Last: m.First - 1, NoBase: m.NoBase, Base: m.Base}
	case first == 0:
		return segment.Mark{First: 1}
	}
	return segment.Mark{First: first, Last: first - 1, NoBase: true}
}

// readCopy looks through the copy.
func (d *diagnosis) readCopy() error {
	if d.o.From == "" {
		return nil
	}
	mine, err := os.Stat(d.dir)
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	theirs, err := os.Stat(d.o.From)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if os.SameFile(mine, theirs) {
		return &CopyError{Reason: "the copy is the ledger itself"}
	}
	m, found, lost, err := segment.PeekMark(d.o.From)
	if err != nil {
		return err
	}
	if found && lost == nil && !m.Giving {
		d.copyMark = &m
	}
	_, held := segment.ReadHolder(d.o.From)
	if d.copied, _, err = indexDir(d.o.From, true); err != nil {
		return err
	}
	limit := d.o.FromLast
	if held { // what is being written there may not stay
		live := m.Last
		for _, x := range extentsOf(d.copied) {
			live = max(live, x.synced)
		}
		if limit == 0 || live < limit {
			limit = live
		}
	}
	if limit > 0 || held {
		if err = limited(d.copied, limit); err != nil {
			return err
		}
	}
	if len(extentsOf(d.copied)) == 0 {
		return &CopyError{Seq: d.mark.First, Reason: "there is no record of a journal in " + d.o.From}
	}
	return nil
}

// limited takes what stands behind a seq out of what was read.
func limited(all []*source, last uint64) error {
	for _, s := range all {
		kept := s.extents[:0]
		for _, x := range s.extents {
			if x.first > last {
				continue
			}
			if x.head.Seq > last {
				h, end, err := x.headAt(last)
				if err != nil {
					return err
				}
				x.head, x.end = h, end
			}
			kept = append(kept, x)
		}
		s.extents = kept
	}
	return nil
}

// stitch lays the records of both one behind the other.
func (d *diagnosis) stitch() error {
	if d.lost != nil && !d.giving {
		d.mark = d.standIn()
	}
	base, based := d.mark.Before(d.mark.First)
	st := &stitcher{first: d.mark.First, base: base, based: based, own: d.lost == nil || d.giving}
	for _, x := range extentsOf(d.sources) {
		x.gone = false
		if x.head.Seq >= d.mark.First {
			st.local = append(st.local, x)
		}
	}
	for _, x := range extentsOf(d.copied) {
		if x.head.Seq >= d.mark.First {
			st.copied = append(st.copied, x)
		}
	}
	if st.own && d.mark.Last > 0 && d.mark.Last >= d.mark.First {
		st.known = append(st.known, knownRecord{head: segment.Head{Seq: d.mark.Last, Chain: d.mark.Chain}, by: segment.MarkName})
	}
	for _, h := range d.o.Known {
		st.known = append(st.known, knownRecord{head: h, by: "a snapshot"})
	}
	d.laid = st
	return st.run()
}
