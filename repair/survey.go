package repair

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/journal"
	journalrepair "github.com/moneyprinter/holdfast/journal/repair"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// survey completes the journal's plan with what the directory says about the
// identity and the snapshots. It changes nothing, and what it returns is true until
// the journal changes.
func (r *repairer) survey(p *journalrepair.Plan) (*Plan, error) {
	plan := &Plan{Plan: p, Name: r.id.Name, ID: r.id.ID.String(), Snapshots: []Snapshot{}}
	if r.lost != nil {
		plan.Identity = r.lost.Reason
		err := r.provenCopy(p)
		switch {
		case err == nil:
			plan.IdentityFrom = r.o.From
		case r.copy != nil:
			plan.Identity += "; " + err.Error()
		default:
			plan.Name, plan.ID = "", ""
		}
	}
	list, err := r.src.Snapshots()
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		whole, err := r.src.Snaps.Verify(s.Name)
		if err == nil {
			_, err = archive.HeaderIdentity(whole)
		}
		switch {
		case errors.Is(err, snapshotter.ErrDamaged), errors.Is(err, journal.ErrDamaged):
			plan.Snapshots = append(plan.Snapshots, Snapshot{Name: s.Name, Seq: s.Seq, Reason: err.Error()})
		case r.beyond(p, &s):
			plan.Snapshots = append(plan.Snapshots, Snapshot{Name: s.Name, Seq: s.Seq, Reason: "it stands beyond what is kept"})
		}
		if err == nil && plan.Restorable == nil && p.Loss != nil && archive.Owns(r.id, s.Ledger, s.Seq) && s.Seq >= p.Loss.Least {
			plan.Restorable = &Restorable{Name: s.Name, Seq: s.Seq}
		}
	}
	if p.Loss != nil && p.Loss.Accepted {
		if id, err := r.heir(p.Loss); err == nil { // else it is not approved
			plan.NewID = id.ID.String()
		}
	}
	return plan, nil
}

// beyond reports whether a snapshot of ours holds what is given up.
func (r *repairer) beyond(p *journalrepair.Plan, s *snapshotter.Snapshot) bool {
	return p.Loss != nil && p.Loss.Accepted && s.Err == nil && archive.Owns(r.id, s.Ledger, s.Seq) && s.Seq >= p.Loss.From
}

// provenCopy reports whether the copy's identity is ours: the copy holds records
// of this very history, and no loss was accepted here since.
func (r *repairer) provenCopy(p *journalrepair.Plan) error {
	if r.copy == nil {
		return fmt.Errorf("%w: there is no copy to take it from", journalrepair.ErrRefused)
	}
	old, err := filepath.Glob(filepath.Join(r.dir, "quarantine", archive.IdentityFile+"-*"))
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	for _, path := range old {
		if id, readErr := archive.IdentityAt(path); readErr == nil && id.ID == r.copy.ID {
			return fmt.Errorf("%w: the copy's is that of a parent: a loss was accepted here since", journalrepair.ErrRefused)
		}
	}
	if p.Shared > 0 {
		return nil
	}
	mine, err := journal.OpenReader(r.dir)
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	theirs, err := journal.OpenReader(r.o.From)
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
