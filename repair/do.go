package repair

import (
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

// settle does the root's part of a repair, under the lock: the identity, then
// the snapshots, and when a loss is accepted the new lineage, last. Done again
// it does nothing.
func (m *mender) settle(p *journalrepair.Plan) error {
	digest := ""
	if m.plan != nil {
		digest = m.plan.Digest
	}
	if err := m.survey(p); err != nil {
		return err
	}
	m.plan.Digest = digest
	if !p.Whole() {
		return nil // a snapshot may be the evidence of what is missing
	}
	if m.lost != nil {
		if err := m.settleIdentity(); err != nil {
			return err
		}
	}
	for _, s := range m.plan.Snapshots {
		if err := m.putAway(filepath.Join("backups", s.Name)); err != nil {
			return err
		}
	}
	if p.Loss == nil || !p.Loss.Accepted {
		return nil
	}
	id := m.heir(p.Loss)
	m.plan.NewID = id.ID.String()
	if id.ID == m.id.ID {
		return nil
	}
	if _, err := journalrepair.Quarantine(m.dir, filepath.Join(m.dir, archive.IdentityFile), m.id.ID.String()[:8]); err != nil {
		return fmt.Errorf("%w", err)
	}
	if err := m.o.Step("keep identity"); err != nil {
		return err
	}
	m.o.Logger.Warn("a new lineage begins", "ledger", id.Name, "id", id.ID, "parent", m.id.ID, "seq", p.Loss.Seq)
	if _, err := archive.WriteIdentity(id, m.dir); err != nil {
		return err
	}
	return m.o.Step("identity")
}

// settleIdentity takes ledger.json from the copy.
func (m *mender) settleIdentity() error {
	if m.plan.IdentityFrom == "" {
		return nil
	}
	path := filepath.Join(m.dir, archive.IdentityFile)
	if _, err := os.Lstat(path); err == nil {
		if err = os.MkdirAll(filepath.Join(m.dir, "quarantine"), 0o700); err != nil {
			return fmt.Errorf("%w", err)
		}
		if _, err = journalrepair.Quarantine(m.dir, path, "damaged"); err != nil {
			return fmt.Errorf("%w", err)
		}
	}
	if _, err := archive.WriteIdentity(*m.copy, m.dir); err != nil {
		return err
	}
	return m.o.Step("identity")
}

// putAway moves a file of the ledger to quarantine.
func (m *mender) putAway(name string) error {
	path := filepath.Join(m.dir, name)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(m.dir, "quarantine"), 0o700); err != nil {
		return fmt.Errorf("%w", err)
	}
	kept, err := journalrepair.Quarantine(m.dir, path, "repair")
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	if err = os.Remove(path); err == nil {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	m.o.Logger.Info("moved to quarantine", "file", name, "kept", kept)
	return m.o.Step("snapshot")
}

// heir is the identity of the lineage that goes on when a loss is accepted. Its
// id follows from the parent's and from what is given up, so that a repair that
// was interrupted comes to the same.
func (m *mender) heir(loss *journalrepair.Loss) archive.Identity {
	old := m.id
	if n := len(old.Parents); n > 0 && old.ID == heirID(old.Parents[0].Ledger, loss) {
		return old // done already
	}
	id := old
	id.ID = heirID(old.ID, loss)
	id.Parents = append([]archive.Parent{{Ledger: old.ID, Seq: loss.Seq, Chain: loss.Chain}}, old.Parents...)
	return id
}

func heirID(parent uuid.UUID, loss *journalrepair.Loss) uuid.UUID {
	return uuid.NewSHA1(parent, fmt.Appendf(nil, "accepted loss behind seq %d, chain %s, epoch %d", loss.Seq, loss.Chain, loss.Epoch))
}
