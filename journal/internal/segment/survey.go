package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/moneyprinter/holdfast/remedy"
)

// Survey is what one look at a whole ledger found: every segment verified, and
// the pieces held against each other and against MARK. It changes nothing;
// recovery, check and repair begin with it.
type Survey struct {
	Dir       string
	Mark      Mark
	HasMark   bool
	MarkErr   error  // a damaged MARK that the caller wants to go on without
	Leftovers []File // below Mark.First: the rest of an interrupted trim
	Segs      []Scan
	Damages   []*DamageError // in sealed segments and between segments
	Last      Head           // the last good record
	Keep      Head           // the last one that ends an atomic batch
	Known     uint64         // highest seq known to have been durable
	KnownBy   string
	tap       Tap
}

// Testimony is what the caller knows from elsewhere to be durable, and how.
type Testimony struct {
	Durable uint64
	By      string // "": a snapshot
	Begun   bool   // a journal was made here, whether or not a record of it was ever durable
}

// Look looks at the ledger in dir. w is what the caller knows from
// elsewhere; trust lets the journal speak for itself when MARK is missing
// or damaged. tap gets its records before there is a verdict; it may be nil.
func Look(ctx context.Context, dir string, w Testimony, trust bool, tap Tap) (*Survey, error) {
	s := &Survey{Dir: dir}
	var err error
	s.Mark, s.HasMark, err = ReadMark(dir)
	if err != nil && (!trust || s.Mark.Giving) {
		return nil, err
	}
	s.MarkErr = err
	segs, err := List(dir)
	if err != nil {
		return nil, err
	}
	if err = s.base(segs, w.Begun, trust); err != nil {
		return nil, err
	}
	s.tap = tap
	return s, s.Look(ctx, segs, w)
}

// Look verifies segments, oldest first, and holds the pieces against each other.
func (s *Survey) Look(ctx context.Context, segs []File, w Testimony) (err error) {
	for len(segs) > 0 && segs[0].First < s.Mark.First {
		s.Leftovers = append(s.Leftovers, segs[0])
		segs = segs[1:]
	}
	lanes := make([]*Lane, len(segs))
	if s.tap != nil {
		lanes = s.tap(segs, &s.Mark)
	}
	if s.Segs, err = scanAll(ctx, segs, lanes, s.Mark.Last, !s.Mark.Clean); err != nil {
		return err
	}
	s.Known, s.KnownBy = s.Mark.Last, "MARK says so"
	if w.Durable > s.Known {
		s.Known, s.KnownBy = w.Durable, cmp.Or(w.By, "a snapshot or another witness says so")
	}
	s.connect()
	return nil
}

// base settles what to start from: MARK, or without one the first segment, or
// nothing when the journal is only to be made.
func (s *Survey) base(segs []File, begun, trust bool) error {
	switch {
	case s.HasMark && s.MarkErr == nil:
		return nil
	case len(segs) == 0 && s.MarkErr == nil && !begun:
		s.Mark = Mark{First: 1}
		return nil
	case !trust:
		return NoMark(len(segs))
	}
	s.Mark = Mark{First: 1}
	if len(segs) > 0 && segs[0].First > 1 {
		s.Mark = Mark{First: segs[0].First, Last: segs[0].First - 1, NoBase: true}
	}
	return nil
}

