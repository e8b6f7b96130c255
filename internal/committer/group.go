package committer

import (
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// group is one sync's worth of work: the encoded records, the states they lead
// to, and the requests that wait for it. The stager owns it until it hands it over;
// batch is the encoder's from the beginning, if there is one.
type group struct {
	staged  []*projector.Staged
	handed  int // of staged, to the encoder
	waiters []*request
	records int
	bytes   int  // at most
	timed   bool // its record time was taken
	apart   bool // it is encoded by the encoder
	batch   *journal.Batch
}

func (g *group) full() bool {
	return g.records >= groupRecords || g.bytes >= groupBytes || len(g.waiters) >= groupRecords
}

// usualChange is room for nearly every encoded change, by the bound that the encoding
// asks for.
const usualChange = 2 << 10

// encode makes frames of accepted changes, each in the place from which it is written.
// One goroutine does it at a time for all groups.
func (g *group) encode(staged *projector.Staged, to *journal.Journal) {
	if g.batch == nil {
		g.batch = to.NewBatch()
	}
	for i := range staged.Changes {
		change := &staged.Changes[i]
		var f journal.Flags
		if change.Kind == position.EpochBegun {
			f |= journal.Control
		}
		if i < len(staged.Changes)-1 {
			f |= journal.More
		}
		g.batch.Append(wire.AppendChange(g.batch.Room(usualChange), change), f, int64(staged.At))
	}
}

// emptied returns the group to be used again. Requests that were answered are their
// callers'.
func (g *group) emptied() *group {
	clear(g.staged)
	clear(g.waiters)
	*g = group{staged: g.staged[:0], waiters: g.waiters[:0]}
	return g
}
