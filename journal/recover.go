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
)

// Recovery says what [Open] found and did.
type Recovery struct {
	// Written is when MARK was written last before, by the clock of the file system
	// at that time; zero where there was none.
	Written  time.Time
	First    uint64
	Last     Head
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
	*survey
	epoch uint64
	step  func(string) error
	out   Recovery
}

func (r *recoverer) run() error {
	r.out = Recovery{
		First: r.mark.first, Last: r.keep, Segments: len(r.segs), Epoch: r.epoch,
		Created: !r.hasMark && len(r.segs) == 0, Clean: r.mark.clean, Records: r.keep.Seq + 1 - r.mark.first,
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
			return fmt.Errorf("journal: recovery, %s: %w", step.name, err)
		}
		if err := r.step(step.name); err != nil {
			return err
		}
	}
	for i := range r.segs {
		r.out.Bytes += r.segs[i].size
	}
	return nil
}

// removeLeftovers finishes a trim whose MARK is durable.
func (r *recoverer) removeLeftovers() error {
	for _, f := range r.leftovers {
		if err := os.Remove(f.path); err != nil {
			return err
		}
		r.out.Trimmed++
	}
	if len(r.leftovers) > 0 {
		return durable.SyncDir(filepath.Join(r.dir, journalDir))
	}
	return nil
}

// quarantineCut gives every file that is about to lose something a second name
// in quarantine/. A link costs nothing, keeps every byte, and done twice is
// done once.
func (r *recoverer) quarantineCut() error {
	if r.markErr != nil {
		if err := r.quarantine(filepath.Join(r.dir, markName), 0); err != nil {
			return err
		}
	}
	if !r.cuts() {
		return nil
	}
	at, end := r.cutAt()
	r.out.CutFrom = r.keep.Seq + 1
	for i := at; i < len(r.segs); i++ {
		if err := r.quarantine(r.segs[i].path, end); err != nil {
			return err
		}
		r.out.CutBytes += r.segs[i].used - end
		end = 0
	}
	return durable.SyncDir(filepath.Join(r.dir, quarantineDir))
}

func (r *recoverer) quarantine(path string, cut int64) error {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s/%s-cut-at-%d-epoch-%d-%d", quarantineDir, filepath.Base(path), cut, r.epoch, n)
		target := filepath.Join(r.dir, name)
		err := os.Link(path, target)
		if errors.Is(err, fs.ErrExist) {
			if !sameFile(path, target) {
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
	f, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size()-cut > searchLimit {
		return fmt.Errorf("%d bytes are too many to be copied, and the file system has no links", info.Size()-cut)
	}
	return durable.Replace(target, filePerm, func(w io.Writer) error {
		_, copyErr := io.Copy(w, io.NewSectionReader(f, cut, info.Size()-cut))
		return copyErr
	})
}

// removeCut removes the segments that a cut leaves nothing of, newest first, so
// that whatever a crash leaves is a journal that ends earlier.
func (r *recoverer) removeCut() error {
	if !r.cuts() {
		return nil
	}
	at, _ := r.cutAt()
	for i := len(r.segs) - 1; i > at; i-- {
		if err := os.Remove(r.segs[i].path); err != nil {
			return err
		}
		if err := durable.SyncDir(filepath.Join(r.dir, journalDir)); err != nil {
			return err
		}
	}
	return nil
}

// rewriteLast writes what is kept of the last segment into a new file: after
// an fsync that failed, the pages of the old one may be read back as written
// and never reach the disk.
func (r *recoverer) rewriteLast() error {
	temps, err := leftTemps(r.dir)
	if err != nil {
		return err
	}
	for _, name := range temps {
		if err = os.Remove(filepath.Join(r.dir, journalDir, name)); err != nil {
			return err
		}
	}
	if r.mark.clean || len(r.segs) == 0 {
		return nil
	}
	at, end := r.cutAt()
	seg := &r.segs[at]
	f, err := openRegular(seg.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	err = durable.Replace(seg.path, filePerm, func(w io.Writer) error {
		_, copyErr := io.CopyN(w, f, end)
		return copyErr
	})
	if err != nil {
		return err
	}
	r.segs = r.segs[:at+1]
	seg.size, seg.end, seg.flaw = end, end, nil
	seg.head = r.keep
	r.last = r.keep
	r.out.Rewritten, r.out.Segments = true, len(r.segs)
	return nil
}

// writeMark takes the epoch and says that what is there is durable and that
// something may follow.
func (r *recoverer) writeMark() error {
	m := mark{
		noBase: r.mark.noBase, first: r.mark.first, base: r.mark.base,
		last: r.keep.Seq, chain: r.keep.Chain, epoch: r.epoch,
	}
	if len(r.segs) > 0 {
		m.tail = r.segs[len(r.segs)-1].first
	}
	r.mark = m
	return writeMark(r.dir, &m)
}