// scanAll verifies segments side by side. Zeros behind the last record are legal
// in the newest one of a ledger that is open: it is sized in advance. They are begun in
// their order, so that the lane whose turn it is always has somebody who fills it.
func scanAll(ctx context.Context, segs []File, lanes []*Lane, asked uint64, open bool) ([]Scan, error) {
	var (
		out  = make([]Scan, len(segs))
		errs = make([]error, len(segs))
		next = make(chan int)
		wg   sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), len(segs)) {
		wg.Go(func() {
			for i := range next {
				if errs[i] = ctx.Err(); errs[i] == nil {
					out[i], errs[i] = scanFile(segs[i], asked, open && i == len(segs)-1, lanes[i])
				}
				if lanes[i] != nil {
					lanes[i].End(errs[i])
					lanes[i].Close()
				}
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

// ScanFile is one pass over a segment. asked is a seq whose head the caller wants
// to see; open says that the segment may end with zeros.
func ScanFile(f File, asked uint64, open bool) (Scan, error) { return scanFile(f, asked, open, nil) }

func scanFile(f File, asked uint64, open bool, lane *Lane) (Scan, error) {
	file, err := f.Open()
	if err != nil {
		return Scan{}, fmt.Errorf("open %s: %w", f.Name(), err)
	}
	defer func() { _ = file.Close() }()
	return scanSegment(file, f, asked, open, lane)
}

// connect holds the segments against each other, oldest first, and notes every
// damage that no crash can explain. A flaw in the last segment is left to
// Judge.
func (s *Survey) connect() {
	head, linked := s.Mark.Before(s.Mark.First)
	s.Keep = Head{Seq: s.Mark.First - 1, Chain: s.Mark.Base}
	for i := range s.Segs {
		seg := &s.Segs[i]
		if linked && seg.First != head.Seq+1 || !linked && seg.First <= head.Seq {
			s.Damages = append(s.Damages, Apart(s.Known, head.Seq, &seg.File))
			linked = false
		}
		if linked {
			s.link(&head, seg)
		}
		if seg.Flaw != nil && i < len(s.Segs)-1 {
			s.damage(seg.Name(), seg.Flaw.Off, seg.Flaw.Seq, seg.Flaw.Reason+InSealed)
		}
		linked = seg.Flaw == nil
		if seg.Records > 0 || seg.First > head.Seq+1 {
			head = seg.Head
		}
		if seg.Whole.Seq != 0 {
			s.Keep = seg.Whole
		}
	}
	if s.Last = head; s.Last.Seq < s.Mark.First {
		s.Last.Time = 0
	}
}

// Apart is the damage of a segment that does not begin behind last, where the one
// before it ends.
func Apart(known, last uint64, seg *File) *DamageError {
	if seg.First <= last {
		return Damaged(known, seg.Name(), 0, seg.First, fmt.Sprintf("records %d to %d stand before this segment already", seg.First, last))
	}
	return Damaged(known, Path(last+1), 0, last+1, fmt.Sprintf(
		"records %d to %d are missing: their segment is gone, was renamed, or the one before it was cut short", last+1, seg.First-1))
}

// link checks the link of a segment's first record to the record before it.
func (s *Survey) link(head *Head, seg *Scan) {
	var rec Record
	if seg.Records == 0 {
		return
	}
	bad, _ := DecodeFrame(seg.opening, &rec)
	if bad == "" {
		bad = Follows(head, &rec, seg.opening)
	}
	if bad != "" {
		s.damage(seg.Name(), 0, seg.First, bad)
	}
}

// InSealed ends the reason of a flaw that no crash can have left.
const InSealed = ", in a segment that was synced before the next one was made"

// damaged is Damaged with what the survey knows to have been durable.
func (s *Survey) damaged(file string, off int64, seq uint64, reason string) *DamageError {
	return Damaged(s.Known, file, off, seq, reason)
}

func (s *Survey) damage(file string, off int64, seq uint64, reason string) {
	s.Damages = append(s.Damages, s.damaged(file, off, seq, reason))
}

// Damaged is the damage of a place, where known is the highest seq that is known to
// have been durable.
func Damaged(known uint64, file string, off int64, seq uint64, reason string) *DamageError {
	return &DamageError{
		File: file, Offset: off, Seq: seq, Durable: known, Reason: reason,
		Remedy: remedy.Remedy{Kind: remedy.Heal},
	}
}

// Place returns where the journal stops being good.
func (s *Survey) Place() (file string, off int64, seq uint64) {
	if len(s.Segs) == 0 {
		return Path(s.Mark.First), 0, s.Mark.First
	}
	seg := &s.Segs[len(s.Segs)-1]
	if seg.Flaw != nil {
		return seg.Name(), seg.Flaw.Off, seg.Flaw.Seq
	}
	return seg.Name(), seg.End, s.Last.Seq + 1
}

func (s *Survey) flaw() *Flaw {
	if len(s.Segs) == 0 {
		return nil
	}
	return s.Segs[len(s.Segs)-1].Flaw
}

// Cuts reports whether the tail has something to cut, provided that Judge
// found nothing against it.
func (s *Survey) Cuts() bool { return s.flaw() != nil || s.Keep.Seq != s.Last.Seq }

// OtherHistory is the damage of a segment, from an offset on, that does not lead to
// the chain value in MARK.
func OtherHistory(m *Mark, seg *File, at int64) *DamageError {
	return Damaged(m.Last, seg.Name(), at, m.Last, "its chain value is not the one in MARK: the history up to here is another one")
}

// Notice is a finding that is no damage.
type Notice struct {
	File   string
	Offset int64
	Seq    uint64
	Text   string
}

// CheckTries bounds how often a check or a diagnosis looks again when a writer
// changes the ledger under its eyes.
const CheckTries = 5

// Notices are what is worth knowing and no damage. damaged says that there is
// damage besides, so that nothing is said of the end.
func (s *Survey) Notices(damaged bool) []Notice {
	var out []Notice
	for _, f := range s.Leftovers {
		out = append(out, Notice{File: f.Name(), Seq: f.First, Text: "left by an interrupted trim, removed by the next open"})
	}
	if temps, err := LeftTemps(s.Dir); err == nil {
		for _, name := range temps {
			if name == SpareName && !s.Mark.Clean {
				continue // of a ledger that is open
			}
			out = append(out, Notice{File: JournalDir + "/" + name, Text: "left by an interrupted recovery, removed by the next open"})
		}
	}
	if names, err := Litter(s.Dir); err == nil {
		for _, name := range names {
			out = append(out, Notice{File: JournalDir + "/" + name, Text: "not a file of the ledger, passed over"})
		}
	}
	if damaged {
		return out
	}
	file, off, seq := s.Place()
	if f := s.flaw(); f != nil {
		out = append(out, Notice{File: file, Offset: off, Seq: seq, Text: f.Reason +
			": a write that is under way, or was interrupted before it was acknowledged; the next open cuts it and keeps it"})
	} else if s.Keep.Seq != s.Last.Seq {
		out = append(out, Notice{File: file, Offset: off, Seq: s.Keep.Seq + 1, Text: "the last atomic batch is not whole: it is under way, " +
			"or was interrupted before it was acknowledged; the next open cuts it and keeps it"})
	}
	if !s.Mark.Clean && s.HasMark {
		out = append(out, Notice{File: MarkName, Seq: s.Mark.Last, Text: "the ledger is open, or was not closed cleanly"})
	}
	return out
}

// Findings are the damages that no crash explains, and apart from them that of
// the end.
func (s *Survey) Findings() (bad []*DamageError, tail *DamageError, err error) {
	bad, s.Damages = s.Damages, nil
	err = s.Judge()
	s.Damages = bad
	if errors.As(err, &tail) {
		err = nil
	}
	return bad, tail, err
}

// Unbroken is the last record that ends an atomic batch and before which
// everything is in order.
func (s *Survey) Unbroken() Head {
	keep := Head{Seq: s.Mark.First - 1, Chain: s.Mark.Base}
	head, linked := s.Mark.Before(s.Mark.First)
	for i := range s.Segs {
		seg := &s.Segs[i]
		if seg.First != head.Seq+1 {
			break
		}
		if seg.Records > 0 && linked {
			var rec Record
			if bad, _ := DecodeFrame(seg.opening, &rec); bad != "" || Follows(&head, &rec, seg.opening) != "" {
				break
			}
		}
		if seg.Whole.Seq != 0 {
			keep = seg.Whole
		}
		if seg.Flaw != nil {
			break
		}
		if seg.Records > 0 {
			head, linked = seg.Head, true
		}
	}
	return keep
}

// NextEpoch returns an epoch above every one that was ever handed out. A torn
// tail may hold frames of one epoch more than MARK or a whole frame tells when
// MARK is lost.
func (s *Survey) NextEpoch() uint64 {
	epoch := s.Mark.Epoch
	for i := range s.Segs {
		epoch = max(epoch, s.Segs[i].Epoch)
	}
	if s.MarkErr != nil || !s.HasMark && len(s.Segs) > 0 {
		epoch++
	}
	return epoch + 1
}

// CutAt returns the segment that is to be the last one and where it is to end.
func (s *Survey) CutAt() (i int, end int64) {
	for i = len(s.Segs) - 1; i > 0 && s.Segs[i].First > s.Keep.Seq+1; i-- {
		continue
	}
	if s.Segs[i].Whole.Seq != 0 {
		end = s.Segs[i].wholeEnd
	}
	return i, end
}
