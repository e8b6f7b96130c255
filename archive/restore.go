package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Restored says what [Reader.Restore] made.
type Restored struct {
	Dir    string `json:"dir"`
	Name   string `json:"name"`
	ID     string `json:"id"`
	Parent string `json:"parent"` // the ledger it came from
	Seq    uint64 `json:"seq"`    // the record it stands at
	Digest string `json:"digest"`
	// Unlinked says why the journal could not be asked about the snapshot, "" if it
	// was.
	Unlinked string `json:"unlinked,omitempty"`
}

// UnlinkedError says that a snapshot is whole and of this ledger, but that the
// journal cannot tell whether it is of its history: it is damaged there, ends
// before it, or was trimmed behind it. It matches what it wraps.
type UnlinkedError struct {
	Snapshot string
	Err      error
}

func (e *UnlinkedError) Error() string {
	return fmt.Sprintf("snapshot %s cannot be held against the journal: %v", e.Snapshot, e.Err)
}

// Why is the place and the reason alone.
func (e *UnlinkedError) Why() string {
	if d, ok := errors.AsType[*journal.DamageError](e.Err); ok {
		return fmt.Sprintf("%s at offset %d, seq %d: %s", d.File, d.Offset, d.Seq, d.Reason)
	}
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap returns what kept it from being compared.
func (e *UnlinkedError) Unwrap() error { return e.Err }

// Restore makes a new ledger in another, empty directory with the state of this
// one at a moment: a new lineage, whose journal continues at the next seq and
// whose identity names its parent. The directory is locked first; nothing else is
// written before the state was derived and verified. The source is not changed:
// history is never rewound.
//
// The new ledger is encrypted if this one is, or if the options have keys: under
// those of the options, else under this one's.
//
// name is the new ledger's name, "" derives one from the parent's, so that it
// gets a stream of its own.
func (r *Reader) Restore(ctx context.Context, at Moment, to, name string, o Options) (made Restored, err error) {
	if err = r.begin(ctx); err != nil {
		return Restored{}, err
	}
	place, err := claimVacant(to, o)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = place.done(err) }()
	var v *projector.View
	var head journal.Record
	err = r.src.untrimmed(ctx, func() error {
		if v, err = r.AsOf(ctx, at); err != nil || v.Seq() == 0 {
			return err
		}
		head, err = r.src.ChainAt(v.Seq())
		return err
	})
	if err != nil {
		return Restored{}, err
	}
	if v.Seq() == 0 {
		return Restored{}, fmt.Errorf("%w: there is no record at or before that moment; the oldest kept is seq %d", position.ErrInvalid, r.src.firstKept())
	}
	return r.src.restore(ctx, v, head, to, name, o)
}

// RestoreSnapshot is [Reader.Restore] with the state of one snapshot, which is
// verified whole. It refuses a snapshot that the journal contradicts. It takes one that
// the journal cannot judge, because it is damaged or gone: for this there are backups.
func (r *Reader) RestoreSnapshot(ctx context.Context, snapshot, to, name string, o Options) (made Restored, err error) {
	if err = r.begin(ctx); err != nil {
		return Restored{}, err
	}
	place, err := claimVacant(to, o)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = place.done(err) }()
	s, book, err := r.src.sound(snapshot)
	var apart *UnlinkedError
	if err != nil && !errors.As(err, &apart) {
		return Restored{}, err
	}
	made, err = r.src.restore(ctx, book.View(), headOf(s), to, name, o)
	if apart != nil {
		made.Unlinked = apart.Why()
	}
	return made, err
}

// vacancy is a directory that is held until a ledger stands in it.
type vacancy struct{ *journal.Reservation }

// claimVacant holds a directory and then sees that nothing is in it, so that of two
// restores into it one is refused and named the other. A missing directory is made.
func claimVacant(to string, o Options) (*vacancy, error) {
	exists, err := Exists(to)
	if err != nil {
		return nil, err
	}
	if exists {
		return nil, occupied(to)
	}
	held, err := journal.Reserve(to, journal.Holder{Verb: cmp.Or(o.Verb, "restore"), Since: o.WithDefaults().Now().UTC()})
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	v := &vacancy{held}
	entries, err := os.ReadDir(to)
	if err != nil {
		return nil, v.done(fmt.Errorf("%w", err))
	}
	for _, e := range entries {
		if e.Name() != "LOCK" && !durable.Litter(e.Name()) {
			return nil, v.done(occupied(to))
		}
	}
	return v, nil
}

func occupied(to string) error {
	return fmt.Errorf("%w: %s is not empty: a restore never overwrites, name a new directory", position.ErrInvalid, to)
}

// done gives the directory free, after an error as it was.
func (v *vacancy) done(err error) error {
	if err != nil {
		return errors.Join(err, v.Abandon())
	}
	return v.Release()
}

