package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// AsOf is [Reader.AsOf].
func (r *Source) AsOf(ctx context.Context, at Moment) (*projector.View, error) {
	b, err := r.BookAt(ctx, at)
	if err != nil {
		return nil, err
	}
	return b.View(), nil
}

// BookAt builds the state at a moment from the nearest usable snapshot and the
// records after it.
func (r *Source) BookAt(ctx context.Context, at Moment) (book *projector.Book, err error) {
	err = r.untrimmed(ctx, func() error {
		book, err = r.bookOnce(ctx, at)
		return err
	})
	return book, err
}

func (r *Source) bookOnce(ctx context.Context, at Moment) (*projector.Book, error) {
	log, err := r.OpenLog()
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	if err = r.reached(log, at); err != nil {
		return nil, err
	}
	book, base, err := r.Base(log, at)
	if err != nil {
		return nil, err
	}
	until := projector.Until{Seq: at.Seq, Time: at.Time}
	if err := book.Replay(r.Records(ctx, log, base), until); err != nil {
		return nil, ForeignRecords(err)
	}
	return book, nil
}

// reached refuses a moment that names a seq which is not there yet.
func (r *Source) reached(log *journal.Reader, at Moment) error {
	if last, err := log.Last(); err == nil && at.Seq > min(last.Seq, r.NewestShown()) {
		return notYet(at.Seq, last.Seq)
	}
	return nil // a journal whose end cannot be read is told by who reads on
}

func notYet(seq, newest uint64) error {
	return fmt.Errorf("%w: seq %d is not there yet, the newest is %d", position.ErrInvalid, seq, newest)
}

// Base returns the book of the newest snapshot at or before a moment that
// verifies and fits the journal, else an empty one, and where it stands. A
// damaged snapshot is passed over for an older one.
func (r *Source) Base(log *journal.Reader, at Moment) (*projector.Book, Anchor, error) {
	began := log.First()
	list, err := r.Snapshots()
	if err != nil {
		return nil, Anchor{}, err
	}
	var passed error
	mine := 0
	for _, s := range list {
		if s.Err != nil {
			passed = errors.Join(passed, s.Err)
			continue
		}
		if !Owns(r.ID, s.Ledger, s.Seq) {
			continue
		}
		if mine++; !at.covers(stampOf(s)) {
			continue
		}
		book, loadErr := r.Load(log, s)
		if loadErr == nil {
			return book, AnchorOf(s), nil
		}
		if errors.Is(loadErr, keyring.ErrNoKey) { // not damaged: to pass over it would hide that a key is missing
			return nil, Anchor{}, loadErr
		}
		passed = errors.Join(passed, loadErr)
	}
	first := log.First()
	if first <= 1 {
		return projector.New(r.Opts), Anchor{}, nil
	}
	err = noSnapshot(first)
	switch {
	case passed != nil && !errors.Is(passed, journal.ErrDamaged) && durable.Refusal(passed) != "":
		err = errors.Join(err, passed) // they could not be read now; that says nothing about them
	case first != began || errors.Is(passed, fs.ErrNotExist): // trimmed or pruned since the list was taken: no damage
	case mine == 0 || passed != nil:
		err = errors.Join(noBase(first, passed), err)
	}
	return nil, Anchor{}, err
}

func noSnapshot(first uint64) error {
	return fmt.Errorf("%w: no usable snapshot at or before the moment asked for, and the oldest kept record is %d", journal.ErrTrimmed, first)
}

// Anchor is the record that a state stands on.
type Anchor struct {
	Seq   uint64
	Chain [32]byte
	plain bool // the state is not encrypted
}

// AnchorOf is the record that a snapshot stands on.
func AnchorOf(s snapshotter.Snapshot) Anchor {
	return Anchor{Seq: s.Seq, Chain: s.Chain, plain: !s.Encrypted}
}

// Load reads a snapshot's book and checks that it belongs to this ledger and to
// this journal, and that it gives the digest it was written with.
func (r *Source) Load(log *journal.Reader, s snapshotter.Snapshot) (*projector.Book, error) {
	if err := Linked(log, AnchorOf(s)); err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", s.Name, err)
	}
	return LoadBook(r.Snaps, s, r.Opts)
}

