package committer

import (
	"sync"
	"time"

	"github.com/moneyprinter/holdfast/position"
)

// FarAhead is by how much an event time, a record or a reading of the clock may be
// ahead before somebody is told: clocks that are both right may differ by as much.
const FarAhead = time.Minute

// DatedAhead are the mutations that were dated ahead of their records by more than
// [FarAhead].
type DatedAhead struct {
	Mutations    uint64
	Farthest, ID string
}

// datedAhead counts what was dated ahead.
type datedAhead struct {
	mu       sync.Mutex // guards the fields below
	n, told  uint64
	farthest position.Time
	id       string
}

// note takes in mutations of which one at least is far ahead of their record.
func (w *datedAhead) note(ms []position.Mutation, record position.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range ms {
		at := m.EventTime()
		if at.AheadOf(record) <= FarAhead {
			continue
		}
		w.n++
		if at > w.farthest {
			w.farthest, w.id = at, m.ID()
		}
	}
}

// status returns what was dated ahead, nil if nothing was.
func (w *datedAhead) status() *DatedAhead {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == 0 {
		return nil
	}
	return &DatedAhead{Mutations: w.n, Farthest: w.farthest.String(), ID: w.id}
}

// untold returns how many were dated ahead since it was asked last.
func (w *datedAhead) untold() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.n - w.told
	w.told = w.n
	return n
}

// DatedAhead returns what was dated ahead, nil if nothing was.
func (c *Committer) DatedAhead() *DatedAhead { return c.dated.status() }

// NewlyDated returns how many were dated ahead since it was asked last.
func (c *Committer) NewlyDated() uint64 { return c.dated.untold() }
