package ingest

import (
	"fmt"
	"time"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
)

// farAhead is by how much a mutation may be dated ahead of the clock before it is
// told of.
const farAhead = time.Minute

// Ahead are mutations that were applied and are dated ahead of the clock.
type Ahead struct {
	N        int
	first    string // its place
	farthest position.Time
}

func (a *Ahead) note(r Row, now time.Time) {
	at := r.m.EventTime()
	if at.Std().Sub(now) <= farAhead {
		return
	}
	if a.N++; a.N == 1 {
		a.first = r.Place()
	}
	a.farthest = max(a.farthest, at)
}

func (a *Ahead) String() string {
	verb := "are"
	if a.N == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%s %s dated more than a minute ahead of the clock, the first at %s, the farthest %s: check the clock or the time zone of what wrote them",
		render.Counted(a.N, "mutation"), verb, a.first, a.farthest)
}
