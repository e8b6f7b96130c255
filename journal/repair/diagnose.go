package repair

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// work is what a plan is made of and what Do needs to carry it out.
type work struct {
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
func (w *work) look(p *Plan) (err error) {
	w.mark, w.hasMark, w.lost, err = segment.PeekMark(w.dir)
	if err != nil {
		return err
	}
	if w.giving = w.mark.Giving && w.lost == nil; w.giving {
		w.lost, w.mark.Giving = w.mark.Interrupted(), false
	}
	if w.sources, w.obstacles, err = indexDir(w.dir, false); err != nil {
		return err
	}
	sortedSources(w.sources)
	if !w.hasMark {
		w.lost = segment.NoMark(len(w.sources) + len(w.obstacles))
	}
	if !w.hasMark || w.lost != nil && !w.giving {
		w.mark = w.standIn()
	}
	p.Interrupted = w.giving
	return w.judge(p)
}

// judge holds the files as they are against the rule of Open.
func (w *work) judge(p *Plan) (err error) {
	var segs []segment.File
	for _, s := range w.sources {
		if s.named != 0 {
			segs = append(segs, segment.File{First: s.named, Path: s.path, Size: s.size})
		}
		if s.named != 0 && s.named < w.mark.First {
			w.leftovers = append(w.leftovers, s)
		}
	}
	w.now = &segment.Survey{Dir: w.dir, Mark: w.mark, HasMark: w.hasMark}
	if err = w.now.Look(context.Background(), segs, segment.Testimony{Durable: w.o.Durable}); err != nil {
		return err
	}
	bad, tail, err := w.now.Findings()
	if err != nil {
		return err
	}
	if w.lost != nil {
		p.Damages = append(p.Damages, finding(w.lost))
	}
	for _, d := range slices.Concat(w.foreign(), bad) {
		p.Damages = append(p.Damages, finding(d))
	}
	if tail != nil && len(bad) == 0 {
		p.Damages = append(p.Damages, finding(tail))
	}
	p.First, p.Last = w.mark.First, w.now.Unbroken().Seq
	p.Durable, p.DurableBy = w.now.Known, w.now.KnownBy
	if p.Durable == 0 {
		p.DurableBy = "nothing says that any record was durable"
	}
	if w.now.Cuts() && tail == nil && len(bad) == 0 {
		p.Torn = w.torn()
	}
	return nil
}

// torn is what the next Open cuts.
func (w *work) torn() *TornTail {
	file, off, _ := w.now.Place()
	at, end := w.now.CutAt()
	var n int64
	for i := at; i < len(w.now.Segs); i++ {
		n += w.now.Segs[i].Size
	}
	return &TornTail{
		Finding: Finding{File: file, Offset: off, Seq: w.now.Keep.Seq + 1, Reason: "a write that was interrupted before it was acknowledged"},
		Bytes:   n - end,
	}
}

// foreign are the damages that names make.
func (w *work) foreign() (out []*segment.DamageError) {
	for _, s := range w.sources {
		if s.named == 0 && !strings.HasSuffix(s.base, sourceSuffix) {
			out = append(out, &segment.DamageError{File: s.name, Reason: "not the name of a segment"})
		}
	}
	for _, name := range w.obstacles {
		out = append(out, &segment.DamageError{File: name, Reason: "not a regular file: move it out of the ledger"})
	}
	return out
}

func finding(d *segment.DamageError) Finding {
	return Finding{File: d.File, Offset: d.Offset, Seq: d.Seq, Reason: d.Reason}
}

// standIn is what has to stand for a MARK that is lost: the beginning of the
// journal as the files tell it, or as the copy's MARK does.
func (w *work) standIn() segment.Mark {
	first := uint64(0)
	for _, s := range w.sources {
		if s.proper() && (first == 0 || s.named < first) {
			first = s.named
		}
	}
	switch m := w.copyMark; {
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
func (w *work) readCopy() error {
	if w.o.From == "" {
		return nil
	}
	mine, err := os.Stat(w.dir)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	theirs, err := os.Stat(w.o.From)
	if err != nil {
		return fmt.Errorf("journal: copy: %w", err)
	}
	if os.SameFile(mine, theirs) {
		return &CopyError{Reason: "the copy is the ledger itself"}
	}
	m, found, lost, err := segment.PeekMark(w.o.From)
	if err != nil {
		return err
	}
	if found && lost == nil && !m.Giving {
		w.copyMark = &m
	}
	_, held := segment.ReadHolder(w.o.From)
	if w.copied, _, err = indexDir(w.o.From, true); err != nil {
		return err
	}
	limit := w.o.FromLast
	if held { // what is being written there may not stay
		live := m.Last
		for _, x := range extentsOf(w.copied) {
			live = max(live, x.synced)
		}
		if limit == 0 || live < limit {
			limit = live
		}
	}
	if limit > 0 || held {
		if err = limited(w.copied, limit); err != nil {
			return err
		}
	}
	if len(extentsOf(w.copied)) == 0 {
		return &CopyError{Seq: w.mark.First, Reason: "there is no record of a journal in " + w.o.From}
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
func (w *work) stitch() error {
	if w.lost != nil && !w.giving {
		w.mark = w.standIn()
	}
	base, based := w.mark.Before(w.mark.First)
	st := &stitcher{first: w.mark.First, base: base, based: based, own: w.lost == nil || w.giving}
	for _, x := range extentsOf(w.sources) {
		x.gone = false
		if x.head.Seq >= w.mark.First {
			st.local = append(st.local, x)
		}
	}
	for _, x := range extentsOf(w.copied) {
		if x.head.Seq >= w.mark.First {
			st.copied = append(st.copied, x)
		}
	}
	if st.own && w.mark.Last > 0 && w.mark.Last >= w.mark.First {
		st.witnesses = append(st.witnesses, witness{head: segment.Head{Seq: w.mark.Last, Chain: w.mark.Chain}, by: segment.MarkName})
	}
	for _, h := range w.o.Known {
		st.witnesses = append(st.witnesses, witness{head: h, by: "a snapshot"})
	}
	w.laid = st
	return st.run()
}
