package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/journal"
)

// compareCopy compares the ledger with another directory of it, record by record.
func (r auditor) compareCopy(ctx context.Context, a *Against, w *Evidence) error {
	reader, err := archive.OpenReader(w.Source)
	if err != nil {
		return unusable(err)
	}
	src, err := archive.SourceOf(reader)
	if err != nil {
		return unusable(err)
	}
	other := auditor{src}
	limit, related := r.shares(other.ID.ID)
	if !related {
		limit, related = other.shares(r.ID.ID)
	}
	if !related {
		a.find(w, 0, fmt.Sprintf("it is of the ledger %s, this is %s", w.Ledger, r.ID.ID))
		return nil
	}
	mine, theirs, err := r.common(ctx, other)
	if err != nil {
		return err
	}
	w.Seq = theirs.End.Seq
	start := max(mine.Base, theirs.Base)
	have, mineKnown := mine.At[start]
	saw, theirsKnown := theirs.At[start]
	switch {
	case mine.End.Seq < start && mine.Broken == nil:
		a.DiffersFrom, a.DiffersTo = mine.End.Seq+1, mine.End.Seq+1
		a.find(w, a.DiffersFrom, fmt.Sprintf("the ledger ends at seq %d, the copy begins behind seq %d: records were removed from the end", mine.End.Seq, start))
		return nil
	case start > limit, !theirsKnown || !mineKnown:
		w.Verdict = VerdictUnchecked
		a.notice(w, fmt.Sprintf("cannot be checked, trimmed: the ledger keeps records behind seq %d, the copy has seq %d to %d", mine.Base, theirs.Base+1, theirs.End.Seq))
		return nil
	case have != saw:
		a.DiffersFrom, a.DiffersTo = 1, start
		a.find(w, 0, fmt.Sprintf("the ledger does not have the copy's history: the first record that differs lies at or before seq %d, where the common part begins", start))
		return nil
	}
	a.Proven, w.Verdict = start, VerdictFits
	return r.lockstep(ctx, a, w, other, limit)
}

// common looks at the chains of two ledgers where the part that both keep begins.
func (r auditor) common(ctx context.Context, other auditor) (mine, theirs *archive.ChainRun, err error) {
	if mine, err = r.ReadChain(ctx, 0, nil); err != nil {
		return nil, nil, err
	}
	if theirs, err = other.ReadChain(ctx, 0, nil); err != nil {
		return nil, nil, unusable(err)
	}
	start := max(mine.Base, theirs.Base)
	if mine, err = r.ReadChain(ctx, 0, []uint64{start}); err != nil {
		return nil, nil, err
	}
	if theirs, err = other.ReadChain(ctx, 0, []uint64{start}); err != nil {
		return nil, nil, unusable(err)
	}
	return mine, theirs, nil
}

// lockstep reads both ledgers side by side from the place on that was found equal.
func (r auditor) lockstep(ctx context.Context, a *Against, w *Evidence, other auditor, limit uint64) error {
	nextMine, stopMine, err := r.pull(a.Proven + 1)
	if err != nil {
		return err
	}
	defer stopMine()
	nextTheirs, stopTheirs, err := other.pull(a.Proven + 1)
	if err != nil {
		return unusable(err)
	}
	defer stopTheirs()
	for a.Proven < limit {
		if err = ctx.Err(); err != nil {
			return fmt.Errorf("%w", err)
		}
		saw, err, more := nextTheirs()
		if !more || err != nil {
			return a.copyEnds(w, err)
		}
		w.Seq = saw.Seq
		have, err, more := nextMine()
		switch {
		case err != nil:
			return a.ledgerEnds(w, err)
		case !more:
			a.DiffersFrom, a.DiffersTo = saw.Seq, saw.Seq
			a.find(w, saw.Seq, fmt.Sprintf("the ledger ends at seq %d, the copy goes on: records were removed from the end or an older copy was put back", a.Proven))
			return nil
		case have.Chain != saw.Chain:
			a.DiffersFrom, a.DiffersTo = saw.Seq, saw.Seq
			a.find(w, saw.Seq, fmt.Sprintf("the ledger does not have the copy's history: the first record that differs is seq %d", saw.Seq))
			return nil
		}
		a.Proven = saw.Seq
	}
	return nil
}

// pull reads the records one by one. The journal's own end is as good as a
// bound: beside a live writer there may be more than is durable.
func (r auditor) pull(from uint64) (next func() (journal.Record, error, bool), stop func(), err error) {
	log, err := r.StoredLog()
	if err != nil {
		return nil, nil, fmt.Errorf("%w", err)
	}
	next, stop = iter.Pull2(log.Records(from))
	return next, stop, nil
}

// copyEnds is called where the copy has no more to say.
func (a *Against) copyEnds(w *Evidence, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, journal.ErrDamaged) {
		a.notice(w, fmt.Sprintf("the copy is damaged itself and was compared up to seq %d only: %v", a.Proven, err))
		return nil
	}
	return unusable(err)
}

// ledgerEnds is called where the ledger cannot be read.
func (a *Against) ledgerEnds(w *Evidence, err error) error {
	if errors.Is(err, journal.ErrDamaged) {
		a.notice(w, fmt.Sprintf("the ledger is damaged and was compared up to seq %d only: %v", a.Proven, err))
		return nil
	}
	return fmt.Errorf("%w", err)
}
