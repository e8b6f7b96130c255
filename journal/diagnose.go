package journal

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// work is what a plan is made of and what Repair needs to do it.
type work struct {
	dir string
	o   RepairOptions

	mark    mark // what MARK says, or what has to stand for it
	hasMark bool
	lost    *DamageError // MARK is missing or damaged
	giving  bool         // MARK says that giving up was interrupted

	sources   []*source
	obstacles []string
	leftovers []*source // below the first record kept: the next Open removes them
	now       *survey   // as it is

	copied   []*source
	copyMark *mark
	laid     *stitcher

	targets []target
	after   *survey // as it will be
	newMark *mark
	stays   []*DamageError
	misread []string // files of the ledger that take no part any more
}

// look finds out what there is and what is wrong with it.
func (w *work) look(p *RepairPlan) (err error) {
	w.mark, w.hasMark, w.lost, err = peekMark(w.dir)
	if err != nil {
		return err
	}
	if w.giving = w.mark.giving && w.lost == nil; w.giving {
		w.lost, w.mark.giving = w.mark.interrupted(), false
	}
	if w.sources, w.obstacles, err = indexDir(w.dir, false); err != nil {
		return err
	}
	sortedSources(w.sources)
	if !w.hasMark {
		w.lost = noMark(len(w.sources) + len(w.obstacles))
	}
	if !w.hasMark || w.lost != nil && !w.giving {
		w.mark = w.standIn()
	}
	p.Interrupted = w.giving
	return w.judge(p)
}

// judge holds the files as they are against the rule of Open.
func (w *work) judge(p *RepairPlan) (err error) {
	var segs []segmentFile
	for _, s := range w.sources {
		if s.named != 0 {
			segs = append(segs, segmentFile{first: s.named, path: s.path, size: s.size})
		}
		if s.named != 0 && s.named < w.mark.first {
			w.leftovers = append(w.leftovers, s)
		}
	}
	w.now = &survey{dir: w.dir, mark: w.mark, hasMark: w.hasMark}
	if err = w.now.look(context.Background(), segs, testimony{durable: w.o.Durable}); err != nil {
		return err
	}
	bad, tail, err := w.now.findings()
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
	p.First, p.Last = w.mark.first, w.now.unbroken().Seq
	p.Durable, p.DurableBy = w.now.known, w.now.knownBy
	if p.Durable == 0 {
		p.DurableBy = "nothing says that any record was durable"
	}
	if w.now.cuts() && tail == nil && len(bad) == 0 {
		p.Torn = w.torn()
	}
	return nil
}

// torn is what the next Open cuts.
func (w *work) torn() *TornTail {
	file, off, _ := w.now.place()
	at, end := w.now.cutAt()
	var n int64
	for i := at; i < len(w.now.segs); i++ {
		n += w.now.segs[i].size
	}
	return &TornTail{
		RepairFinding: RepairFinding{File: file, Offset: off, Seq: w.now.keep.Seq + 1, Reason: "a write that was interrupted before it was acknowledged"},
		Bytes:         n - end,
	}
}

// foreign are the damages that names make.
func (w *work) foreign() (out []*DamageError) {
	for _, s := range w.sources {
		if s.named == 0 && !strings.HasSuffix(s.base, sourceSuffix) {
			out = append(out, &DamageError{File: s.name, Reason: "not the name of a segment"})
		}
	}
	for _, name := range w.obstacles {
		out = append(out, &DamageError{File: name, Reason: "not a regular file: move it out of the ledger"})
	}
	return out
}

func finding(d *DamageError) RepairFinding {
	return RepairFinding{File: d.File, Offset: d.Offset, Seq: d.Seq, Reason: d.Reason}
}

// standIn is what has to stand for a MARK that is lost: the beginning of the
// journal as the files tell it, or as the copy's MARK does.
func (w *work) standIn() mark {
	first := uint64(0)
	for _, s := range w.sources {
		if s.proper() && (first == 0 || s.named < first) {
			first = s.named
		}
	}
	switch m := w.copyMark; {
	case first == 1:
		return mark{first: 1}
	case m != nil && (first == 0 || m.first <= first):
		return mark{first: m.first, last: m.first - 1, noBase: m.noBase, base: m.base}
	case first == 0:
		return mark{first: 1}
	}
	return mark{first: first, last: first - 1, noBase: true}
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
	m, found, lost, err := peekMark(w.o.From)
	if err != nil {
		return err
	}
	if found && lost == nil && !m.giving {
		w.copyMark = &m
	}
	_, held := ReadHolder(w.o.From)
	if w.copied, _, err = indexDir(w.o.From, true); err != nil {
		return err
	}
	limit := w.o.FromLast
	if held { // what is being written there may not stay
		live := m.last
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
		return &CopyError{Seq: w.mark.first, Reason: "there is no record of a journal in " + w.o.From}
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
	base, based := w.mark.before(w.mark.first)
	st := &stitcher{first: w.mark.first, base: base, based: based, own: w.lost == nil || w.giving}
	for _, x := range extentsOf(w.sources) {
		x.gone = false
		if x.head.Seq >= w.mark.first {
			st.local = append(st.local, x)
		}
	}
	for _, x := range extentsOf(w.copied) {
		if x.head.Seq >= w.mark.first {
			st.copied = append(st.copied, x)
		}
	}
	if st.own && w.mark.last > 0 && w.mark.last >= w.mark.first {
		st.witnesses = append(st.witnesses, witness{head: Head{Seq: w.mark.last, Chain: w.mark.chain}, by: markName})
	}
	for _, h := range w.o.Known {
		st.witnesses = append(st.witnesses, witness{head: h, by: "a snapshot"})
	}
	w.laid = st
	return st.run()
}
