package committer

import (
	"fmt"
	"time"

	"github.com/moneyprinter/holdfast/position"
)

// slowdown is how much slower than real time record time passes while the clock is
// behind the newest record: it neither stands still nor keeps the clock from
// catching up.
const slowdown = 2

// recordClock makes record times of the readings of a clock. They never decrease.
type recordClock struct {
	// While the clock is behind: when it was first seen to be, and the newest
	// record time then. since is zero while the clock is not behind.
	since time.Time
	from  position.Time
}

// maxShut is how much of the time that a ledger was closed passes in record time, at
// half speed, where the clock is behind.
const maxShut = 48 * time.Hour

// since is the clock of a ledger that was written to last at a time that the file
// system tells, and whose newest record has the time last.
func since(written, now time.Time, last position.Time) recordClock {
	if written.IsZero() || written.After(now) {
		return recordClock{}
	}
	if now.Sub(written) > maxShut {
		written = now.Add(-maxShut)
	}
	return recordClock{since: written, from: last}
}

// read returns the record time of a reading, where last is the newest one.
func (c *recordClock) read(now time.Time, last position.Time) (position.Time, error) {
	at, err := position.At(now)
	if err != nil {
		return 0, fmt.Errorf("clock: %w", err)
	}
	if at >= last {
		c.since = time.Time{}
		return at, nil
	}
	passed := now.Sub(c.since) // by the monotonic clock, where there is one
	if c.since.IsZero() || passed < 0 {
		c.since, c.from = now, last
		return last, nil
	}
	return max(last, c.from+position.Time(passed/slowdown)), nil
}

// time gives a request its record time. One reading of the clock does for a group,
// but a request that is dated after it is held against a new one: it must not pass for
// ahead of the clock because it came while the group was filled. A request that was
// taken from the queue before the clock was read came before that, so one reading does
// for all that were taken together.
func (s *stager) time(g *group, req *request) error {
	if g.timed && (s.read || !s.dated(req)) {
		return nil
	}
	at, err := s.clock.read(s.c.o.Now(), s.last)
	if err != nil {
		return err
	}
	s.last, s.read, g.timed = at, true, true
	return nil
}

// dated reports whether a request is dated after the last reading of the clock.
func (s *stager) dated(req *request) bool {
	for _, m := range req.ms {
		if m.EventTime() > s.last {
			return true
		}
	}
	return false
}
