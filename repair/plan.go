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
	"github.com/moneyprinter/holdfast/remedy"
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
	// that would have to be given up; [archive.Reader.RestoreSnapshot] makes a new
	// ledger of it.
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

// repairer is what a call of Diagnose or Do knows before it looks at the journal.
type repairer struct {
	dir     string
	o       Options
	id      archive.Identity
	lost    *archive.IdentityError // ledger.json is damaged or missing
	copy    *archive.Identity      // that of the copy, if it can be read
	src     *archive.Source
	journal journalrepair.Options
}

// Diagnose finds out what is damaged in the ledger in dir, what [Do] with
// the same options would do, and what would be lost. It changes nothing and
// takes no lock. Damage is in the plan. An error that matches
// [journalrepair.ErrRefused] comes with the plan and says why the copy is not
// used, or the loss not accepted.
func Diagnose(ctx context.Context, dir string, o Options) (*Plan, error) {
	if err := archive.Ended(ctx); err != nil {
		return nil, err
	}
	r, err := newRepairer(dir, o)
	if err != nil {
		return nil, err
	}
	p, err := journalrepair.Diagnose(dir, r.journal)
	if p == nil {
		return nil, fmt.Errorf("%w", err)
	}
	return r.decide(ctx, p, err)
}

// decide completes the journal's plan and approves it. A refusal, of the journal
// or of this package, comes with the plan, which says it as well.
func (r *repairer) decide(ctx context.Context, p *journalrepair.Plan, refused error) (*Plan, error) {
	plan, err := r.survey(p)
	if err != nil {
		return nil, err
	}
	if refused == nil {
		plan.Digest, refused = r.approve(ctx, p)
	}
	if refused != nil {
		plan.Refused = refused.Error()
		return plan, fmt.Errorf("%w", refused)
	}
	return plan, nil
}

// newRepairer reads the identities, and what the ledger's own snapshots know of its
// records.
func newRepairer(dir string, o Options) (*repairer, error) {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the default clock, as in Options
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Step == nil {
		o.Step = func(string) error { return nil }
	}
	r := &repairer{dir: dir, o: o, journal: journalrepair.Options{
		From: o.From, AcceptLossFrom: o.AcceptLossFrom, Keys: o.Keys, Now: o.Now, Logger: o.Logger, Step: o.Step,
	}}
	if err := r.identify(); err != nil {
		return nil, err
	}
	r.journal.Holder = journal.Holder{Verb: o.Verb, Since: o.Now().UTC()}
	r.src = archive.NewSource(dir, r.id, archive.Options{Now: o.Now, Logger: o.Logger, Keys: o.Keys}.WithDefaults())
	list, err := r.src.Snapshots()
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if s.Err == nil && archive.Owns(r.id, s.Ledger, s.Seq) {
			r.journal.Known = append(r.journal.Known, journal.Head{Seq: s.Seq, Epoch: s.Epoch, Chain: s.Chain, Time: s.RecordTime})
		}
	}
	return r, nil
}

// identify reads ledger.json and, where there is a copy, holds it against the
// copy's.
func (r *repairer) identify() error {
	id, err := archive.ReadIdentity(r.dir)
	switch {
	case err == nil:
	case errors.As(err, &r.lost):
	case errors.Is(err, fs.ErrNotExist):
		if _, merr := os.Stat(filepath.Join(r.dir, "journal")); merr != nil {
			return remedy.Because(fmt.Errorf("%w: %s has no %s", archive.ErrNotLedger, r.dir, archive.IdentityFile), remedy.OtherDir)
		}
		r.lost = &archive.IdentityError{File: filepath.Join(r.dir, archive.IdentityFile), Reason: "is missing"}
	case errors.Is(err, unix.ENOTDIR):
		return archive.NotADirectory(r.dir)
	default:
		return err
	}
	r.id = id
	if r.o.From == "" {
		return nil
	}
	theirs, err := archive.ReadIdentity(r.o.From)
	switch {
	case err == nil:
		r.copy = &theirs
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, journal.ErrDamaged):
		return nil // then the chain has to tell whose copy it is
	default:
		return err
	}
	if r.lost != nil {
		r.id = theirs // until it is shown not to be ours
		return nil    //nolint:nilerr // the damage is what is to be repaired
	}
	if theirs.ID == id.ID {
		return nil
	}
	upTo, ok := archive.Ancestor(id, [16]byte(theirs.ID))
	if !ok || upTo == 0 {
		return fmt.Errorf("%w: %s is a copy of ledger %s (%s), this one is %s (%s)", journalrepair.ErrRefused, r.o.From, theirs.Name, theirs.ID, id.Name, id.ID)
	}
	r.journal.FromLast = upTo
	return nil
}
