package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/keyring"
)

// Report is what [Check] found.
type Report struct {
	First    uint64
	Last     Head // the last good record; Seq is First-1 when there is none
	Durable  uint64
	Records  uint64
	Bytes    int64 // of the segments, without what is only sized in advance
	Segments int
	Clean    bool // MARK says that the ledger was closed cleanly
	// Keys are the ids of the keys under which records are encrypted, oldest
	// first. To check needs none of them.
	Keys []keyring.ID
	// Damages are what Open refuses, and Notices what it puts right or what
	// is only worth knowing.
	Damages []*DamageError
	Notices []Notice
}

// Check verifies every record of the ledger in dir, the names of its files and
// MARK, and reports everything that it finds. It takes no lock and changes
// nothing. The error says that the ledger could not be read; damage is in the
// report. A writer that trims faster than the check reads gives a [TrimmedError].
func Check(dir string) (Report, error) { return CheckContext(context.Background(), dir) }

// CheckContext is [Check] until a context ends, which gives its error. It is asked
// between segments.
func CheckContext(ctx context.Context, dir string) (Report, error) {
	var last *DamageError
	for try := 1; ; try++ {
		before, found, err := readMark(dir)
		if err == nil && !found {
			if _, statErr := os.Stat(filepath.Join(dir, journalDir)); statErr != nil {
				return Report{}, fmt.Errorf("journal: check: %w", statErr)
			}
		}
		rep, err := check(ctx, dir)
		if err == nil && len(rep.Damages) == 0 {
			return rep, nil
		}
		// A writer that opens, trims or closes meanwhile changes MARK first. One
		// that appends to what was sized in advance does not, and can be caught
		// in the middle of it, but not twice at the same place.
		if ctx.Err() != nil {
			return rep, err
		}
		after, _, markErr := readMark(dir)
		same := len(rep.Damages) > 0 && again(last, rep.Damages[0])
		switch {
		case markErr != nil, before == after && (err != nil || before.clean || same):
			return rep, err
		case try == checkTries && before.first != after.first && !same:
			return Report{}, &TrimmedError{Seq: before.first, Earliest: after.first} // under every look
		case try == checkTries:
			return rep, err
		}
		if last = nil; len(rep.Damages) > 0 {
			last = rep.Damages[0]
		}
	}
}

// again reports whether b is the damage that was found before.
func again(a, b *DamageError) bool {
	return a != nil && a.File == b.File && a.Offset == b.Offset && a.Seq == b.Seq
}

func check(ctx context.Context, dir string) (Report, error) {
	s, err := surveyLedger(ctx, dir, testimony{begun: true}, false)
	if err == nil {
		return report(s)
	}
	var damage *DamageError
	if !errors.As(err, &damage) {
		return Report{}, err
	}
	rep := Report{Damages: []*DamageError{damage}}
	if damage.File != markName {
		return rep, nil
	}
	// Without MARK the rest can still be looked at.
	if s, err = surveyLedger(ctx, dir, testimony{begun: true}, true); err != nil {
		if errors.As(err, &damage) {
			if *damage != *rep.Damages[0] {
				rep.Damages = append(rep.Damages, damage)
			}
			err = nil
		}
		return rep, err
	}
	more, err := report(s)
	more.Damages = append(rep.Damages, more.Damages...)
	return more, err
}

// report puts what a look at a ledger found into words.
func report(s *survey) (Report, error) {
	rep := Report{
		First: s.mark.first, Last: s.last, Durable: s.known, Clean: s.mark.clean,
		Segments: len(s.segs), Damages: s.damages, Keys: s.keysUsed(),
	}
	for i := range s.segs {
		rep.Records += s.segs[i].records
		rep.Bytes += s.segs[i].used
	}
	if len(s.damages) == 0 {
		var damage *DamageError
		if err := s.judge(); errors.As(err, &damage) {
			rep.Damages = append(rep.Damages, damage)
		} else if err != nil {
			return rep, err
		}
	}
	rep.Notices = s.notices(len(rep.Damages) > 0)
	return rep, nil
}
