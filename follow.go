package holdfast

import (
	"context"
	"time"

	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/position"
)

// markEvery is how often MARK follows the journal while it runs.
const markEvery = time.Second

// follow lets MARK follow the journal. It is a goroutine of its own and takes no lock
// that anything long holds: a tail that was lost is told from a torn one only up to
// MARK, also while a snapshot or a verification takes its time.
func (l *Ledger) follow(ctx context.Context) {
	mark := time.NewTicker(markEvery)
	defer mark.Stop()
	saved := l.wal.Durable()
	for {
		select {
		case <-ctx.Done():
			return
		case <-mark.C:
			saved = l.everySecond(saved)
		}
	}
}

// everySecond does what is due once a second: MARK follows the journal, and the bus
// hears, coalesced, what was saved and how much was refused. It returns the seq
// that was announced last.
func (l *Ledger) everySecond(saved uint64) uint64 {
	if n := l.commits.Refused(); n > 0 {
		l.announce("error.validation", map[string]uint64{"refused": n})
	}
	l.tellAhead()
	if l.Err() != nil {
		return saved
	}
	if err := l.wal.SaveMark(); err != nil {
		l.noteFault(opMark, "error", err)
	} else {
		l.clearFault(opMark)
	}
	if last := l.wal.Durable(); last != saved {
		l.announce("state.saved", map[string]uint64{"seq": last, "records": last - saved})
		return last
	}
	return saved
}

// checkClock warns when the newest record is ahead of the clock: record time
// passes at half speed until the clock has caught up.
func (l *Ledger) checkClock() {
	last := position.Time(l.wal.Last().Time)
	if ahead := l.clockBehind(); last > 0 && ahead > committer.FarAhead {
		l.log.Warn("the clock is behind the newest record", "record_time", last.String(), "ahead", ahead)
		l.announce("error", map[string]string{"error": "the clock is behind the newest record by " + ahead.String()})
	}
}

// clockWatch is what the two clocks of the system said when they were looked at last.
type clockWatch struct {
	wall      time.Time
	monotonic time.Duration // since began
	began     time.Time
}

// jumped returns by how much the clock has moved against the monotonic one since
// the reading before, 0 where that is little.
func (w *clockWatch) jumped(wall time.Time, monotonic time.Duration) time.Duration {
	wall = wall.Round(0) // without what makes Sub monotonic
	jump := wall.Sub(w.wall) - (monotonic - w.monotonic)
	first := w.wall.IsZero()
	w.wall, w.monotonic = wall, monotonic
	if first || jump.Abs() <= committer.FarAhead {
		return 0
	}
	return jump
}

// tellAhead names what was dated ahead since the last time, and a clock that
// jumped.
func (l *Ledger) tellAhead() {
	if n := l.commits.NewlyDated(); n > 0 {
		s := l.commits.DatedAhead()
		l.log.Warn("mutations are dated ahead of the clock", "mutations", n, "farthest", s.Farthest, "id", s.ID)
	}
	now := time.Now() //nolint:forbidigo // the clocks of the system are compared, whatever Options.Now is
	if l.clocks.began.IsZero() {
		l.clocks.began = now
	}
	if jump := l.clocks.jumped(now, now.Sub(l.clocks.began)); jump != 0 {
		l.log.Warn("the clock jumped", "by", jump)
		l.announce("error", map[string]string{"error": "the clock jumped by " + jump.String()})
	}
}
