package holdfast

import (
	"sync"
	"time"

	"github.com/moneyprinter/holdfast/position"
)

// farAhead is by how much an event time, a record or a reading of the clock may be
// ahead before somebody is told: clocks that are both right may differ by as much.
const farAhead = time.Minute

// DatedAhead are the mutations that this process took with an event time of more
// than a minute after their record time: of an engine whose clock or time zone is
// wrong, or typing errors.
type DatedAhead struct {
	Mutations uint64 `json:"mutations"`
	Farthest  string `json:"farthest"` // event time, RFC 3339
	ID        string `json:"id"`       // of the mutation with that time
}

// aheadWatch keeps what was dated ahead, and says it once a second at most.
type aheadWatch struct {
	mu       sync.Mutex
	n, told  uint64
	farthest position.Time
	id       string
	// What the two clocks of the system said when they were looked at last; the
	// keeper's.
	wall      time.Time
	monotonic time.Duration // since began
	began     time.Time
}

// note takes in mutations of which one at least is far ahead of their record.
func (w *aheadWatch) note(ms []position.Mutation, record position.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range ms {
		at := m.EventTime()
		if at.AheadOf(record) <= farAhead {
			continue
		}
		w.n++
		if at > w.farthest {
			w.farthest, w.id = at, m.ID()
		}
	}
}

// status returns what was dated ahead, nil if nothing was.
func (w *aheadWatch) status() *DatedAhead {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == 0 {
		return nil
	}
	return &DatedAhead{Mutations: w.n, Farthest: w.farthest.String(), ID: w.id}
}

// untold returns how many were dated ahead since it was asked last.
func (w *aheadWatch) untold() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.n - w.told
	w.told = w.n
	return n
}

// jumped returns by how much the clock has moved against the monotonic one since
// the reading before, 0 where that is little.
func (w *aheadWatch) jumped(wall time.Time, monotonic time.Duration) time.Duration {
	wall = wall.Round(0) // without what makes Sub monotonic
	jump := wall.Sub(w.wall) - (monotonic - w.monotonic)
	first := w.wall.IsZero()
	w.wall, w.monotonic = wall, monotonic
	if first || jump.Abs() <= farAhead {
		return 0
	}
	return jump
}

// tellAhead names what was dated ahead since the last time, and a clock that
// jumped.
func (l *Ledger) tellAhead() {
	if n := l.dated.untold(); n > 0 {
		s := l.dated.status()
		l.log.Warn("mutations are dated ahead of the clock", "mutations", n, "farthest", s.Farthest, "id", s.ID)
	}
	now := time.Now() //nolint:forbidigo // the clocks of the system are compared, whatever Options.Now is
	if l.dated.began.IsZero() {
		l.dated.began = now
	}
	if jump := l.dated.jumped(now, now.Sub(l.dated.began)); jump != 0 {
		l.log.Warn("the clock jumped", "by", jump)
		l.announce("error", map[string]string{"error": "the clock jumped by " + jump.String()})
	}
}
