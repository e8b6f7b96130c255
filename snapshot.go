package holdfast

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// keep makes snapshots when they are due, prunes and trims after each. It ends with
// its context.
func (l *Ledger) keep(ctx context.Context) {
	var tick <-chan time.Time
	if l.opts.SnapshotInterval > 0 {
		t := time.NewTicker(l.opts.SnapshotInterval)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-l.due:
		}
		if l.Err() != nil {
			return
		}
		if l.wal.Durable() == 0 {
			continue // a new ledger has nothing to back up
		}
		_, _ = l.Snapshot(ctx) // it tells its failures itself
	}
}

// Snapshot writes a snapshot of the durable state, verifies it, prunes old ones
// and trims the journal behind the oldest that is kept. When nothing changed
// since the newest snapshot, that one is returned. Appends are not held up.
//
// A snapshot that cannot be written leaves no file and trims nothing; the next
// one is tried when it is due. A ledger that has failed makes none.
func (l *Ledger) Snapshot(ctx context.Context) (snapshotter.Snapshot, error) {
	if err := l.begin(ctx); err != nil {
		return snapshotter.Snapshot{}, err
	}
	ctx, cancel := l.whileOpen(ctx)
	defer cancel()
	l.snapshotting.Lock()
	defer l.snapshotting.Unlock()
	if err := l.commits.RefuseFailed(); err != nil {
		return snapshotter.Snapshot{}, err
	}
	if l.gone {
		return snapshotter.Snapshot{}, fmt.Errorf("%w", ErrClosed)
	}
	if err := l.wal.Watch(); err != nil { // a directory that was moved is not made anew around a snapshot
		l.noteFault(opSnapshot, "backup.failed", err)
		return snapshotter.Snapshot{}, fmt.Errorf("%w", err)
	}
	l.attempted.Store(l.wal.Durable())
	s, err := l.snapshot(ctx)
	if err != nil {
		err = closing(ctx, err)
		if ctx.Err() == nil && !errors.Is(err, ErrInvalid) {
			l.noteFault(opSnapshot, "backup.failed", err)
		}
		return s, err
	}
	l.clearFault(opSnapshot)
	if err = l.checkpointFor(ctx, s); err != nil {
		return s, err
	}
	if err = l.retire(); err != nil {
		l.noteFault(opTrim, "error", err)
		return s, err
	}
	l.clearFault(opTrim)
	return s, nil
}

// checkpointFor makes the checkpoint that belongs to a snapshot. Only a history that is
// not the one signed before is the snapshot's concern: then nothing is trimmed.
func (l *Ledger) checkpointFor(ctx context.Context, s snapshotter.Snapshot) error {
	if l.opts.Signer == nil || l.notes.Cover(s.Seq) {
		return nil
	}
	_, err := l.signCheckpoint(ctx, s.Seq, s.Digest)
	if errors.Is(err, ErrDamaged) {
		return fmt.Errorf("snapshot %s was made, but no checkpoint: %w", s.Name, err)
	}
	return nil
}

func (l *Ledger) snapshot(ctx context.Context) (snapshotter.Snapshot, error) {
	v := l.book.View()
	if v.Seq() == 0 {
		return snapshotter.Snapshot{}, fmt.Errorf("%w: there is nothing to back up yet", ErrInvalid)
	}
	if s, ok := l.newestAt(v.Seq()); ok {
		return s, nil
	}
	head, err := l.src.HeadAt(v.Seq())
	if err != nil {
		return snapshotter.Snapshot{}, err
	}
	s, err := archive.WriteSnapshot(ctx, l.src.Snaps, l.src.ID, head, v)
	if err != nil {
		return s, err
	}
	l.announce("backup.created", map[string]any{"name": s.Name, "seq": s.Seq, "bytes": s.Size})
	return s, nil
}

// newestAt returns the ledger's newest snapshot, if it stands at a seq and verifies.
func (l *Ledger) newestAt(seq uint64) (snapshotter.Snapshot, bool) {
	list, err := l.src.Snapshots()
	i := slices.IndexFunc(list, l.mine)
	if err != nil || i < 0 || list[i].Seq != seq {
		return snapshotter.Snapshot{}, false
	}
	s, err := l.src.Snaps.Verify(list[i].Name)
	return s, err == nil
}

// Checkpoint makes a checkpoint of the durable state, writes it into checkpoints/
// and announces it. Without [Options.Signer] it gives [ErrNoSigner]. Appends are
// not held up.
func (l *Ledger) Checkpoint(ctx context.Context) (*checkpoint.Note, error) {
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	l.snapshotting.Lock()
	defer l.snapshotting.Unlock()
	switch {
	case l.gone:
		return nil, fmt.Errorf("%w", ErrClosed)
	case l.opts.Signer == nil:
		return nil, fmt.Errorf("%w: checkpoints are signed: give the ledger one (Options.Signer)", ErrNoSigner)
	}
	v := l.book.View()
	if v.Seq() == 0 {
		return nil, fmt.Errorf("%w: there is nothing to vouch for yet", ErrInvalid)
	}
	return l.signCheckpoint(ctx, v.Seq(), v.Digest())
}

// signCheckpoint makes a checkpoint, announces it and removes what need not be kept of
// the older ones. It needs snapshotting.
func (l *Ledger) signCheckpoint(ctx context.Context, seq uint64, digest [32]byte) (*checkpoint.Note, error) {
	n, err := l.notes.Make(ctx, seq, digest)
	if err != nil {
		l.log.Error("checkpoint not made", "seq", seq, "err", err)
		l.announce("checkpoint.failed", map[string]any{"seq": seq, "error": err.Error()})
		return nil, err
	}
	l.log.Info("checkpoint made", "seq", n.Seq, "key", n.Keys[0])
	l.announce("checkpoint.created", audit.CheckpointOf(n))
	if err = l.notes.Thin(); err != nil {
		l.log.Warn("old checkpoints not removed", "err", err)
	}
	return n, nil
}
