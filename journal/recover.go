package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// Recovery says what [Open] found and did.
type Recovery struct {
	// Written is when MARK was written last before, by the clock of the file system
	// at that time; zero where there was none.
	Written  time.Time
	First    uint64
	Last     segment.Head
	Records  uint64
	Bytes    int64
	Segments int

	Created bool // the ledger had no journal
	Clean   bool // it was closed cleanly before
	// Rewritten says that the last segment was written again into a new file,
	// as after every end that was not clean.
	Rewritten bool
	// CutFrom is the first seq of a tail that was never acknowledged and was
	// cut; 0 when there was none. CutBytes and Quarantine say how much it was
	// and which files, relative to the ledger, keep it.
	CutFrom    uint64
	CutBytes   int64
	Quarantine []string
	Trimmed    int // segments of an interrupted trim that were removed

	Epoch    uint64
	Duration time.Duration // 0 without Options.Now
}

// recoverer makes a ledger that judge has passed ready to be appended to. The
// order of its steps is the crash argument of the package comment: until the
// new last segment has its name the journal ends where it ended before, so
// that the next Open comes to the same verdict and does the same again.
type recoverer struct {
	*segment.Survey
	epoch uint64
	step  func(string) error
	out   Recovery
}

func (r *recoverer) run() error {
	r.out = Recovery{
		First: r.Mark.First, Last: r.Keep, Segments: len(r.Segs), Epoch: r.epoch,
		Created: !r.HasMark && len(r.Segs) == 0, Clean: r.Mark.Clean, Records: r.Keep.Seq + 1 - r.Mark.First,
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"leftovers", r.removeLeftovers},
		{"quarantine", r.quarantineCut},
		{"remove", r.removeCut},
		{"rewrite", r.rewriteLast},
		{"mark", r.writeMark},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("recovery, %s: %w", step.name, err)
		}
		if err := r.step(step.name); err != nil {
			return err
		}
	}
	for i := range r.Segs {
		r.out.Bytes += r.Segs[i].Size
	}
	return nil
}

// removeLeftovers finishes a trim whose MARK is durable.
func (r *recoverer) removeLeftovers() error {
	for _, f := range r.Leftovers {
		if err := os.Remove(f.Path); err != nil {
			return err
		}
		r.out.Trimmed++
	}
	if len(r.Leftovers) > 0 {
		return durable.SyncDir(filepath.Join(r.Dir, segment.JournalDir))
	}
	return nil
}

// quarantineCut gives every file that is about to lose something a second name
// in quarantine/. A link costs nothing, keeps every byte, and done twice is
// done once.
func (r *recoverer) quarantineCut() error {
	if r.MarkErr != nil {
		if err := r.quarantine(filepath.Join(r.Dir, segment.MarkName), 0); err != nil {
			return err
		}
	}
	if !r.Cuts() {
		return nil
	}
	at, end := r.CutAt()
	r.out.CutFrom = r.Keep.Seq + 1
	for i := at; i < len(r.Segs); i++ {
		if err := r.quarantine(r.Segs[i].Path, end); err != nil {
			return err
		}
		r.out.CutBytes += r.Segs[i].Used - end
		end = 0
	}
	return durable.SyncDir(filepath.Join(r.Dir, segment.QuarantineDir))
}

func (r *recoverer) quarantine(path string, cut int64) error {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s/%s-cut-at-%d-epoch-%d-%d", segment.QuarantineDir, filepath.Base(path), cut, r.epoch, n)
		target := filepath.Join(r.Dir, name)
		err := os.Link(path, target)
		if errors.Is(err, fs.ErrExist) {
			if !segment.SameFile(path, target) {
				continue
			}
			err = nil
		} else if err != nil {
			err = copyCut(path, target, cut)
		}
		if err == nil {
			r.out.Quarantine = append(r.out.Quarantine, name)
		}
		return err
	}
}

// copyCut keeps what is cut on a file system without hard links.
func copyCut(path, target string, cut int64) error {
	f, err := segment.OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size()-cut > segment.SearchLimit {
		return fmt.Errorf("%d bytes are too many to be copied, and the file system has no links", info.Size()-cut)
	}
	return durable.Replace(target, segment.FilePerm, func(w io.Writer) error {
		_, copyErr := io.Copy(w, io.NewSectionReader(f, cut, info.Size()-cut))
		return copyErr
	})
}

// removeCut removes the segments that a cut leaves nothing of, newest first, so
// that whatever a crash leaves is a journal that ends earlier.
func (r *recoverer) removeCut() error {
	if !r.Cuts() {
		return nil
	}
	at, _ := r.CutAt()
	for i := len(r.Segs) - 1; i > at; i-- {
		if err := os.Remove(r.Segs[i].Path); err != nil {
			return err
		}
		if err := durable.SyncDir(filepath.Join(r.Dir, segment.JournalDir)); err != nil {
			return err
		}
	}
	return nil
}

// rewriteLast writes what is kept of the last segment into a new file: after
// an fsync that failed, the pages of the old one may be read back as written
// and never reach the disk.
func (r *recoverer) rewriteLast() error {
	temps, err := segment.LeftTemps(r.Dir)
	if err != nil {
		return err
	}
	for _, name := range temps {
		if err = os.Remove(filepath.Join(r.Dir, segment.JournalDir, name)); err != nil {
			return err
		}
	}
	if r.Mark.Clean || len(r.Segs) == 0 {
		return nil
	}
	at, end := r.CutAt()
	seg := &r.Segs[at]
	f, err := segment.OpenRegular(seg.Path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	err = durable.Replace(seg.Path, segment.FilePerm, func(w io.Writer) error {
		_, copyErr := io.CopyN(w, f, end)
		return copyErr
	})
	if err != nil {
		return err
	}
	r.Segs = r.Segs[:at+1]
	seg.Size, seg.End, seg.Flaw = end, end, nil
	seg.Head = r.Keep
	r.Last = r.Keep
	r.out.Rewritten, r.out.Segments = true, len(r.Segs)
	return nil
}

// writeMark takes the epoch and says that what is there is durable and that
// something may follow.
func (r *recoverer) writeMark() error {
	m := segment.Mark{
		NoBase: r.Mark.NoBase, First: r.Mark.First, Base: r.Mark.Base,
		Last: r.Keep.Seq, Chain: r.Keep.Chain, Epoch: r.epoch,
	}
	if len(r.Segs) > 0 {
		m.Tail = r.Segs[len(r.Segs)-1].First
	}
	r.Mark = m
	return segment.WriteMark(r.Dir, &m)
}
