package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/moneyprinter/holdfast/journal"
)

// TrimTries bounds how often a reading begins anew because a writer trimmed the
// journal, or removed a snapshot, under it.
const TrimTries = 5

// standing is what a reading rests on and what a writer beside it takes away: the
// beginning of the journal, and the snapshots.
type standing struct {
	first uint64
	snaps []string
}

// Standing is what a reading that begins now rests on.
func (r *Source) Standing() standing {
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

// Moved reports whether something was taken away since.
func (r *Source) Moved(before standing) bool {
	now := r.Standing()
	return now.first != before.first || slices.ContainsFunc(before.snaps, func(name string) bool { return !slices.Contains(now.snaps, name) })
}

// untrimmed reads, and reads again from the new base where what the reading stood on
// was taken away meanwhile. A record or file that has vanished in this way is never
// damage.
func (r *Source) untrimmed(ctx context.Context, read func() error) error {
	var err error
	for range TrimTries {
		before := r.Standing()
		if err = read(); err == nil || ctx.Err() != nil || !Vanished(err) || !r.Moved(before) {
			return err
		}
	}
	return Meanwhile(err)
}

// Vanished reports whether an error may come of what a writer took away during a
// reading.
func Vanished(err error) bool {
	return errors.Is(err, journal.ErrTrimmed) || errors.Is(err, fs.ErrNotExist)
}

// Meanwhile is the error of a reading that a writer outruns. It wraps nothing of what
// the reading has found, which looks like damage.
func Meanwhile(err error) error {
	return fmt.Errorf("%w meanwhile, at each of %d tries, by the process that writes here: try again: %v", journal.ErrTrimmed, TrimTries, err) //nolint:errorlint // see above
}
