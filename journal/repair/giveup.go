package repair

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// weigh says what giving up would take, and refuses to give up what need not be.
func (d *diagnosis) weigh(p *Plan) error {
	if len(d.stays) == 0 {
		return nil
	}
	keep, err := d.least()
	if err != nil {
		return err
	}
	from := d.o.AcceptLossFrom
	if from == 0 && d.giving {
		from = d.mark.Last + 1
	}
	loss := &Loss{From: keep.Seq + 1, Least: keep.Seq + 1, Before: keep}
	p.Loss = loss
	if from != 0 {
		if loss.Before, err = d.allowed(from, keep); err == nil {
			loss.From, loss.Accepted = from, true
		}
	}
	loss.Seq, loss.Chain = loss.Before.Seq, fmt.Sprintf("%x", loss.Before.Chain)
	loss.To, loss.Readable = max(p.Durable, loss.From-1), 0
	next := loss.From
	for _, x := range extentsOf(d.sources) { // by their first seqs
		if x.head.Seq >= next {
			loss.Readable += x.head.Seq + 1 - max(next, x.first)
			next = x.head.Seq + 1
		}
		loss.Epoch = max(loss.Epoch, x.head.Epoch)
	}
	loss.To = max(loss.To, next-1)
	switch loss.Epoch = max(loss.Epoch, d.mark.Epoch); {
	case d.giving && loss.From == d.mark.Last+1:
		loss.Epoch = d.mark.Epoch // it was taken when giving up began
	case d.lost != nil && !d.giving:
		loss.Epoch += 2 // the one that was handed out last may have left no record
	default:
		loss.Epoch++
	}
	return err
}

// least is the last record that can be kept when what is behind it is given up.
func (d *diagnosis) least() (segment.Head, error) {
	keep := d.after.Unbroken()
	for i := range d.after.Segs {
		m := &d.after.Segs[i].Marked
		if m.Seq == 0 || m.Seq > keep.Seq || m.Chain == d.after.Mark.Chain || d.lost != nil && !d.giving {
			continue
		}
		// MARK knows this record as another one.
		at, err := d.locate(m.Seq - 1)
		if err != nil {
			return keep, err
		}
		return at.whole, nil
	}
	return keep, nil
}

// allowed returns the record before the one from which on all is given up.
func (d *diagnosis) allowed(from uint64, keep segment.Head) (segment.Head, error) {
	switch {
	case from > keep.Seq+1:
		return keep, fmt.Errorf("%w: seq %d is not in order, so that it cannot be kept: give up from seq %d on, or earlier",
			ErrRefused, keep.Seq+1, keep.Seq+1)
	case d.giving && from > d.mark.Last+1:
		return keep, fmt.Errorf("%w: giving up from seq %d on has begun and was interrupted: it can only be finished, or an earlier seq named",
			ErrRefused, d.mark.Last+1)
	case from < d.mark.First:
		return keep, fmt.Errorf("%w: seq %d lies before the first record that is kept, seq %d", ErrRefused, from, d.mark.First)
	case from == d.mark.First && d.mark.NoBase:
		return keep, fmt.Errorf("%w: nothing would be left, and what stood before seq %d is not known", ErrRefused, from)
	}
	at, err := d.locate(from - 1)
	if err != nil {
		return keep, err
	}
	if at.head.Seq != at.whole.Seq {
		return keep, fmt.Errorf("%w: seq %d is in the middle of an atomic batch: give up from seq %d on, or from behind its end",
			ErrRefused, from, at.whole.Seq+1)
	}
	return at.head, nil
}

// place is where a record ends among the targets.
type place struct {
	target int
	end    int64
	head   segment.Head // of the record
	whole  segment.Head // the last one up to it that ends an atomic batch
}

// locate finds a record of the unbroken beginning; the one before the first
// stands at the beginning of the first segment.
func (d *diagnosis) locate(seq uint64) (at place, err error) {
	at.head = segment.Head{Seq: d.mark.First - 1, Chain: d.mark.Base}
	at.whole = at.head
	for i := range d.targets {
		t := &d.targets[i]
		if t.first > seq {
			break
		}
		at.target, at.end = i, 0
		if i+1 < len(d.targets) && d.targets[i+1].first <= seq {
			if h := d.after.Segs[i].Whole; h.Seq != 0 {
				at.whole = h
			}
			continue
		}
		err = d.scan(t, func(rec *segment.Record, end int64) bool {
			if rec.Seq > seq {
				return false
			}
			at.end, at.head = end, rec.Head()
			if rec.Flags&segment.More == 0 {
				at.whole = at.head
			}
			return true
		})
	}
	if err == nil && at.head.Seq != seq {
		err = fmt.Errorf("seq %d was not found again", seq)
	}
	return at, err
}

