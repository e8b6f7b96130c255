package repair

import (
	"context"
	"errors"
	"fmt"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/journal"
	journalrepair "github.com/moneyprinter/holdfast/journal/repair"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// approve verifies, before anything is touched, that what an accepted loss leaves is
// a ledger, and returns the digest of its state; "" where nothing is given up.
func (r *repairer) approve(ctx context.Context, p *journalrepair.Plan) (digest string, err error) {
	if p.Loss == nil || !p.Loss.Accepted {
		return "", nil
	}
	if r.lost != nil {
		return "", fmt.Errorf("%w: nothing is given up while it is not known which ledger this is: %s %s", journalrepair.ErrRefused, archive.IdentityFile, r.lost.Reason)
	}
	if _, err = r.heir(p.Loss); err != nil {
		return "", fmt.Errorf("%w: %w", journalrepair.ErrRefused, err)
	}
	book, err := r.derive(ctx, p)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", book.View().Digest()), nil
}

// derive builds the state that the ledger will begin again with, from the newest
// usable snapshot or from the beginning.
func (r *repairer) derive(ctx context.Context, p *journalrepair.Plan) (*projector.Book, error) {
	want := p.Loss.From - 1
	list, err := r.src.Snapshots()
	if err != nil {
		return nil, err
	}
	var passed error
	for _, s := range list {
		if s.Err != nil || !archive.Owns(r.id, s.Ledger, s.Seq) || s.Seq > want || s.Seq+1 < p.First {
			continue
		}
		book, err := r.from(ctx, p, s)
		if err == nil {
			return book, nil
		}
		passed = errors.Join(passed, err)
	}
	if p.First <= 1 {
		return r.replay(ctx, p, projector.New(r.src.Opts), 0)
	}
	return nil, fmt.Errorf("%w: no usable snapshot gives the state at seq %d, and the journal begins with seq %d: "+
		"heal the journal from a copy, or restore a snapshot into another directory: %w",
		journalrepair.ErrRefused, want, p.First, errors.Join(passed, journal.ErrTrimmed))
}

// from derives the state from one snapshot.
func (r *repairer) from(ctx context.Context, p *journalrepair.Plan, s snapshotter.Snapshot) (*projector.Book, error) {
	fits := s.Seq == p.Loss.Before.Seq && s.Chain == p.Loss.Before.Chain
	for rec, err := range p.Records(max(s.Seq, p.First)) {
		if err != nil {
			return nil, fmt.Errorf("%w", err)
		}
		fits = fits || rec.Seq == s.Seq && rec.Chain == s.Chain || rec.Seq == s.Seq+1 && rec.Follows(s.Chain)
		break
	}
	if !fits {
		return nil, fmt.Errorf("%w: snapshot %s is not of this history", journal.ErrDamaged, s.Name)
	}
	book, err := archive.LoadBook(r.src.Snaps, s, r.src.Opts)
	if err != nil {
		return nil, err
	}
	return r.replay(ctx, p, book, s.Seq)
}

// replay brings a state to the record before the loss.
func (r *repairer) replay(ctx context.Context, p *journalrepair.Plan, book *projector.Book, after uint64) (*projector.Book, error) {
	if err := book.Replay(archive.Project(ctx, p.Records(after+1)), projector.Until{}); err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	if head := book.Head(); head != p.Loss.From-1 {
		return nil, fmt.Errorf("%w: the replay ends at seq %d, not at %d", journal.ErrDamaged, head, p.Loss.From-1)
	}
	return book, nil
}
