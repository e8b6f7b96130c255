package repair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// Repair is a repair that has begun: it holds the ledger's lock, and its plan was made
// under it. Heal puts records where they belong and cuts off what is given up; its
// owner then settles what else depends on them, a new lineage for example; Finish
// ends it. A caller that does not like the plan closes it, and nothing was changed.
type Repair struct {
	// Plan is what is to be done, and behind Heal what was done.
	Plan *Plan

	dir  string
	o    Options
	lock *segment.Lock
	end  *segment.Mark // MARK behind what is given up; nil where nothing is
}

// Begin takes the ledger's lock and makes the plan that [Diagnose] makes without it.
// An error that matches [ErrRefused] comes with the repair, which can only be closed:
// its plan says why. Someone else's lock gives a journal.InUseError.
func Begin(dir string, o Options) (*Repair, error) {
	o = o.withDefaults()
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	l, err := segment.TakeLock(dir, o.Holder)
	if err != nil {
		return nil, err
	}
	p, err := plan(dir, o)
	if err != nil && (p == nil || !errors.Is(err, ErrRefused)) {
		_ = l.Release()
		return nil, err
	}
	if err != nil {
		p.Refused = err.Error()
	}
	return &Repair{Plan: p, dir: dir, o: o, lock: l}, err
}

func errNotBegun() error { return fmt.Errorf("%w: no Begin made it", ErrRefused) }

// Close gives the ledger free.
func (r *Repair) Close() error {
	if r.lock == nil {
		return nil // no Begin made it
	}
	return r.lock.Release()
}