// scan reads a target's records, in buffers of their own, up to its first flaw.
func (d *diagnosis) scan(t *target, f func(rec *segment.Record, end int64) bool) error {
	seg := t.segment(d.dir)
	r, err := seg.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", seg.Name(), err)
	}
	defer func() { _ = r.Close() }()
	s := segment.NewScanner(r, seg.Size, t.first)
	s.Fresh = true
	var rec segment.Record
	for {
		err = s.Next(&rec)
		if _, bad := errors.AsType[*segment.Flaw](err); bad || err != nil && s.Off >= s.Size {
			return nil
		}
		if err != nil || !f(&rec, s.Off) {
			return err
		}
	}
}

// Records yields the records that the ledger will keep, from seq from on, as
// they will be: it is for who has to know before anything is touched whether a
// state can be derived from them. It ends with what is given up, or with the
// first damage. Encrypted payloads need [Options].Keys.
func (p *Plan) Records(from uint64) iter.Seq2[segment.Record, error] {
	return func(yield func(segment.Record, error) bool) {
		if p.zero() {
			return
		}
		last := p.last()
		// The record before the first one is read as well: its chain value
		// decrypts the one behind it.
		o, prev := segment.Opener{Vault: segment.NewVault(p.d.o.Keys)}, p.d.after.Mark.Base
		targets := p.kept()
		goOn := true
		for i := range targets {
			t := &targets[i]
			if !goOn || t.first > last || i+1 < len(targets) && targets[i+1].first < from {
				continue
			}
			var sealed error
			err := p.d.scan(t, func(rec *segment.Record, _ int64) bool {
				if rec.Seq >= from && rec.Seq <= last {
					sealed = o.Open(rec, &prev, t.first)
				}
				prev = rec.Chain
				goOn = sealed == nil && rec.Seq <= last && (rec.Seq < from || yield(*rec, nil))
				return goOn
			})
			if err = errors.Join(err, sealed); err != nil {
				yield(segment.Record{}, err)
				return
			}
		}
	}
}

// zero reports that no Diagnose made the plan.
func (p *Plan) zero() bool { return p == nil || p.d == nil || p.d.after == nil }

// last is the newest record that the ledger will keep.
func (p *Plan) last() uint64 {
	if p.Loss != nil {
		return p.Loss.From - 1
	}
	return p.d.after.Unbroken().Seq
}

// kept are the segments as they will be.
func (p *Plan) kept() []target {
	if p.d.targets != nil {
		return p.d.targets
	}
	targets := make([]target, len(p.d.after.Segs)) // nothing is damaged
	for i := range p.d.after.Segs {
		targets[i] = target{first: p.d.after.Segs[i].First, keep: true, bytes: p.d.after.Segs[i].Size}
	}
	return targets
}

// giveUp cuts the ledger before loss.From. Its order is the crash argument:
// what is given up gets a second name in quarantine first; then MARK says that
// giving up has begun, and is refused by everyone from then on; the files are
// cut. The owner settles what else depends on them, and Finish writes MARK. Until the
// first MARK the ledger is as damaged as before, and from it on only a repair,
// which does again what was done, leads to the second.
func (r *Repair) giveUp(p *Plan) error {
	d, loss := p.d, p.Loss
	m := segment.Mark{
		First: d.mark.First, Base: d.mark.Base, NoBase: d.mark.NoBase,
		Last: loss.Before.Seq, Chain: loss.Before.Chain, Epoch: loss.Epoch, Giving: true,
	}
	at, err := d.locate(loss.From - 1)
	if err != nil {
		return err
	}
	cut := target{first: loss.From}
	if len(d.targets) > 0 && at.head.Seq >= d.mark.First {
		cut = d.targets[at.target]
		if !cut.keep && len(cut.parts) == 0 {
			return fmt.Errorf("%s is not what it should be", segment.Path(cut.first))
		}
	}
	m.Tail = cut.first
	doomed, err := d.doomed(cut.first)
	if err != nil {
		return err
	}
	path := filepath.Join(r.dir, segment.JournalDir, segment.Name(cut.first))
	if err = r.report(p, fmt.Sprintf("repair-epoch-%d-loss-from-%d.json", loss.Epoch, loss.From)); err != nil {
		return err
	}
	keep := append([]string{path}, doomed...)
	if !d.giving {
		keep = append(keep, filepath.Join(r.dir, segment.MarkName))
	}
	if err = r.quarantine(p, keep, loss.Epoch); err != nil {
		return err
	}
	if err = r.writeMark(&m, "giving"); err != nil {
		return err
	}
	if err = r.removeAll(doomed); err != nil {
		return err
	}
	if err = r.cutFile(path, at.end); err != nil {
		return err
	}
	r.end = &m
	return nil
}

