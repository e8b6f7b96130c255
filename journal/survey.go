package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/moneyprinter/holdfast/remedy"
)

// survey is what one look at a whole ledger found: every segment verified, and
// the pieces held against each other and against MARK. It changes nothing;
// recovery and [Check] both begin with it.
type survey struct {
	dir       string
	mark      mark
	hasMark   bool
	markErr   error         // a damaged MARK that the caller wants to go on without
	leftovers []segmentFile // below mark.first: the rest of an interrupted trim
	segs      []segmentScan
	damages   []*DamageError // in sealed segments and between segments
	last      Head           // the last good record
	keep      Head           // the last one that ends an atomic batch
	known     uint64         // highest seq known to have been durable
	knownBy   string
}

// testimony is what the caller knows from elsewhere to be durable, and how.
type testimony struct {
	durable uint64
	by      string // "": a snapshot
	begun   bool   // a journal was made here, whether or not a record of it was ever durable
}

// surveyLedger looks at the ledger in dir. w is what the caller knows from
// elsewhere; trust lets the journal speak for itself when MARK is missing
// or damaged.
func surveyLedger(ctx context.Context, dir string, w testimony, trust bool) (*survey, error) {
	s := &survey{dir: dir}
	var err error
	s.mark, s.hasMark, err = readMark(dir)
	if err != nil && (!trust || s.mark.giving) {
		return nil, err
	}
	s.markErr = err
	segs, err := listSegments(dir)
	if err != nil {
		return nil, err
	}
	if err = s.base(segs, w.begun, trust); err != nil {
		return nil, err
	}
	return s, s.look(ctx, segs, w)
}

// look verifies segments, oldest first, and holds the pieces against each other.
func (s *survey) look(ctx context.Context, segs []segmentFile, w testimony) (err error) {
	for len(segs) > 0 && segs[0].first < s.mark.first {
		s.leftovers = append(s.leftovers, segs[0])
		segs = segs[1:]
	}
	if s.segs, err = scanAll(ctx, segs, s.mark.last, !s.mark.clean); err != nil {
		return err
	}
	s.known, s.knownBy = s.mark.last, "MARK says so"
	if w.durable > s.known {
		s.known, s.knownBy = w.durable, cmp.Or(w.by, "a snapshot or another witness says so")
	}
	s.connect()
	return nil
}

// base settles what to start from: MARK, or without one the first segment, or
// nothing when the journal is only to be made.
func (s *survey) base(segs []segmentFile, begun, trust bool) error {
	switch {
	case s.hasMark && s.markErr == nil:
		return nil
	case len(segs) == 0 && s.markErr == nil && !begun:
		s.mark = mark{first: 1}
		return nil
	case !trust:
		return noMark(len(segs))
	}
	s.mark = mark{first: 1}
	if len(segs) > 0 && segs[0].first > 1 {
		s.mark = mark{first: segs[0].first, last: segs[0].first - 1, noBase: true}
	}
	return nil
}

