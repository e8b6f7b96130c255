package holdfast

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// baseless is the damage of a trimmed journal none of whose snapshots can be
// used: the state that its oldest record stands on is gone. passed says what is
// wrong with those that are there.
func baseless(first uint64, passed error) error {
	reason := fmt.Sprintf("records before seq %d were trimmed, and no snapshot gives the state behind them", first)
	if passed != nil {
		reason += ": " + passed.Error()
	}
	return &journal.DamageError{
		File: "backups", Seq: first, Reason: reason,
		Remedy: remedy.Remedy{Kind: remedy.PutBackSnapshot},
	}
}

// ownIdentity refuses an identity that another ledger's file has brought: a
// snapshot that was made of this very journal names the ledger that it is. The
// rules of the other one would be applied to positions that were made by ours.
func (r *Reader) ownIdentity(log *journal.Reader) error {
	list, err := r.Snapshots()
	if err != nil {
		return err
	}
	for _, s := range list {
		if err = r.disowned(log, s); err != nil {
			return err
		}
	}
	return nil
}

// disowned returns the damage that a snapshot under another ledger's id proves,
// if it stands on a record of this journal that is no part of its parent's.
func (r *Reader) disowned(log *journal.Reader, s snapshotter.Snapshot) error {
	if _, related := r.id.ancestor(s.Ledger); s.Err != nil || related || s.Ledger == [16]byte(r.id.ID) {
		return nil //nolint:nilerr // a damaged header names no ledger
	}
	// What is no record of this journal is a snapshot that was put here, and is
	// never used.
	if rec, err := one(log, s.Seq); err == nil && rec.Chain == s.Chain {
		return &IdentityError{File: identityFile, Reason: fmt.Sprintf(
			"belongs to ledger %s, but snapshot %s of this journal to ledger %s: put the file back from a copy of the ledger",
			r.id.ID, s.Name, uuid.UUID(s.Ledger))}
	}
	return nil
}