// doomed lists what holds nothing that is kept, newest first.
func (d *diagnosis) doomed(last uint64) (paths []string, err error) {
	entries, err := os.ReadDir(filepath.Join(d.dir, segment.JournalDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	for _, e := range slices.Backward(entries) {
		first, bad := segment.ParseName(e.Name())
		kept := bad == "" && slices.ContainsFunc(d.targets, func(t target) bool { return t.first == first && first < last })
		switch {
		case durable.IsTemp(e.Name()) || durable.Litter(e.Name()) || kept || bad == "" && (first == last || first < d.mark.First):
		case !e.Type().IsRegular():
			return nil, fmt.Errorf("%w: %s/%s is not a regular file: move it out of the ledger first", ErrRefused, segment.JournalDir, e.Name())
		default:
			paths = append(paths, filepath.Join(d.dir, segment.JournalDir, e.Name()))
		}
	}
	return paths, nil
}

// cutFile makes the last segment end where it has to. It is written anew even
// if it ends there already: what MARK calls durable must be.
func (r *Repair) cutFile(path string, end int64) error {
	var parts []segment.Part
	if end > 0 {
		parts = []segment.Part{{Path: path, N: end}}
	}
	if err := replaceFrom(path, parts); err != nil {
		return err
	}
	return r.o.Step("cut")
}

func (r *Repair) writeMark(m *segment.Mark, step string) error {
	if err := segment.WriteMark(r.dir, m); err != nil {
		return err
	}
	return r.o.Step(step)
}

// Report is the content of the file that a repair leaves in quarantine.
type Report struct {
	What  string         `json:"what"` // "healed" or "loss accepted"
	Time  string         `json:"time,omitempty"`
	By    segment.Holder `json:"by"`
	Epoch uint64         `json:"epoch"` // of MARK behind the repair; the next Open takes the next
	Plan  *Plan          `json:"plan"`
}

// report leaves word of what is done. A report that is there already is that of
// the same repair, which was interrupted.
func (r *Repair) report(p *Plan, name string) error {
	rep := Report{What: "healed", By: r.o.Holder, Epoch: p.d.mark.Epoch, Plan: p}
	if p.d.newMark != nil {
		rep.Epoch = p.d.newMark.Epoch
	}
	if p.loses() {
		rep.What, rep.Epoch = "loss accepted", p.Loss.Epoch
	}
	if r.o.Now != nil {
		rep.Time = r.o.Now().UTC().Format("2006-01-02T15:04:05.999999999Z07:00")
	}
	p.Report = segment.QuarantineDir + "/" + name
	path := filepath.Join(r.dir, p.Report)
	if _, err := os.Lstat(path); err == nil {
		return r.o.Step("report")
	}
	b, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if err = durable.WriteFile(path, append(b, '\n'), segment.FilePerm); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return r.o.Step("report")
}

// Reports returns what repairs have left word of in the quarantine of the ledger
// in dir, in the order of their epochs.
func Reports(dir string) ([]Report, error) {
	names, err := filepath.Glob(filepath.Join(dir, segment.QuarantineDir, "repair-epoch-*.json"))
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	var out []Report
	for _, name := range names {
		b, readErr := os.ReadFile(name) //nolint:gosec // inside the ledger's directory
		var rep Report
		if readErr == nil {
			readErr = json.Unmarshal(b, &rep)
		}
		if readErr != nil || rep.Plan == nil {
			continue // word of what was done, not a part of it
		}
		out = append(out, rep)
	}
	slices.SortStableFunc(out, func(a, b Report) int { return cmp.Compare(a.Epoch, b.Epoch) })
	return out, nil
}
