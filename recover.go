package holdfast

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/projector"
)

// opening is what one Open finds out before it changes anything: the identity
// and the state that the rest is replayed on.
type opening struct {
	dir     string
	o       Options
	r       *Reader
	vouched *checkpoint.Note // the newest of the ledger's own; nil: none
	created bool             // there is no identity yet
	err     error            // why the look at the rest was no good
	book    *projector.Book
	base    anchor
}

// openFiles takes the lock, opens the journal and reads or makes the identity.
//
// The identity is written last when a ledger is created, so a directory without
// one holds at most an empty journal: a creation that a crash cut short is done
// again from the start.
func openFiles(ctx context.Context, dir string, o Options) (*opening, *journal.Journal, error) {
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
	p := &opening{dir: dir, o: o, r: newReader(dir, id, o)}
	var known witness
	if p.vouched, err = p.r.newestNote(); err != nil {
		return nil, nil, err
	}
	if exists { // a ledger that is being made has none
		if known, err = p.r.witnesses(ctx, p.vouched, o); err != nil {
			return nil, nil, err
		}
	}
	wal, err := journal.Open(dir, journal.Options{
		SegmentSize: o.SegmentSize, Now: o.Now, Logger: o.Logger, Phase: o.Phase, Keys: o.Keys,
		Begun: exists, Durable: known.seq, DurableBy: known.by, Before: p.look,
		Holder: journal.Holder{Verb: o.Verb, Reach: o.Reach, Since: o.Now().UTC()},
	})
	if p.err != nil {
		return nil, nil, p.err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("holdfast: %w", err)
	}
	if p.created {
		p.r.id.Sum = p.r.id.digest() // as the next opening will read it
		if err = p.r.id.write(dir); err != nil {
			return nil, nil, errors.Join(err, wal.Close())
		}
	}
	return p, wal, nil
}

// look is called under the lock when the journal is in order and nothing was
// changed yet: a ledger whose identity or state is not there is refused as it is.
func (p *opening) look(first uint64, last journal.Head) error {
	if p.err = p.claim(last.Seq); p.err == nil {
		p.err = p.r.holdsTo(p.vouched, p.o.Signer)
	}
	if p.err == nil {
		p.err = p.load(first, last.Seq)
	}
	return p.err
}

// claim settles the identity under the lock: another process may have created
// the ledger in between.
func (p *opening) claim(last uint64) error {
	id, err := readIdentity(p.dir)
	switch {
	case err == nil:
		if err = id.matches(p.o); err != nil {
			return err
		}
		if id.Encrypted && p.o.Keys == nil { // here, where damage has been told apart
			return id.keyless()
		}
		p.r = newReader(p.dir, id, p.o)
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case last > 0:
		return &IdentityError{File: identityFile, Reason: identityLost}
	}
	p.created = true
	return nil
}

// load loads the newest good snapshot.
func (p *opening) load(first, last uint64) error {
	r := p.r
	if first == 1 && last == 0 {
		p.book = projector.New(r.opts)
		return nil
	}
	log, err := p.r.openLog()
	if err != nil {
		return fmt.Errorf("holdfast: %w", err)
	}
	if err = r.ownIdentity(log); err == nil {
		p.book, p.base, err = r.base(log, Moment{})
	}
	return err
}

// knownDurable is the seq of the newest snapshot whose header is good, or that of
// a newer checkpoint: the journal cannot have ended before it.
func (r *Reader) knownDurable(vouched *checkpoint.Note) (uint64, error) {
	list, err := r.Snapshots()
	if err != nil {
		return 0, err
	}
	var seq uint64
	if vouched != nil {
		seq = vouched.Seq
	}
	for _, s := range list {
		if s.Err == nil && r.id.owns(s.Ledger, s.Seq) {
			seq = max(seq, s.Seq)
		}
	}
	return seq, nil
}

// recoverBook replays what follows the snapshot that was loaded.
func (p *opening) recoverBook(ctx context.Context, wal *journal.Journal) (*projector.Book, error) {
	began := p.o.Now()
	book, base := p.book, p.base
	if last := wal.Last().Seq; last > base.seq { // verified by Open: the chain need not be hashed again
		if err := book.Replay(project(ctx, wal.Records(base.seq+1)), projector.Until{}); err != nil {
			return nil, fmt.Errorf("holdfast: %w", err)
		}
	}
	if head, last := book.Head(), wal.Last().Seq; head != last {
		return nil, fmt.Errorf("%w: the journal ends at seq %d, but its replay at %d", ErrDamaged, last, head)
	}
	p.o.Logger.Info("state loaded", "snapshot_seq", base.seq, "replayed", book.Head()-base.seq,
		"seq", book.Head(), "took", p.o.Now().Sub(began))
	return book, nil
}