// scanAll verifies segments side by side. Zeros behind the last record are legal
// in the newest one, and if the ledger is open: see ahead.
func scanAll(ctx context.Context, segs []segmentFile, asked uint64, open bool) ([]segmentScan, error) {
	var (
		out  = make([]segmentScan, len(segs))
		errs = make([]error, len(segs))
		next = make(chan int)
		wg   sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), len(segs)) {
		wg.Go(func() {
			for i := range next {
				if errs[i] = ctx.Err(); errs[i] != nil {
					continue
				}
				out[i], errs[i] = scanFile(segs[i], asked, open && i == len(segs)-1)
			}
		})
	}
	for i := range segs {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func scanFile(f segmentFile, asked uint64, open bool) (segmentScan, error) {
	file, err := f.open()
	if err != nil {
		return segmentScan{}, fmt.Errorf("journal: open %s: %w", f.name(), err)
	}
	defer func() { _ = file.Close() }()
	return scanSegment(file, f, asked, open)
}

// connect holds the segments against each other, oldest first, and notes every
// damage that no crash can explain. A flaw in the last segment is left to
// judge.
func (s *survey) connect() {
	head, linked := s.mark.before(s.mark.first)
	s.keep = Head{Seq: s.mark.first - 1, Chain: s.mark.base}
	var c chainer
	for i := range s.segs {
		seg := &s.segs[i]
		if linked && seg.first != head.Seq+1 || !linked && seg.first <= head.Seq {
			s.damages = append(s.damages, apart(s.known, head.Seq, &seg.segmentFile))
			linked = false
		}
		if linked {
			s.link(&c, &head, seg)
		}
		if seg.flaw != nil && i < len(s.segs)-1 {
			s.damage(seg.name(), seg.flaw.off, seg.flaw.seq, seg.flaw.reason+inSealed)
		}
		linked = seg.flaw == nil
		if seg.records > 0 || seg.first > head.Seq+1 {
			head = seg.head
		}
		if seg.whole.Seq != 0 {
			s.keep = seg.whole
		}
	}
	if s.last = head; s.last.Seq < s.mark.first {
		s.last.Time = 0
	}
}

// apart is the damage of a segment that does not begin behind last, where the one
// before it ends.
func apart(known, last uint64, seg *segmentFile) *DamageError {
	if seg.first <= last {
		return damaged(known, seg.name(), 0, seg.first, fmt.Sprintf("records %d to %d stand before this segment already", seg.first, last))
	}
	return damaged(known, segmentPath(last+1), 0, last+1, fmt.Sprintf(
		"records %d to %d are missing: their segment is gone, was renamed, or the one before it was cut short", last+1, seg.first-1))
}

// link checks the link of a segment's first record to the record before it.
func (s *survey) link(c *chainer, head *Head, seg *segmentScan) {
	var rec Record
	if seg.records == 0 {
		return
	}
	bad, _ := decodeFrame(seg.opening, &rec)
	if bad == "" {
		bad = c.follows(head, &rec, seg.opening)
	}
	if bad != "" {
		s.damage(seg.name(), 0, seg.first, bad)
	}
}

// inSealed ends the reason of a flaw that no crash can have left.
const inSealed = ", in a segment that was synced before the next one was made"

// damaged is damaged with what the survey knows to have been durable.
func (s *survey) damaged(file string, off int64, seq uint64, reason string) *DamageError {
	return damaged(s.known, file, off, seq, reason)
}

func (s *survey) damage(file string, off int64, seq uint64, reason string) {
	s.damages = append(s.damages, s.damaged(file, off, seq, reason))
}

// damaged is the damage of a place, where known is the highest seq that is known to
// have been durable.
func damaged(known uint64, file string, off int64, seq uint64, reason string) *DamageError {
	return &DamageError{
		File: file, Offset: off, Seq: seq, Durable: known, Reason: reason,
		Remedy: remedy.Remedy{Kind: remedy.Heal},
	}
}

// place returns where the journal stops being good.
func (s *survey) place() (file string, off int64, seq uint64) {
	if len(s.segs) == 0 {
		return segmentPath(s.mark.first), 0, s.mark.first
	}
	seg := &s.segs[len(s.segs)-1]
	if seg.flaw != nil {
		return seg.name(), seg.flaw.off, seg.flaw.seq
	}
	return seg.name(), seg.end, s.last.Seq + 1
}

func (s *survey) flaw() *flaw {
	if len(s.segs) == 0 {
		return nil
	}
	return s.segs[len(s.segs)-1].flaw
}

// cuts reports whether the tail has something to cut, provided that judge
// found nothing against it.
func (s *survey) cuts() bool { return s.flaw() != nil || s.keep.Seq != s.last.Seq }

func otherHistory(m *mark, seg *segmentFile, at int64) *DamageError {
	return damaged(m.last, seg.name(), at, m.last, "its chain value is not the one in MARK: the history up to here is another one")
}

// Notice is a finding that is no damage.
type Notice struct {
	File   string
	Offset int64
	Seq    uint64
	Text   string
}

// checkTries bounds how often Check looks again when a writer changes the
// ledger under its eyes.
const checkTries = 5

func (s *survey) notices(damaged bool) []Notice {
	var out []Notice
	for _, f := range s.leftovers {
		out = append(out, Notice{File: f.name(), Seq: f.first, Text: "left by an interrupted trim, removed by the next open"})
	}
	if temps, err := leftTemps(s.dir); err == nil {
		for _, name := range temps {
			out = append(out, Notice{File: journalDir + "/" + name, Text: "left by an interrupted recovery, removed by the next open"})
		}
	}
	if names, err := litter(s.dir); err == nil {
		for _, name := range names {
			out = append(out, Notice{File: journalDir + "/" + name, Text: "not a file of the ledger, passed over"})
		}
	}
	if damaged {
		return out
	}
	file, off, seq := s.place()
	if f := s.flaw(); f != nil {
		out = append(out, Notice{File: file, Offset: off, Seq: seq, Text: f.reason +
			": a write that is under way, or was interrupted before it was acknowledged; the next open cuts it and keeps it"})
	} else if s.keep.Seq != s.last.Seq {
		out = append(out, Notice{File: file, Offset: off, Seq: s.keep.Seq + 1, Text: "the last atomic batch is not whole: it is under way, " +
			"or was interrupted before it was acknowledged; the next open cuts it and keeps it"})
	}
	if !s.mark.clean && s.hasMark {
		out = append(out, Notice{File: markName, Seq: s.mark.last, Text: "the ledger is open, or was not closed cleanly"})
	}
	return out
}

// findings are the damages that no crash explains, and apart from them that of
// the end.
func (s *survey) findings() (bad []*DamageError, tail *DamageError, err error) {
	bad, s.damages = s.damages, nil
	err = s.judge()
	s.damages = bad
	if errors.As(err, &tail) {
		err = nil
	}
	return bad, tail, err
}

// unbroken is the last record that ends an atomic batch and before which
// everything is in order.
func (s *survey) unbroken() Head {
	keep := Head{Seq: s.mark.first - 1, Chain: s.mark.base}
	head, linked := s.mark.before(s.mark.first)
	var c chainer
	for i := range s.segs {
		seg := &s.segs[i]
		if seg.first != head.Seq+1 {
			break
		}
		if seg.records > 0 && linked {
			var rec Record
			if bad, _ := decodeFrame(seg.opening, &rec); bad != "" || c.follows(&head, &rec, seg.opening) != "" {
				break
			}
		}
		if seg.whole.Seq != 0 {
			keep = seg.whole
		}
		if seg.flaw != nil {
			break
		}
		if seg.records > 0 {
			head, linked = seg.head, true
		}
	}
	return keep
}

// nextEpoch returns an epoch above every one that was ever handed out. A torn
// tail may hold frames of one epoch more than MARK or a whole frame tells when
// MARK is lost.
func (s *survey) nextEpoch() uint64 {
	epoch := s.mark.epoch
	for i := range s.segs {
		epoch = max(epoch, s.segs[i].epoch)
	}
	if s.markErr != nil || !s.hasMark && len(s.segs) > 0 {
		epoch++
	}
	return epoch + 1
}

// cutAt returns the segment that is to be the last one and where it is to end.
func (s *survey) cutAt() (i int, end int64) {
	for i = len(s.segs) - 1; i > 0 && s.segs[i].first > s.keep.Seq+1; i-- {
		continue
	}
	if s.segs[i].whole.Seq != 0 {
		end = s.segs[i].wholeEnd
	}
	return i, end
}