// LoadBook loads a snapshot and checks that it gives the state that it was written
// from.
func LoadBook(snaps *snapshotter.Snapshotter, s snapshotter.Snapshot, o projector.Options) (*projector.Book, error) {
	f, err := snaps.Open(s.Name)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	book, err := projector.Load(f, o)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", s.Name, err)
	}
	if v := book.View().Resting(snaps.Step); v.Digest() != s.Digest || v.Seq() != s.Seq {
		return nil, fmt.Errorf("%w: snapshot %s does not give the digest it was written with", journal.ErrDamaged, s.Name)
	}
	return book, nil
}

// Linked checks that a snapshot's chain is the journal's at that seq, or, where
// that record was trimmed, that the first kept one follows it. It refuses
// a plain snapshot of an encrypted record: without a key, anybody can write one with
// right checksums.
func Linked(log *journal.Reader, a Anchor) error {
	last, err := log.Last()
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	return linked(log, a, last.Seq)
}

// linked is [Linked] for a journal that ends with the record last.
func linked(log *journal.Reader, a Anchor, last uint64) error {
	switch {
	case a.Seq > last:
		return fmt.Errorf("%w: it stands at seq %d, but the journal ends at %d", journal.ErrDamaged, a.Seq, last)
	case a.Seq+1 < log.First():
		return fmt.Errorf("%w: it stands at seq %d, but the journal begins at %d", journal.ErrTrimmed, a.Seq, log.First())
	case a.Seq+1 == log.First():
		if last == a.Seq {
			return nil
		}
		rec, err := RecordAt(log, a.Seq+1)
		if err != nil {
			return err
		}
		if !rec.Follows(a.Chain) {
			return fmt.Errorf("%w: its chain is not what seq %d of the journal follows", journal.ErrDamaged, rec.Seq)
		}
	default:
		rec, err := RecordAt(log, a.Seq)
		if err != nil {
			return err
		}
		if rec.Chain != a.Chain {
			return fmt.Errorf("%w: its chain is not that of seq %d of the journal", journal.ErrDamaged, a.Seq)
		}
		if rec.Flags&journal.Encrypted != 0 && a.plain {
			return fmt.Errorf("%w: it is plain, but seq %d of the journal is encrypted: it was not written by this ledger", journal.ErrDamaged, a.Seq)
		}
	}
	return nil
}

// Records yields what follows an anchor, in the projector's form.
func (r *Source) Records(ctx context.Context, log *journal.Reader, after Anchor) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		last, err := log.Last()
		if err != nil {
			yield(projector.Record{}, err)
			return
		}
		end := min(last.Seq, r.NewestShown())
		if end <= after.Seq {
			return
		}
		for rec, err := range Project(ctx, log.Records(after.Seq+1)) {
			if err == nil && rec.Seq > end || !yield(rec, err) {
				return
			}
		}
	}
}

// Project gives records the projector's form, until the context ends.
func Project(ctx context.Context, records iter.Seq2[journal.Record, error]) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		for rec, err := range records {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(Projected(rec), err) || err != nil {
				return
			}
		}
	}
}

// Projected gives a record the projector's form.
func Projected(rec journal.Record) projector.Record {
	return projector.Record{
		Stamp: position.Stamp{Seq: rec.Seq, Epoch: rec.Epoch, Time: position.Time(rec.Time)},
		More:  rec.Flags&journal.More != 0, Payload: rec.Payload,
	}
}

// noBase is the damage of a trimmed journal none of whose snapshots can be used: the
// state that its oldest record stands on is gone. passed says what is wrong with
// those that are there.
func noBase(first uint64, passed error) error {
	reason := fmt.Sprintf("records before seq %d were trimmed, and no snapshot gives the state behind them", first)
	if passed != nil {
		reason += ": " + passed.Error()
	}
	return &journal.DamageError{
		File: "backups", Seq: first, Reason: reason,
		Remedy: remedy.Remedy{Kind: remedy.PutBackSnapshot},
	}
}