// restore makes the new ledger, of a state that was verified and the record that
// it stands on.
func (r *Source) restore(ctx context.Context, v *projector.View, head journal.Record, to, name string, o Options) (Restored, error) {
	o = o.WithDefaults()
	if o.Keys == nil { // what was encrypted does not become plain by being restored
		o.Keys = r.Keys
	}
	id, err := NewIdentity(o)
	if err != nil {
		return Restored{}, err
	}
	id.Name = name
	if name == "" {
		id.Name = fmt.Sprintf("%.22s_%s", r.ID.Name, id.ID.String()[:8])
	}
	if err = checkName(id.Name); err != nil {
		return Restored{}, err
	}
	if id, err = id.Descended(r.ID, head.Seq, fmt.Sprintf("%x", head.Chain)); err != nil {
		return Restored{}, err
	}
	if err = journal.Create(to, journal.Head{Seq: head.Seq, Epoch: head.Epoch, Chain: head.Chain, Time: head.Time}); err != nil {
		return Restored{}, fmt.Errorf("%w", err)
	}
	snaps := snapshotter.New(filepath.Join(to, "backups"), snapshotter.Options{Now: o.Now, Logger: o.Logger, Keys: o.Keys})
	written, err := WriteSnapshot(ctx, snaps, id, head, v)
	if err != nil {
		return Restored{}, err
	}
	// The new ledger will stand on nothing else.
	if _, err = LoadBook(snaps, written, r.Opts); err != nil {
		return Restored{}, err
	}
	if err = WriteIdentity(id, to); err != nil { // last: before it, the directory is no ledger
		return Restored{}, err
	}
	return Restored{
		Dir: to, Name: id.Name, ID: id.ID.String(), Parent: r.ID.ID.String(), Seq: head.Seq,
		Digest: fmt.Sprintf("%x", v.Digest()),
	}, nil
}

// ChainAt returns the head at a seq, from the journal or, where that record was
// trimmed, from the snapshot that stands on it.
func (r *Source) ChainAt(seq uint64) (journal.Record, error) {
	rec, err := r.HeadAt(seq)
	if err == nil {
		return rec, nil
	}
	list, lerr := r.Snapshots()
	if lerr != nil {
		return rec, lerr
	}
	for _, s := range list {
		if s.Seq == seq && r.Own(s) {
			return headOf(s), nil
		}
	}
	return rec, err
}

// VerifySnapshot checks one snapshot: its bytes, its ledger, its place in the
// chain, and that it loads to the digest it was written with. An [UnlinkedError]
// says that all of it is good but its place, which the journal cannot tell.
func (r *Reader) VerifySnapshot(name string) (snapshotter.Snapshot, error) {
	if err := r.made(); err != nil {
		return snapshotter.Snapshot{}, err
	}
	s, _, err := r.src.sound(name)
	return s, err
}

// sound reads one snapshot whole and checks it. It returns the state also with an
// [UnlinkedError].
func (r *Source) sound(name string) (snapshotter.Snapshot, *projector.Book, error) {
	s, err := r.Snaps.Verify(name)
	if err != nil {
		return s, nil, fmt.Errorf("%w", err)
	}
	if _, err = HeaderIdentity(s); err != nil {
		return s, nil, err
	}
	if !Owns(r.ID, s.Ledger, s.Seq) {
		return s, nil, fmt.Errorf("%w: snapshot %s belongs to another ledger", journal.ErrDamaged, name)
	}
	apart := r.held(s)
	if _, unlinked := errors.AsType[*UnlinkedError](apart); apart != nil && !unlinked {
		return s, nil, apart
	}
	book, err := LoadBook(r.Snaps, s, r.Opts)
	if err != nil {
		return s, nil, err
	}
	return s, book, apart
}

// held holds a snapshot against the journal.
func (r *Source) held(s snapshotter.Snapshot) error {
	log, err := r.OpenLog()
	var last journal.Head
	if err == nil {
		last, err = log.Last()
	}
	beyond := err == nil && s.Seq > last.Seq
	if err == nil {
		err = Linked(log, AnchorOf(s))
	}
	_, damaged := errors.AsType[*journal.DamageError](err)
	switch {
	case err == nil:
		return nil
	case beyond || damaged || errors.Is(err, journal.ErrTrimmed):
		return &UnlinkedError{Snapshot: s.Name, Err: err}
	}
	return fmt.Errorf("snapshot %s: %w", s.Name, err)
}

// headOf is the record that a snapshot stands on.
func headOf(s snapshotter.Snapshot) journal.Record {
	return journal.Record{Seq: s.Seq, Epoch: s.Epoch, Chain: s.Chain, Time: s.RecordTime}
}

// stampOf is the place of a snapshot in the history.
func stampOf(s snapshotter.Snapshot) position.Stamp {
	return position.Stamp{Seq: s.Seq, Epoch: s.Epoch, Time: position.Time(s.RecordTime)}
}

// WriteSnapshot writes a state of a ledger and the record that it stands on, at the
// pace of the Snapshotter.
func WriteSnapshot(ctx context.Context, to *snapshotter.Snapshotter, id Identity, head journal.Record, v *projector.View) (snapshotter.Snapshot, error) {
	v = v.Resting(to.Step)
	n := v.Counts()
	s, err := to.Write(ctx, snapshotter.Meta{
		Ledger: [16]byte(id.ID), Identity: string(encoded(id)), Seq: head.Seq, Epoch: head.Epoch, Chain: head.Chain, RecordTime: head.Time,
		Positions: n.Positions, Instruments: n.Instruments, Accounts: n.Accounts, Window: n.Window,
		Digest: v.Digest(),
	}, func(w io.Writer) error {
		_, err := v.WriteTo(w)
		return err //nolint:wrapcheck // Write wraps it with the snapshot's name
	})
	if err != nil {
		return s, fmt.Errorf("%w", err)
	}
	return s, nil
}
