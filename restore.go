package holdfast

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
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
}

// Restore makes a new ledger in another, empty directory with the state of this
// one at a moment: a new lineage, whose journal continues at the next seq and
// whose identity names its parent. Nothing is written before the state was
// derived and verified. The source is not changed: history is never rewound.
//
// The new ledger is encrypted if this one is, or if the options have keys: under
// those of the options, else under this one's.
//
// name is the new ledger's name, "" derives one from the parent's, so that it
// gets a stream of its own.
func (r *Reader) Restore(ctx context.Context, at Moment, to, name string, o Options) (Restored, error) {
	o = o.withDefaults()
	if o.Keys == nil { // what was encrypted does not become plain by being restored
		o.Keys = r.keys
	}
	exists, err := Exists(to)
	if err != nil {
		return Restored{}, err
	}
	if entries, _ := os.ReadDir(to); exists || len(entries) > 0 { // a missing directory is fine
		return Restored{}, fmt.Errorf("%w: %s is not empty: a restore never overwrites, name a new directory", ErrInvalid, to)
	}
	v, err := r.AsOf(ctx, at)
	if err != nil {
		return Restored{}, err
	}
	if v.Seq() == 0 {
		return Restored{}, fmt.Errorf("%w: there is no record at or before that moment; the oldest kept is seq %d", ErrInvalid, r.firstKept())
	}
	head, err := r.chainAt(v.Seq())
	if err != nil {
		return Restored{}, err
	}
	id, err := newIdentity(o)
	if err != nil {
		return Restored{}, err
	}
	id.Name = name
	if name == "" {
		id.Name = fmt.Sprintf("%.22s_%s", r.id.Name, id.ID.String()[:8])
	}
	if !ledgerName().MatchString(id.Name) {
		return Restored{}, fmt.Errorf("%w: name %q: 1 to 32 letters, digits, '-' or '_' are allowed", ErrInvalid, name)
	}
	id = id.ruledAs(r.id)
	parent := Parent{Ledger: r.id.ID, Seq: head.Seq, Chain: fmt.Sprintf("%x", head.Chain)}
	id.Parents = append([]Parent{parent}, r.id.Parents...)
	if err = journal.Create(to, journal.Head{Seq: head.Seq, Epoch: head.Epoch, Chain: head.Chain, Time: head.Time}); err != nil {
		return Restored{}, fmt.Errorf("holdfast: %w", err)
	}
	snaps := snapshotter.New(filepath.Join(to, "backups"), snapshotter.Options{Now: o.Now, Logger: o.Logger, Keys: o.Keys})
	written, err := writeSnapshot(ctx, snaps, [16]byte(id.ID), head, v)
	if err != nil {
		return Restored{}, err
	}
	// The new ledger will stand on nothing else.
	if _, err = loadBook(snaps, written, r.opts); err != nil {
		return Restored{}, err
	}
	if err = id.write(to); err != nil { // last: before it, the directory is no ledger
		return Restored{}, err
	}
	return Restored{
		Dir: to, Name: id.Name, ID: id.ID.String(), Parent: r.id.ID.String(), Seq: head.Seq,
		Digest: fmt.Sprintf("%x", v.Digest()),
	}, nil
}

// chainAt returns the head at a seq, from the journal or, where that record was
// trimmed, from the snapshot that stands on it.
func (r *Reader) chainAt(seq uint64) (journal.Record, error) {
	rec, err := r.headAt(seq)
	if err == nil {
		return rec, nil
	}
	list, lerr := r.Snapshots()
	if lerr != nil {
		return rec, lerr
	}
	for _, s := range list {
		if s.Seq == seq && r.own(s) {
			return journal.Record{Seq: seq, Epoch: s.Epoch, Chain: s.Chain, Time: s.RecordTime}, nil
		}
	}
	return rec, err
}

// SnapshotMoment is the moment a snapshot stands at, by its name.
func (r *Reader) SnapshotMoment(name string) (Moment, error) {
	s, err := r.snaps.Verify(name)
	if err != nil {
		return Moment{}, fmt.Errorf("holdfast: %w", err)
	}
	return Moment{Seq: s.Seq}, nil
}

// VerifySnapshot checks one snapshot: its bytes, its ledger, its place in the
// chain, and that it loads to the digest it was written with.
func (r *Reader) VerifySnapshot(name string) (snapshotter.Snapshot, error) {
	s, err := r.snaps.Verify(name)
	if err != nil {
		return s, fmt.Errorf("holdfast: %w", err)
	}
	log, err := r.openLog()
	if err != nil {
		return s, fmt.Errorf("holdfast: %w", err)
	}
	if !r.id.owns(s.Ledger, s.Seq) {
		return s, fmt.Errorf("%w: snapshot %s belongs to another ledger", ErrDamaged, name)
	}
	_, err = r.load(log, s)
	return s, err
}

// stampOf is the place of a snapshot in the history.
func stampOf(s snapshotter.Snapshot) position.Stamp {
	return position.Stamp{Seq: s.Seq, Epoch: s.Epoch, Time: position.Time(s.RecordTime)}
}
