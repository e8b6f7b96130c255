package holdfast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// The ledger keeps these snapshots: the newest SnapshotKeep; between the retention and
// them, about one for each eighth of it; and the base, which the journal was last
// trimmed behind. The journal keeps every record behind the base, so that any moment
// from the base on can be derived. The base moves on, and the journal is trimmed up to
// it, when a newer snapshot has come of age.

// spacings is into how many parts the retention is divided by the snapshots that
// are kept beyond the newest ones.
const spacings = 8

// mine reports whether a snapshot is the ledger's own and not of another history: one
// of the same ledger and seq can be, where an older image was put back beside newer
// backups. Such a one is never counted among those that are kept, used or removed. It
// needs snapshotting, or is called before there is another goroutine.
func (l *Ledger) mine(s snapshotter.Snapshot) bool {
	if !l.src.Own(s) {
		return false
	}
	if s.Seq < l.wal.First() || s.Seq > l.wal.Durable() {
		return true // the record is not there to contradict it
	}
	who := judged{s.Name, s.Chain}
	good, known := l.judged[who]
	if !known {
		rec, err := l.src.HeadAt(s.Seq)
		if good = err != nil || rec.Chain == s.Chain; !good {
			l.log.Warn("a snapshot is of another history than the journal: it is neither used nor removed", "file", s.Name, "seq", s.Seq)
		}
		if err == nil {
			l.judged[who] = good
		}
	}
	return good
}

// judged is a snapshot whose chain was held against the journal.
type judged struct {
	name  string
	chain [32]byte
}

// Prune removes the snapshots that need not be kept and trims the journal. See
// [Options.SnapshotKeep] and [Options.Retain].
func (l *Ledger) Prune() error {
	if l.Reader == nil {
		return errNotOpened()
	}
	l.snapshotting.Lock()
	defer l.snapshotting.Unlock()
	if err := l.commits.RefuseFailed(); err != nil {
		return err
	}
	if l.gone {
		return fmt.Errorf("%w", ErrClosed)
	}
	err := l.retire()
	if err != nil {
		l.noteFault(opTrim, "error", err)
	}
	return err
}

// retire moves the base, trims the journal up to it and prunes snapshots, in this
// order: what is trimmed is covered by a snapshot that still stands.
func (l *Ledger) retire() error {
	list, err := l.src.Snapshots()
	if err != nil {
		return err
	}
	others := func(s snapshotter.Snapshot) bool { return !l.mine(s) }
	base, err := l.trim(slices.DeleteFunc(list, others))
	if err != nil {
		return err
	}
	gone, err := l.src.Snaps.Prune(func(list []snapshotter.Snapshot) []snapshotter.Snapshot {
		return expendable(slices.DeleteFunc(list, others), l.opts.SnapshotKeep, base, l.spacing())
	})
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	if len(gone) > 0 {
		names := make([]string, len(gone))
		for i, s := range gone {
			names[i] = s.Name
		}
		l.announce("backup.pruned", map[string]any{"names": names})
	}
	return nil
}

// spacing is the record time between snapshots that are kept for time travel; 0
// keeps none: nothing is retained for long, or everything for ever.
func (l *Ledger) spacing() time.Duration {
	if l.opts.Retain <= 0 || l.opts.Retain == math.MaxInt64 {
		return 0
	}
	return max(l.opts.Retain/spacings, 1)
}

// expendable picks what need not be kept of the ledger's snapshots, newest first:
// beyond the newest keep, what is older than base, and what stands closer than
// spacing behind the one before it that is kept. base 0 means that the journal
// begins at the beginning; spacing 0 keeps the base only.
func expendable(mine []snapshotter.Snapshot, keep int, base uint64, spacing time.Duration) []snapshotter.Snapshot {
	if len(mine) <= keep {
		return nil
	}
	var doomed []snapshotter.Snapshot
	var last *snapshotter.Snapshot
	for i := len(mine) - 1; i >= keep; i-- { // from the oldest on
		s := &mine[i]
		spaced := spacing > 0 && s.Seq > base && (last == nil || s.RecordTime-last.RecordTime >= int64(spacing))
		if s.Seq == base || spaced {
			last = s
			continue
		}
		doomed = append(doomed, *s)
	}
	slices.Reverse(doomed)
	return doomed
}

// trim removes the whole segments that the new base covers, and returns the seq
// the journal is based on: that of the base, or 0 while it begins at seq 1. The
// new base is the older of the oldest snapshot among the newest SnapshotKeep and
// the newest one that is past the retention; it must load to its digest first. A
// bus that lags holds it back up to TrimHold bytes.
func (l *Ledger) trim(mine []snapshotter.Snapshot) (base uint64, err error) {
	base = l.based(mine)
	age := l.comingOfAge()
	aged := slices.IndexFunc(mine, func(s snapshotter.Snapshot) bool { return age == 0 || l.wal.Age(s.Seq, s.RecordTime) > age })
	if aged < 0 {
		return base, nil
	}
	s := mine[max(aged, min(l.opts.SnapshotKeep, len(mine))-1)]
	before := s.Seq + 1
	if l.relay != nil && l.src.JournalSize() < l.opts.TrimHold {
		before = min(before, l.relay.Status().Last+1)
	}
	if !l.wal.Trimmable(before, age) {
		return base, nil
	}
	log, err := l.src.OpenLog()
	if err == nil {
		_, err = l.src.Load(log, s)
	}
	if err != nil {
		l.announce("backup.failed", map[string]string{"name": s.Name, "error": err.Error()})
		return base, fmt.Errorf("not trimmed behind %s: %w", s.Name, err)
	}
	if _, err = l.wal.Trim(before, age); err != nil {
		return base, fmt.Errorf("%w", err)
	}
	return s.Seq, nil
}

// based returns the seq of the oldest snapshot from which every later moment can
// be derived, 0 while the journal begins at seq 1.
func (l *Ledger) based(mine []snapshotter.Snapshot) uint64 {
	first := l.wal.First()
	if first <= 1 {
		return 0
	}
	for _, s := range slices.Backward(mine) {
		if s.Seq+1 >= first {
			return s.Seq
		}
	}
	return math.MaxUint64
}

// comingOfAge is the age from which on records need not be kept, 0 if they need not
// be kept at all. Age is what has passed between the records, and a clock that jumps
// ahead by more than a day adds nothing to it. A smaller jump shows in a clock that is
// behind the newest record now; that lag is added to the age asked for.
func (l *Ledger) comingOfAge() time.Duration {
	if l.opts.Retain <= 0 {
		return 0
	}
	behind := min(max(0, l.clockBehind()), 24*time.Hour)
	return l.opts.Retain + min(behind, math.MaxInt64-l.opts.Retain)
}

// clockBehind is by how much the clock is behind the newest record; it is negative
// where that is in the past, as it should be.
func (l *Ledger) clockBehind() time.Duration {
	return position.Time(l.wal.Last().Time).Std().Sub(l.opts.Now())
}
