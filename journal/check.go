package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
	"github.com/moneyprinter/holdfast/keyring"
)

// Report is what [Check] found.
type Report struct {
	First    uint64
	Last     segment.Head // the last good record; Seq is First-1 when there is none
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
	Damages []*segment.DamageError
	Notices []segment.Notice
}

// Check verifies every record of the ledger in dir, the names of its files and
// MARK, and reports everything that it finds. It takes no lock and changes
// nothing. The error says that the ledger could not be read; damage is in the
// report. A writer that trims faster than the check reads gives a [TrimmedError].
func Check(dir string) (Report, error) { return CheckContext(context.Background(), dir) }

// CheckContext is [Check] until a context ends, which gives its error. It is asked
// between segments.
func CheckContext(ctx context.Context, dir string) (Report, error) {
	var last *segment.DamageError
	for try := 1; ; try++ {
		before, found, err := segment.ReadMark(dir)
		if err == nil && !found {
			if _, statErr := os.Stat(filepath.Join(dir, segment.JournalDir)); statErr != nil {
				return Report{}, fmt.Errorf("check: %w", statErr)
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
		after, _, markErr := segment.ReadMark(dir)
		same := len(rep.Damages) > 0 && again(last, rep.Damages[0])
		switch {
		case markErr != nil, before == after && (err != nil || before.Clean || same):
			return rep, err
		case try == segment.CheckTries && before.First != after.First && !same:
			return Report{}, &TrimmedError{Seq: before.First, Earliest: after.First} // under every look
		case try == segment.CheckTries:
			return rep, err
		}
		if last = nil; len(rep.Damages) > 0 {
			last = rep.Damages[0]
		}
	}
}

// again reports whether b is the damage that was found before.
func again(a, b *segment.DamageError) bool {
	return a != nil && a.File == b.File && a.Offset == b.Offset && a.Seq == b.Seq
}

func check(ctx context.Context, dir string) (Report, error) {
	s, err := segment.Look(ctx, dir, segment.Testimony{Begun: true}, false, nil)
	if err == nil {
		return report(s)
	}
	var damage *segment.DamageError
	if !errors.As(err, &damage) {
		return Report{}, err
	}
	rep := Report{Damages: []*segment.DamageError{damage}}
	if damage.File != segment.MarkName {
		return rep, nil
	}
	// Without MARK the rest can still be looked at.
	if s, err = segment.Look(ctx, dir, segment.Testimony{Begun: true}, true, nil); err != nil {
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
func report(s *segment.Survey) (Report, error) {
	rep := Report{
		First: s.Mark.First, Last: s.Last, Durable: s.Known, Clean: s.Mark.Clean,
		Segments: len(s.Segs), Damages: s.Damages, Keys: s.KeysUsed(),
	}
	for i := range s.Segs {
		rep.Records += s.Segs[i].Records
		rep.Bytes += s.Segs[i].Used
	}
	if len(s.Damages) == 0 {
		var damage *segment.DamageError
		if err := s.Judge(); errors.As(err, &damage) {
			rep.Damages = append(rep.Damages, damage)
		} else if err != nil {
			return rep, err
		}
	}
	rep.Notices = s.Notices(len(rep.Damages) > 0)
	return rep, nil
}
