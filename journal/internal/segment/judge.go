package segment

import "fmt"

// Judge is the tail rule. It returns nil when every record that can ever have
// been acknowledged is there, and what follows the last whole batch, if
// anything, may be cut as a write that was interrupted. Otherwise the error
// names the damage.
func (s *Survey) Judge() error {
	if len(s.Damages) > 0 {
		return s.Damages[0]
	}
	file, off, seq := s.Place()
	if n := len(s.Segs); n == 0 && s.Mark.First > 1 || s.Mark.Tail > 0 && (n == 0 || s.Segs[n-1].First < s.Mark.Tail) {
		seq = max(s.Mark.Tail, s.Mark.First)
		return s.damaged(Path(seq), 0, seq, "the newest segment that MARK knows of is missing")
	}
	lost := s.Keep.Seq + 1 // the first record that a cut would take away
	if s.Known >= lost {
		reason := fmt.Sprintf("the journal ends with seq %d, but seq %d was durable: %s", s.Keep.Seq, s.Known, s.KnownBy)
		if f := s.flaw(); f != nil {
			reason = f.Reason + "; " + reason
		}
		err := s.damaged(file, off, seq, reason)
		err.By = s.KnownBy
		return err
	}
	if err := s.judgeMark(file, off, seq); err != nil {
		return err
	}
	f := s.flaw()
	if f == nil {
		return nil
	}
	if !f.Torn {
		return s.damaged(file, off, seq, f.Reason+", and no interrupted write leaves that")
	}
	return s.judgeTail(f, lost)
}

// judgeMark holds what MARK says against the records that are there.
func (s *Survey) judgeMark(file string, off int64, seq uint64) error {
	m := &s.Mark
	if m.Clean && (s.Cuts() || s.Last.Seq != m.Last) {
		reason := fmt.Sprintf("MARK says that the ledger was closed behind seq %d, but something follows", m.Last)
		if f := s.flaw(); f != nil {
			reason = f.Reason + "; " + reason
		} else {
			file, off, seq = s.behind()
		}
		return s.damaged(file, off, seq, reason)
	}
	for i := range s.Segs {
		seg := &s.Segs[i]
		if seg.Marked.Seq == 0 {
			continue
		}
		if seg.Marked.Chain != m.Chain {
			return s.damaged(seg.Name(), seg.markedAt, m.Last,
				"its chain value is not the one in MARK: the history up to here is another one")
		}
		if seg.Marked.Epoch > m.Epoch {
			return s.damaged(MarkName, 32, m.Last, "the record that it names is of a later epoch")
		}
	}
	return nil
}

// behind returns the place behind the record that MARK names.
func (s *Survey) behind() (file string, off int64, seq uint64) {
	for i := len(s.Segs) - 1; i >= 0; i-- {
		seg := &s.Segs[i]
		switch {
		case seg.Marked.Seq != 0:
			return seg.Name(), seg.markedEnd, s.Mark.Last + 1
		case seg.First == s.Mark.Last+1 && seg.Records > 0:
			return seg.Name(), 0, s.Mark.Last + 1
		}
	}
	return s.Place()
}

// judgeTail decides between a torn and a rotten last group: a later frame that
// was written when the damaged record was durable, or a record that is whole
// but for one byte, is rot. A group that shows neither looks like a torn write in
// every respect and is taken for one.
func (s *Survey) judgeTail(f *Flaw, lost uint64) error {
	seg := &s.Segs[len(s.Segs)-1]
	file, err := seg.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", seg.Name(), err)
	}
	defer func() { _ = file.Close() }()
	p, err := SearchProof(file, seg.Size, f.Off, lost)
	if err != nil {
		return fmt.Errorf("read %s: %w", seg.Name(), err)
	}
	switch {
	case p.unsure:
		return s.damaged(seg.Name(), f.Off, f.Seq, f.Reason+"; what follows is too large to be searched for proof that it was torn")
	case p.Found:
		s.Known = max(s.Known, p.synced)
		return s.damaged(seg.Name(), f.Off, f.Seq, fmt.Sprintf(
			"%s; the frame of seq %d at offset %d was written when seq %d was durable", f.Reason, p.Seq, p.off, p.synced))
	}
	b := make([]byte, min(int64(MaxFrame+MaxPrefix), seg.Size-f.Off))
	n, err := ReadFull(file, b, f.Off)
	if err != nil {
		return fmt.Errorf("read %s: %w", seg.Name(), err)
	}
	if s.Mark.NoBase && seg.Head.Seq < s.Mark.First {
		return nil // the record before it is not known
	}
	prev := seg.Head
	if seg.Records == 0 {
		prev = s.Last
	}
	if at, reason := oneByte(b[:n], prev); reason != "" && !lonely(b[:n], f.Off, at) {
		return s.damaged(seg.Name(), f.Off+int64(at), f.Seq, f.Reason+"; "+reason+": rot, not a torn write")
	}
	return nil
}

// JudgeEnd is the tail rule for a reader that follows the journal and stands at the
// end of its newest segment, where at has read up to. whole is the last record that
// ends an atomic batch; bad is the flaw that it stopped at, or nil.
func JudgeEnd(m *Mark, seg *File, at *Scanner, whole Head, bad *Flaw) error {
	s := Survey{
		Mark: *m, Segs: []Scan{at.scanned(seg, m.Last, bad)},
		Last: at.Prev, Keep: whole, Known: m.Last, KnownBy: "MARK says so",
	}
	return s.Judge()
}