// Heal does what the plan says. Until Finish has returned, what is given up leaves a
// ledger that nobody opens; where nothing is, the segments are as they will stay.
func (r *Repair) Heal() error {
	if r.lock == nil {
		return errNotBegun()
	}
	if r.Plan.Sound() {
		return r.release() // of a repair that was interrupted just before its end
	}
	for _, name := range []string{segment.JournalDir, segment.QuarantineDir} {
		if err := segment.MakeDir(filepath.Join(r.dir, name)); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	if err := r.heal(r.Plan); err != nil {
		return err
	}
	if !r.Plan.loses() {
		return nil
	}
	if done := r.Plan; len(done.Writes)+len(done.Moves) > 0 { // what is cut is what was healed
		p, err := plan(r.dir, r.o)
		if err != nil {
			if p != nil {
				p.Refused = err.Error()
				r.Plan = p
			}
			return err
		}
		p.Heals, p.Writes, p.Moves = done.Heals, done.Writes, done.Moves
		p.Damages, p.Kept = done.Damages, append(done.Kept, p.Kept...)
		r.Plan = p
	}
	if !r.Plan.loses() {
		return nil
	}
	return r.giveUp(r.Plan)
}

// Finish ends the repair when its owner has settled what depends on it, and holds the
// outcome against the rule of Open.
func (r *Repair) Finish() error {
	if r.lock == nil {
		return errNotBegun()
	}
	p := r.Plan
	if r.end == nil {
		if !p.Sound() && p.Whole() {
			return r.check(p)
		}
		return nil
	}
	if err := r.o.Step("settle"); err != nil {
		return err
	}
	if err := r.release(); err != nil {
		return err
	}
	r.end.Giving = false
	if err := r.writeMark(r.end, "mark"); err != nil {
		return err
	}
	r.o.Logger.Warn("loss accepted", "from", p.Loss.From, "to", p.Loss.To, "readable", p.Loss.Readable, "report", p.Report)
	return r.check(p)
}

// Do does what [Diagnose] with the same options says, and returns what it
// did: everything that the copy can heal, and then, where damage is left and
// AcceptLossFrom says so, the cut. A file that is replaced or removed keeps a name
// in quarantine. Doing it again, also after a crash in the middle, leads to the
// same ledger; until it is done, Open refuses.
//
// Damage that stays is no error: it is in the plan that is returned. An error
// that matches [ErrRefused] comes with a plan and means that nothing was
// changed. It is for a journal on which nothing else depends; see [Begin].
func Do(dir string, o Options) (*Plan, error) {
	r, err := Begin(dir, o)
	if r == nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	if err == nil {
		err = r.Heal()
	}
	if err == nil {
		err = r.Finish()
	}
	if err != nil && (r.Plan.Refused == "" || !errors.Is(err, ErrRefused)) {
		return nil, err
	}
	return r.Plan, err
}

// check holds the outcome against the rule of Open.
func (r *Repair) check(p *Plan) error {
	s, err := segment.Look(context.Background(), r.dir, segment.Testimony{Durable: min(r.o.Durable, p.keptLast())}, false, nil)
	if err == nil {
		err = s.Judge()
	}
	if err != nil {
		return fmt.Errorf("after the repair: %w", err)
	}
	return nil
}

// loses reports whether records are given up.
func (p *Plan) loses() bool { return p.Loss != nil && p.Loss.Accepted }

func (p *Plan) keptLast() uint64 {
	if p.loses() {
		return p.Loss.From - 1
	}
	return p.Ends
}

// heal puts records where they belong. Its order is the crash argument: names in
// quarantine for what is replaced or moved; names among the segments for what
// still has to be read when its own name holds something else; the segments,
// newest first, so that the first damage is the last to go; what belongs
// nowhere; MARK. Each of the steps before the last leaves a ledger that Open
// refuses.
func (r *Repair) heal(p *Plan) error {
	d := p.d
	if len(p.Writes)+len(p.Moves) == 0 && d.newMark == nil {
		return nil
	}
	lost := p.loses()
	epoch := d.mark.Epoch
	if d.newMark != nil {
		epoch = d.newMark.Epoch
	}
	if !lost { // a loss has a report of its own, with all of this
		if err := r.report(p, r.freeReport(epoch)); err != nil {
			return err
		}
	}
	renamed, err := r.keep(p, epoch)
	if err != nil {
		return err
	}
	if err = r.writeSegments(d.targets, renamed); err != nil {
		return err
	}
	surplus := make([]string, len(p.Moves))
	for i, name := range p.Moves {
		surplus[i] = filepath.Join(r.dir, name)
	}
	if err = r.removeAll(surplus); err != nil {
		return err
	}
	if d.newMark != nil {
		if err = r.writeMark(d.newMark, "mark"); err != nil {
			return err
		}
	}
	r.o.Logger.Info("journal healed", "segments", len(p.Writes), "moved", len(p.Moves), "mark", p.Mark, "stays", len(p.Stays))
	if len(p.Stays) == 0 || lost {
		return r.release()
	}
	return nil
}

// keep gives everything that is replaced or moved its other names, and returns
// those by which it is still read.
func (r *Repair) keep(p *Plan, epoch uint64) (map[string]string, error) {
	var keep, sources []string
	for _, name := range slices.Concat(p.Writes, p.Moves) {
		path := filepath.Join(r.dir, name)
		keep = append(keep, path)
		if _, err := os.Lstat(path); err == nil {
			sources = append(sources, path)
		}
	}
	if p.d.newMark != nil {
		keep = append(keep, filepath.Join(r.dir, segment.MarkName))
	}
	if err := r.quarantine(p, keep, epoch); err != nil {
		return nil, err
	}
	return r.hold(sources)
}

// writeSegments writes what is not on disk as it should be, newest first.
func (r *Repair) writeSegments(targets []target, renamed map[string]string) error {
	for _, t := range slices.Backward(targets) {
		if t.keep {
			continue
		}
		parts := slices.Clone(t.parts)
		for j := range parts {
			if again, ok := renamed[parts[j].Path]; ok {
				parts[j].Path = again
			}
		}
		if err := replaceFrom(filepath.Join(r.dir, segment.JournalDir, segment.Name(t.first)), parts); err != nil {
			return err
		}
		if err := r.o.Step("segment"); err != nil {
			return err
		}
	}
	return nil
}

// freeReport is a name for the report of a repair that gives up nothing.
func (r *Repair) freeReport(epoch uint64) string {
	for n := 1; ; n++ {
		name := fmt.Sprintf("repair-epoch-%d-healed-%d.json", epoch, n)
		if _, err := os.Lstat(filepath.Join(r.dir, segment.QuarantineDir, name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
}

// quarantine gives files a second name, or on a file system without links a
// copy, in quarantine; done twice is done once. A file that is not there needs
// none.
func (r *Repair) quarantine(p *Plan, paths []string, epoch uint64) error {
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		name, err := Quarantine(r.dir, path, fmt.Sprintf("repair-epoch-%d", epoch))
		if err != nil {
			return err
		}
		p.Kept = append(p.Kept, name)
		if err = r.o.Step("quarantine"); err != nil {
			return err
		}
	}
	return nil
}

// Quarantine gives a file of the ledger in dir a second name in its quarantine,
// durably, and returns it relative to dir. A file that has one already keeps it.
func Quarantine(dir, path, tag string) (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s/%s-%s-%d", segment.QuarantineDir, filepath.Base(path), tag, n)
		to := filepath.Join(dir, name)
		err := os.Link(path, to)
		if errors.Is(err, fs.ErrExist) {
			if !segment.SameFile(path, to) {
				continue
			}
			err = nil
		} else if err != nil {
			err = replaceFrom(to, []segment.Part{{Path: path, N: fileSize(path)}})
		}
		if err == nil {
			err = durable.SyncDir(filepath.Join(dir, segment.QuarantineDir))
		}
		if err != nil {
			return "", fmt.Errorf("keep %s: %w", filepath.Base(path), err)
		}
		return name, nil
	}
}

func fileSize(path string) int64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// hold gives files that are replaced a name among the segments by which this
// repair, and the next one if this one is interrupted, still reads them. It
// returns the new paths by the old ones.
func (r *Repair) hold(paths []string) (map[string]string, error) {
	out := map[string]string{}
	for _, path := range paths {
		for n := 1; ; n++ {
			to := fmt.Sprintf("%s.%d%s", path, n, sourceSuffix)
			err := os.Link(path, to)
			if errors.Is(err, fs.ErrExist) && !segment.SameFile(path, to) {
				continue
			}
			if err != nil && !errors.Is(err, fs.ErrExist) {
				err = replaceFrom(to, []segment.Part{{Path: path, N: fileSize(path)}})
				if err != nil {
					return nil, fmt.Errorf("hold %s: %w", filepath.Base(path), err)
				}
			}
			out[path] = to
			break
		}
		if err := r.o.Step("hold"); err != nil {
			return nil, err
		}
	}
	if len(paths) == 0 {
		return out, nil
	}
	return out, durable.SyncDir(filepath.Join(r.dir, segment.JournalDir))
}

// release removes the names that hold gave.
func (r *Repair) release() error {
	names, err := segment.LeftTemps(r.dir)
	if err != nil {
		return fmt.Errorf("list segments: %w", err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, sourceSuffix) {
			continue
		}
		if err = os.Remove(filepath.Join(r.dir, segment.JournalDir, name)); err != nil {
			return fmt.Errorf("%w", err)
		}
		if err = r.o.Step("release"); err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes files and makes that durable.
func (r *Repair) removeAll(paths []string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w", err)
		}
		if err := durable.SyncDir(filepath.Dir(path)); err != nil {
			return fmt.Errorf("%w", err)
		}
		if err := r.o.Step("remove"); err != nil {
			return err
		}
	}
	return nil
}

// replaceFrom makes a file of parts of others, of which it may be one.
func replaceFrom(path string, parts []segment.Part) error {
	r := &segment.PartsReader{Parts: parts}
	defer func() { _ = r.Close() }()
	n := (&target{parts: parts}).size()
	err := durable.Replace(path, segment.FilePerm, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(r, 0, n))
		return err
	})
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
