package journal

import "fmt"

// judge is the tail rule. It returns nil when every record that can ever have
// been acknowledged is there, and what follows the last whole batch, if
// anything, may be cut as a write that was interrupted. Otherwise the error
// names the damage.
func (s *survey) judge() error {
	if len(s.damages) > 0 {
		return s.damages[0]
	}
	file, off, seq := s.place()
	if n := len(s.segs); n == 0 && s.mark.first > 1 || s.mark.tail > 0 && (n == 0 || s.segs[n-1].first < s.mark.tail) {
		seq = max(s.mark.tail, s.mark.first)
		return s.damaged(segmentPath(seq), 0, seq, "the newest segment that MARK knows of is missing")
	}
	lost := s.keep.Seq + 1 // the first record that a cut would take away
	if s.known >= lost {
		reason := fmt.Sprintf("the journal ends with seq %d, but seq %d was durable: %s", s.keep.Seq, s.known, s.knownBy)
		if f := s.flaw(); f != nil {
			reason = f.reason + "; " + reason
		}
		return s.damaged(file, off, seq, reason)
	}
	if err := s.judgeMark(file, off, seq); err != nil {
		return err
	}
	f := s.flaw()
	if f == nil {
		return nil
	}
	if !f.torn {
		return s.damaged(file, off, seq, f.reason+", and no interrupted write leaves that")
	}
	return s.judgeTail(f, lost)
}

// judgeMark holds what MARK says against the records that are there.
func (s *survey) judgeMark(file string, off int64, seq uint64) error {
	m := &s.mark
	if m.clean && (s.cuts() || s.last.Seq != m.last) {
		reason := fmt.Sprintf("MARK says that the ledger was closed behind seq %d, but something follows", m.last)
		if f := s.flaw(); f != nil {
			reason = f.reason + "; " + reason
		} else {
			file, off, seq = s.behind()
		}
		return s.damaged(file, off, seq, reason)
	}
	for i := range s.segs {
		seg := &s.segs[i]
		if seg.marked.Seq == 0 {
			continue
		}
		if seg.marked.Chain != m.chain {
			return s.damaged(seg.name(), seg.markedAt, m.last,
				"its chain value is not the one in MARK: the history up to here is another one")
		}
		if seg.marked.Epoch > m.epoch {
			return s.damaged(markName, 32, m.last, "the record that it names is of a later epoch")
		}
	}
	return nil
}

// behind returns the place behind the record that MARK names.
func (s *survey) behind() (file string, off int64, seq uint64) {
	for i := len(s.segs) - 1; i >= 0; i-- {
		seg := &s.segs[i]
		switch {
		case seg.marked.Seq != 0:
			return seg.name(), seg.markedEnd, s.mark.last + 1
		case seg.first == s.mark.last+1 && seg.records > 0:
			return seg.name(), 0, s.mark.last + 1
		}
	}
	return s.place()
}

// judgeTail decides between a torn and a rotten last group: a later frame that
// was written when the damaged record was durable, or a record that is whole
// but for one byte, is rot. What neither shows looks like a torn write in every
// respect and is taken for one.
func (s *survey) judgeTail(f *flaw, lost uint64) error {
	seg := &s.segs[len(s.segs)-1]
	file, err := seg.open()
	if err != nil {
		return fmt.Errorf("journal: open %s: %w", seg.name(), err)
	}
	defer func() { _ = file.Close() }()
	p, err := searchProof(file, seg.size, f.off, lost)
	if err != nil {
		return fmt.Errorf("journal: read %s: %w", seg.name(), err)
	}
	switch {
	case p.unsure:
		return s.damaged(seg.name(), f.off, f.seq, f.reason+"; what follows is too large to be searched for proof that it was torn")
	case p.found:
		s.known = max(s.known, p.synced)
		return s.damaged(seg.name(), f.off, f.seq, fmt.Sprintf(
			"%s; the frame of seq %d at offset %d was written when seq %d was durable", f.reason, p.seq, p.off, p.synced))
	}
	b := make([]byte, min(int64(MaxFrame+maxPrefix), seg.size-f.off))
	n, err := readFull(file, b, f.off)
	if err != nil {
		return fmt.Errorf("journal: read %s: %w", seg.name(), err)
	}
	if s.mark.noBase && seg.head.Seq < s.mark.first {
		return nil // the record before it is not known
	}
	prev := seg.head
	if seg.records == 0 {
		prev = s.last
	}
	if at, reason := oneByte(b[:n], prev); reason != "" && !lonely(b[:n], f.off, at) {
		return s.damaged(seg.name(), f.off+int64(at), f.seq, f.reason+"; "+reason+": rot, not a torn write")
	}
	return nil
}

// judgeEnd is the tail rule for a reader that follows the journal and stands at the
// end of its newest segment, where at has read up to. whole is the last record that
// ends an atomic batch; bad is the flaw that it stopped at, or nil.
func judgeEnd(m *mark, seg *segmentFile, at *scanner, whole Head, bad *flaw) error {
	s := survey{
		mark: *m, segs: []segmentScan{at.scanned(seg, m.last, bad)},
		last: at.prev, keep: whole, known: m.last, knownBy: "MARK says so",
	}
	return s.judge()
}
