package main

import (
	"fmt"
	"time"

	"github.com/moneyprinter/holdfast/position"
)

// farAhead is by how much a mutation may be dated ahead of the clock before it is
// told of.
const farAhead = time.Minute

// aheadRows are mutations that were applied and are dated ahead of the clock.
type aheadRows struct {
	n        int
	first    string // its place
	farthest position.Time
}

func (a *aheadRows) note(r row, now time.Time) {
	at := r.m.EventTime()
	if at.Std().Sub(now) <= farAhead {
		return
	}
	if a.n++; a.n == 1 {
		a.first = r.place()
	}
	a.farthest = max(a.farthest, at)
}

func (a *aheadRows) String() string {
	verb := "are"
	if a.n == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%s %s dated more than a minute ahead of the clock, the first at %s, the farthest %s: check the clock or the time zone of what wrote them",
		counted(a.n, "mutation"), verb, a.first, a.farthest)
}
