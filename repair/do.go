package repair

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/durable"
	journalrepair "github.com/moneyprinter/holdfast/journal/repair"
)

// Do does what [Diagnose] says and returns what it did; damage that stays
// is in the plan. Everything is verified before anything is touched, what is
// replaced is kept in quarantine/, and doing it again, also after a crash, leads
// to the same ledger.
//
// An accepted loss begins a new lineage in place: ledger.json gets a new id and
// names its parent, snapshots beyond the cut go to quarantine/, older ones stay
// usable. The stream on the bus is that of the parent and is left alone until a
// rebuild is asked for.
func Do(ctx context.Context, dir string, o Options) (*Plan, error) {
	if err := archive.Ended(ctx); err != nil {
		return nil, err
	}
	r, err := newRepairer(dir, o)
	if err != nil {
		return nil, err
	}
	w, err := journalrepair.Begin(dir, r.journal)
	if w == nil {
		return nil, fmt.Errorf("%w", err)
	}
	defer func() { _ = w.Close() }() // nothing is written any more
	p, err := r.decide(ctx, w.Plan, err)
	switch {
	case err == nil:
		return r.carryOut(w, p)
	case errors.Is(err, journalrepair.ErrRefused):
		return p, err
	}
	return nil, err
}

// carryOut does what was decided. The files that depend on the journal are settled when
// the records are where they belong, and before the journal's repair ends.
func (r *repairer) carryOut(w *journalrepair.Repair, p *Plan) (*Plan, error) {
	if err := w.Heal(); err != nil {
		if w.Plan.Refused == "" || !errors.Is(err, journalrepair.ErrRefused) {
			return nil, fmt.Errorf("%w", err)
		}
		p.Plan = w.Plan
		p.Refused = err.Error()
		return p, fmt.Errorf("%w", err)
	}
	if !w.Plan.Sound() { // Heal has moved records, and may have made a new plan for the cut
		healed, err := r.survey(w.Plan)
		if err != nil {
			return nil, err
		}
		healed.Digest = p.Digest
		p = healed
	}
	if err := r.settle(p); err != nil {
		return nil, err
	}
	if err := w.Finish(); err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return p, nil
}

// settle puts the identity in order, then the snapshots, and when a loss is accepted
// begins the new lineage, last. Done again it does nothing.
func (r *repairer) settle(p *Plan) error {
	if !p.Plan.Whole() {
		return nil // a snapshot may be the evidence of what is missing
	}
	if p.IdentityFrom != "" {
		if err := r.takeIdentity(); err != nil {
			return err
		}
	}
	for _, s := range p.Snapshots {
		if err := r.putAway(filepath.Join("backups", s.Name)); err != nil {
			return err
		}
	}
	if p.Loss == nil || !p.Loss.Accepted {
		return nil
	}
	return r.beginLineage(p.Loss)
}

// takeIdentity takes ledger.json from the copy.
func (r *repairer) takeIdentity() error {
	path := filepath.Join(r.dir, archive.IdentityFile)
	if _, err := os.Lstat(path); err == nil {
		if _, err = r.keep(path, "damaged"); err != nil {
			return err
		}
	}
	if err := archive.WriteIdentity(*r.copy, r.dir); err != nil {
		return err
	}
	return r.o.Step("identity")
}

// putAway moves a file of the ledger to quarantine.
func (r *repairer) putAway(name string) error {
	path := filepath.Join(r.dir, name)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	kept, err := r.keep(path, "repair")
	if err != nil {
		return err
	}
	if err = os.Remove(path); err == nil {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	r.o.Logger.Info("moved to quarantine", "file", name, "kept", kept)
	return r.o.Step("snapshot")
}

// keep gives a file a second name in quarantine, and returns it.
func (r *repairer) keep(path, suffix string) (kept string, err error) {
	if err = os.MkdirAll(filepath.Join(r.dir, "quarantine"), 0o700); err == nil {
		kept, err = journalrepair.Quarantine(r.dir, path, suffix)
	}
	if err != nil {
		return "", fmt.Errorf("%w", err)
	}
	return kept, nil
}

// beginLineage writes the identity of the ledger that goes on without what was lost.
func (r *repairer) beginLineage(loss *journalrepair.Loss) error {
	id, err := r.heir(loss)
	if err != nil || id.ID == r.id.ID { // done already
		return err
	}
	if _, err := r.keep(filepath.Join(r.dir, archive.IdentityFile), r.id.ID.String()[:8]); err != nil {
		return err
	}
	if err := r.o.Step("keep identity"); err != nil {
		return err
	}
	r.o.Logger.Warn("a new lineage begins", "ledger", id.Name, "id", id.ID, "parent", r.id.ID, "seq", loss.Seq)
	if err := archive.WriteIdentity(id, r.dir); err != nil {
		return err
	}
	return r.o.Step("identity")
}

// heir is the identity of the lineage that goes on when a loss is accepted. Its
// id follows from the parent's and from what is given up, so that a repair that
// was interrupted comes to the same.
func (r *repairer) heir(loss *journalrepair.Loss) (archive.Identity, error) {
	old := r.id
	if n := len(old.Parents); n > 0 && old.ID == heirID(old.Parents[0].Ledger, loss) {
		return old, nil // done already
	}
	id := old
	id.ID = heirID(old.ID, loss)
	return id.Descended(old, loss.Seq, loss.Chain)
}

func heirID(parent uuid.UUID, loss *journalrepair.Loss) uuid.UUID {
	return uuid.NewSHA1(parent, fmt.Appendf(nil, "accepted loss behind seq %d, chain %s, epoch %d", loss.Seq, loss.Chain, loss.Epoch))
}
