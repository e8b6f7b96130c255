package holdfast

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// trimTries bounds how often a reading begins anew because a writer trimmed the
// journal, or removed a snapshot, under it.
const trimTries = 5

// standing is what a reading rests on and what a writer beside it takes away: the
// beginning of the journal, and the snapshots.
type standing struct {
	first uint64
	snaps []string
}

func (r *Reader) standing() standing {
	s := standing{first: r.firstKept()}
	list, err := r.Snapshots()
	if err != nil {
		return s // the reading says it
	}
	for _, snap := range list {
		s.snaps = append(s.snaps, snap.Name)
	}
	return s
}

// moved reports whether something was taken away since.
func (r *Reader) moved(before standing) bool {
	now := r.standing()
	return now.first != before.first || slices.ContainsFunc(before.snaps, func(name string) bool { return !slices.Contains(now.snaps, name) })
}

// untrimmed reads, and reads again from the new base where what the reading stood on
// was taken away meanwhile. What has vanished in this way is never damage.
func (r *Reader) untrimmed(ctx context.Context, read func() error) error {
	var err error
	for range trimTries {
		before := r.standing()
		if err = read(); err == nil || ctx.Err() != nil || !vanished(err) || !r.moved(before) {
			return err
		}
	}
	return meanwhile(err)
}

func vanished(err error) bool { return errors.Is(err, ErrTrimmed) || errors.Is(err, fs.ErrNotExist) }

// meanwhile is the error of a reading that a writer outruns. It wraps nothing of what
// the reading has found, which looks like damage.
func meanwhile(err error) error {
	return fmt.Errorf("%w meanwhile, at each of %d tries, by the process that writes here: try again: %v", ErrTrimmed, trimTries, err) //nolint:errorlint // see above
}

// repeated returns the findings that the reading before had as well: they do not come
// of what was taken away under one of them.
func (r *VerifyReport) repeated(before *VerifyReport) (same []Finding) {
	if before == nil {
		return nil
	}
	for _, f := range r.Findings {
		if slices.Contains(before.Findings, f) {
			same = append(same, f)
		}
	}
	return same
}
