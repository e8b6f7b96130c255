package repair

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/journal"
	journalrepair "github.com/moneyprinter/holdfast/journal/repair"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Options say what [Do] may do.
type Options struct {
	// From is the directory of a copy of this ledger, from which damage is
	// healed; "" is none. It is only read, and may be behind, ahead, in use, or
	// damaged elsewhere.
	From string
	// AcceptLossFrom is the first seq that may be given up; 0: nothing may be
	// lost.
	AcceptLossFrom uint64
	// Keys decrypt the state that an accepted loss begins again with; nothing else
	// needs them.
	Keys *keyring.Ring
	// Verb tells a second opener who holds the ledger.
	Verb   string
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: discarded
	// Step, if set, is called after each step that changes something; an error
	// ends the repair there, as a crash would. It serves the drills.
	Step func(name string) error
}

// Plan says what is damaged, what a repair does about it, what it takes
// away, and what stays.
type Plan struct {
	*journalrepair.Plan
	Name string `json:"name"`
	ID   string `json:"id"`
	// Identity is what is wrong with ledger.json, "" if nothing is, and
	// IdentityFrom the copy that it can be taken from.
	Identity     string `json:"identity,omitempty"`
	IdentityFrom string `json:"identity_from,omitempty"`
	// Snapshots are those that cannot be read, or that stand beyond what is kept.
	Snapshots []Snapshot `json:"snapshots"`
	// Restorable is the newest sound snapshot, where it holds the state of a record
	// that would have to be given up; [Reader.RestoreSnapshot] makes a new ledger of
	// it.
	Restorable *Restorable `json:"restorable,omitempty"`
	// NewID is the id of the lineage that an accepted loss begins, and Digest
	// that of the state it begins with.
	NewID  string `json:"new_id,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// Snapshot is a snapshot that a repair moves to quarantine.
type Snapshot struct {
	Name   string `json:"name"`
	Seq    uint64 `json:"seq"`
	Reason string `json:"reason"`
}

// Restorable is a snapshot that holds more than a repair would keep.
type Restorable struct {
	Name string `json:"name"`
	Seq  uint64 `json:"seq"`
}

// Sound reports whether nothing is damaged.
func (p *Plan) Sound() bool {
	if p.Plan == nil {
		return false // no Diagnose made it
	}
	return p.Plan.Sound() && p.Identity == "" && len(p.Snapshots) == 0
}

// Whole reports whether nothing is damaged once the plan is done.
func (p *Plan) Whole() bool {
	if p.Plan == nil {
		return false
	}
	return p.Plan.Whole() && (p.Identity == "" || p.IdentityFrom != "")
}

// mender is one call of Diagnose or Do.
type mender struct {
	ctx  context.Context // of the call that this value does not outlive
	dir  string
	o    Options
	id   archive.Identity
	lost *archive.IdentityError // ledger.json is damaged or missing
	copy *archive.Identity      // that of the copy, if it can be read
	r    *archive.Source
	j    journalrepair.Options
	plan *Plan
}

// Diagnose finds out what is damaged in the ledger in dir, what [Do] with
// the same options would do, and what would be lost. It changes nothing and
// takes no lock. Damage is in the plan; an error that matches [ErrRefused] comes
// with it and says why the copy is not used, or the loss not accepted.
func Diagnose(ctx context.Context, dir string, o Options) (*Plan, error) {
	if err := archive.Ended(ctx); err != nil {
		return nil, err
	}
	m, err := newMender(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	p, err := journalrepair.Diagnose(dir, m.j)
	if p == nil {
		return nil, fmt.Errorf("%w", err)
	}
	refused := err
	if err = m.survey(p); err != nil {
		return nil, err
	}
	if refused == nil {
		refused = m.approve(p)
	}
	if refused != nil {
		m.plan.Refused = refused.Error()
		return m.plan, fmt.Errorf("%w", refused)
	}
	return m.plan, nil
}

// Do does what [Diagnose] says and returns what it did; damage that stays
// is in the plan. Everything is verified before anything is touched, what is
// replaced is kept in quarantine/, and doing it again, also after a crash, leads
// to the same ledger.
//
// An accepted loss begins a new lineage in place: ledger.json gets a new id and
// names its parent, snapshots beyond the cut go to quarantine/, older ones stay
// usable. The stream on the bus is that of the parent and is left alone until
// `holdfast bus rebuild` is asked for.
func Do(ctx context.Context, dir string, o Options) (*Plan, error) {
	if err := archive.Ended(ctx); err != nil {
		return nil, err
	}
	m, err := newMender(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	w, err := journalrepair.Begin(dir, m.j)
	if w == nil {
		return nil, fmt.Errorf("%w", err)
	}
	defer func() { _ = w.Close() }() // nothing is written any more
	if err == nil {
		err = m.carryOut(w)
	}
	p := w.Plan
	if err != nil && (p.Refused == "" || !errors.Is(err, journalrepair.ErrRefused)) {
		return nil, fmt.Errorf("%w", err)
	}
	if m.plan == nil {
		if serr := m.survey(p); serr != nil {
			return nil, serr
		}
	}
	m.plan.Plan = p
	if err != nil {
		m.plan.Refused = err.Error()
		return m.plan, fmt.Errorf("%w", err)
	}
	return m.plan, nil
}

// carryOut looks at the journal's plan before anything is touched, and settles what
// depends on the journal before the repair ends.
func (m *mender) carryOut(w *journalrepair.Repair) error {
	if !w.Plan.Sound() {
		if err := m.approve(w.Plan); err != nil {
			if errors.Is(err, journalrepair.ErrRefused) {
				w.Plan.Refused = err.Error()
			}
			return err
		}
	}
	if err := w.Heal(); err != nil {
		return err
	}
	if err := m.settle(w.Plan); err != nil {
		return err
	}
	return w.Finish()
}

// newMender reads the identities and what snapshots know.
func newMender(ctx context.Context, dir string, o Options) (*mender, error) {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default clock, as in Options
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Step == nil {
		o.Step = func(string) error { return nil }
	}
	m := &mender{ctx: ctx, dir: dir, o: o}
	if err := m.identify(); err != nil {
		return nil, err
	}
	m.r = archive.NewSource(dir, m.id, archive.Options{Now: o.Now, Logger: o.Logger, Keys: o.Keys}.WithDefaults())
	m.j.From, m.j.AcceptLossFrom, m.j.Now, m.j.Logger = o.From, o.AcceptLossFrom, o.Now, o.Logger
	m.j.Step, m.j.Keys = o.Step, o.Keys
	m.j.Holder = journal.Holder{Verb: o.Verb, Since: o.Now().UTC()}
	list, err := m.r.Snapshots()
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if s.Err == nil && archive.Owns(m.id, s.Ledger, s.Seq) {
			m.j.Known = append(m.j.Known, journal.Head{Seq: s.Seq, Epoch: s.Epoch, Chain: s.Chain, Time: s.RecordTime})
		}
	}
	return m, nil
}

// identify reads ledger.json and, where there is a copy, holds it against the
// copy's.
func (m *mender) identify() error {
	id, err := archive.ReadIdentity(m.dir)
	switch {
	case err == nil:
	case errors.As(err, &m.lost):
	case errors.Is(err, fs.ErrNotExist):
		if _, merr := os.Stat(filepath.Join(m.dir, "journal")); merr != nil {
			return fmt.Errorf("%w: %s has no %s: name another --dir", archive.ErrNotLedger, m.dir, archive.IdentityFile)
		}
		m.lost = &archive.IdentityError{File: filepath.Join(m.dir, archive.IdentityFile), Reason: "is missing"}
	case errors.Is(err, unix.ENOTDIR):
		return archive.NotADirectory(m.dir)
	default:
		return err
	}
	m.id = id
	if m.o.From == "" {
		return nil
	}
	theirs, err := archive.ReadIdentity(m.o.From)
	switch {
	case err == nil:
		m.copy = &theirs
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, journal.ErrDamaged):
		return nil // then the chain has to tell whose copy it is
	default:
		return err
	}
	if m.lost != nil {
		m.id = theirs // until it is shown not to be ours
		return nil    //nolint:nilerr // the damage is what is to be repaired
	}
	if theirs.ID == id.ID {
		return nil
	}
	upTo, ok := archive.Ancestor(id, [16]byte(theirs.ID))
	if !ok || upTo == 0 {
		return fmt.Errorf("%w: %s is a copy of ledger %s (%s), this one is %s (%s)", journalrepair.ErrRefused, m.o.From, theirs.Name, theirs.ID, id.Name, id.ID)
	}
	m.j.FromLast = upTo
	return nil
}

// survey completes the journal's plan with what the root knows.
func (m *mender) survey(p *journalrepair.Plan) error {
	m.plan = &Plan{Plan: p, Name: m.id.Name, ID: m.id.ID.String(), Snapshots: []Snapshot{}}
	if m.lost != nil {
		m.plan.Identity = m.lost.Reason
		if err := m.provenCopy(p); err == nil {
			m.plan.IdentityFrom = m.o.From
		} else if m.copy != nil {
			m.plan.Identity += "; " + err.Error()
		} else {
			m.plan.Name, m.plan.ID = "", ""
		}
	}
	list, err := m.r.Snapshots()
	if err != nil {
		return err
	}
	for _, s := range list {
		_, err = m.r.Snaps.Verify(s.Name)
		switch {
		case errors.Is(err, snapshotter.ErrDamaged):
			m.plan.Snapshots = append(m.plan.Snapshots, Snapshot{Name: s.Name, Seq: s.Seq, Reason: err.Error()})
		case m.beyond(p, &s):
			m.plan.Snapshots = append(m.plan.Snapshots, Snapshot{Name: s.Name, Seq: s.Seq, Reason: "it stands beyond what is kept"})
		}
		if err == nil && m.plan.Restorable == nil && p.Loss != nil && archive.Owns(m.id, s.Ledger, s.Seq) && s.Seq >= p.Loss.Least {
			m.plan.Restorable = &Restorable{Name: s.Name, Seq: s.Seq}
		}
	}
	if p.Loss != nil && p.Loss.Accepted {
		m.plan.NewID = m.heir(p.Loss).ID.String()
	}
	return nil
}

// beyond reports whether a snapshot of ours holds what is given up.
func (m *mender) beyond(p *journalrepair.Plan, s *snapshotter.Snapshot) bool {
	return p.Loss != nil && p.Loss.Accepted && s.Err == nil && archive.Owns(m.id, s.Ledger, s.Seq) && s.Seq >= p.Loss.From
}

// provenCopy reports whether the copy's identity is ours: the copy holds records
// of this very history, and no loss was accepted here since.
func (m *mender) provenCopy(p *journalrepair.Plan) error {
	if m.copy == nil {
		return fmt.Errorf("%w: there is no copy to take it from", journalrepair.ErrRefused)
	}
	old, err := filepath.Glob(filepath.Join(m.dir, "quarantine", archive.IdentityFile+"-*"))
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	for _, path := range old {
		if id, readErr := archive.IdentityAt(path); readErr == nil && id.ID == m.copy.ID {
			return fmt.Errorf("%w: the copy's is that of a parent: a loss was accepted here since", journalrepair.ErrRefused)
		}
	}
	if p.Shared > 0 {
		return nil
	}
	mine, err := journal.OpenReader(m.dir)
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	theirs, err := journal.OpenReader(m.o.From)
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	a, errA := mine.Last()
	b, errB := theirs.Last()
	if err = errors.Join(errA, errB); err != nil {
		return fmt.Errorf("%w", err)
	}
	seq := min(a.Seq, b.Seq)
	if seq == 0 || seq < max(mine.First(), theirs.First()) {
		return fmt.Errorf("%w: the copy and this ledger have no record in common", journalrepair.ErrRefused)
	}
	x, errX := archive.RecordAt(mine, seq)
	y, errY := archive.RecordAt(theirs, seq)
	if err = errors.Join(errX, errY); err != nil {
		return err
	}
	if x.Chain != y.Chain {
		return fmt.Errorf("%w: at seq %d the copy is of another history", journalrepair.ErrRefused, seq)
	}
	return nil
}

// approve verifies, before anything is touched, that what a loss leaves is a
// ledger.
func (m *mender) approve(p *journalrepair.Plan) error {
	if m.plan == nil {
		if err := m.survey(p); err != nil {
			return err
		}
	}
	if p.Loss == nil || !p.Loss.Accepted {
		return nil
	}
	if m.lost != nil {
		return fmt.Errorf("%w: nothing is given up while it is not known which ledger this is: %s %s", journalrepair.ErrRefused, archive.IdentityFile, m.lost.Reason)
	}
	book, err := m.derive(p)
	if err != nil {
		return err
	}
	m.plan.Digest = fmt.Sprintf("%x", book.View().Digest())
	return nil
}

// derive builds the state that the ledger will begin again with, from the newest
// usable snapshot or from the beginning.
func (m *mender) derive(p *journalrepair.Plan) (*projector.Book, error) {
	want := p.Loss.From - 1
	list, err := m.r.Snapshots()
	if err != nil {
		return nil, err
	}
	var passed error
	for _, s := range list {
		if s.Err != nil || !archive.Owns(m.id, s.Ledger, s.Seq) || s.Seq > want || s.Seq+1 < p.First {
			continue
		}
		book, err := m.from(p, s)
		if err == nil {
			return book, nil
		}
		passed = errors.Join(passed, err)
	}
	if p.First <= 1 {
		return m.replay(p, projector.New(m.r.Opts), 0)
	}
	return nil, fmt.Errorf("%w: no usable snapshot gives the state at seq %d, and the journal begins with seq %d: "+
		"heal the journal from a copy, or restore a snapshot into another directory: %w",
		journalrepair.ErrRefused, want, p.First, errors.Join(passed, journal.ErrTrimmed))
}

// from derives the state from one snapshot.
func (m *mender) from(p *journalrepair.Plan, s snapshotter.Snapshot) (*projector.Book, error) {
	fits := s.Seq == p.Loss.Before.Seq && s.Chain == p.Loss.Before.Chain
	for rec, err := range p.Records(max(s.Seq, p.First)) {
		if err != nil {
			return nil, fmt.Errorf("%w", err)
		}
		fits = fits || rec.Seq == s.Seq && rec.Chain == s.Chain || rec.Seq == s.Seq+1 && rec.Follows(s.Chain)
		break
	}
	if !fits {
		return nil, fmt.Errorf("%w: snapshot %s is not of this history", journal.ErrDamaged, s.Name)
	}
	book, err := archive.LoadBook(m.r.Snaps, s, m.r.Opts)
	if err != nil {
		return nil, err
	}
	return m.replay(p, book, s.Seq)
}

func (m *mender) replay(p *journalrepair.Plan, book *projector.Book, after uint64) (*projector.Book, error) {
	if err := book.Replay(archive.Project(m.ctx, p.Records(after+1)), projector.Until{}); err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	if head := book.Head(); head != p.Loss.From-1 {
		return nil, fmt.Errorf("%w: the replay ends at seq %d, not at %d", journal.ErrDamaged, head, p.Loss.From-1)
	}
	return book, nil
}
