package holdfast

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/projector"
)

// openFiles takes the lock, opens the journal and reads or makes the identity.
//
// The identity is written last when a ledger is created, so a directory without
// one holds at most an empty journal: a creation that a crash cut short is done
// again from the start.
func openFiles(dir string, o Options) (*Reader, *journal.Journal, error) {
	exists, err := Exists(dir)
	if err != nil {
		return nil, nil, err
	}
	var id Identity
	if exists {
		if id, err = readIdentity(dir); err != nil {
			return nil, nil, err
		}
		if err = id.matches(o); err != nil {
			return nil, nil, err
		}
	} else if id, err = newIdentity(o); err != nil {
		return nil, nil, err
	}
	r := newReader(dir, id, o)
	known, err := r.knownDurable()
	if err != nil {
		return nil, nil, err
	}
	wal, err := journal.Open(dir, journal.Options{
		SegmentSize: o.SegmentSize, Now: o.Now, Logger: o.Logger, Durable: known, Phase: o.Phase,
		Holder: journal.Holder{Verb: o.Verb, Reach: o.Reach, Since: o.Now().UTC()},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("holdfast: %w", err)
	}
	if r, err = claim(r, wal, o); err != nil {
		return nil, nil, errors.Join(err, wal.Close())
	}
	return r, wal, nil
}

// claim settles the identity under the lock: another process may have created
// the ledger in between.
func claim(r *Reader, wal *journal.Journal, o Options) (*Reader, error) {
	id, err := readIdentity(r.dir)
	switch {
	case err == nil:
		if err = id.matches(o); err != nil {
			return nil, err
		}
		return newReader(r.dir, id, o), nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case wal.Last().Seq > 0:
		return nil, &IdentityError{File: identityFile, Reason: "is missing, but the journal holds records: take it from a copy of the ledger ('holdfast repair --from DIR'), or, if a restore into this directory was cut short, remove it and restore again"}
	}
	return r, r.id.write(r.dir)
}

// knownDurable is the seq of the newest snapshot whose header is good: the
// journal cannot have ended before it.
func (r *Reader) knownDurable() (uint64, error) {
	list, err := r.Snapshots()
	if err != nil {
		return 0, err
	}
	var seq uint64
	for _, s := range list {
		if s.Err == nil && r.id.owns(s.Ledger, s.Seq) {
			seq = max(seq, s.Seq)
		}
	}
	return seq, nil
}

// recoverBook loads the newest good snapshot and replays what follows.
func recoverBook(ctx context.Context, r *Reader, wal *journal.Journal, o Options) (*projector.Book, error) {
	log, err := journal.OpenReader(r.dir)
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	began := o.Now()
	book, base, err := r.base(log, Moment{})
	if err != nil {
		return nil, err
	}
	if last := wal.Last().Seq; last > base.seq { // verified by Open: the chain need not be hashed again
		if err = book.Replay(project(ctx, wal.Records(base.seq+1)), projector.Until{}); err != nil {
			return nil, fmt.Errorf("holdfast: %w", err)
		}
	}
	if head, last := book.Head(), wal.Last().Seq; head != last {
		return nil, fmt.Errorf("%w: the journal ends at seq %d, but its replay at %d", ErrDamaged, last, head)
	}
	o.Logger.Info("state loaded", "snapshot_seq", base.seq, "replayed", book.Head()-base.seq,
		"seq", book.Head(), "took", o.Now().Sub(began))
	return book, nil
}
