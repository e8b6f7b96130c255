package committer

import (
	"fmt"

	"github.com/moneyprinter/holdfast/projector"
)

// handover is what the stager hands to the encoder: the Staged of a group that were
// accepted since the handover before, and, with last, word that the group is
// complete. Several go together because each handing over may have to wake the
// encoder, which costs more than staging a fill.
type handover struct {
	group  *group
	staged []*projector.Staged
	last   bool
}

// hand gives the encoder what it does not have of a group.
func (c *Committer) hand(g *group, last bool) {
	c.handed <- handover{group: g, staged: g.staged[g.handed:len(g.staged):len(g.staged)], last: last}
	g.handed = len(g.staged)
}

// encodeLoop encodes groups while the stager goes on, and passes on those that are
// complete.
func (c *Committer) encodeLoop() {
	defer close(c.groups)
	for p := range c.handed {
		for _, staged := range p.staged {
			p.group.encode(staged, c.o.Journal)
		}
		if p.last {
			c.groups <- p.group
		}
	}
}

// syncLoop makes groups durable in order while the stager goes on.
func (c *Committer) syncLoop() {
	for g := range c.groups {
		c.answer(g, c.commit(g))
		c.synced <- struct{}{}
	}
}

// answer tells all requests of a group how it ended, and gets ready for the next one.
func (c *Committer) answer(g *group, err error) {
	for _, req := range g.waiters {
		req.finish(err)
	}
	if g.records > 0 {
		c.o.Journal.Ahead()
	}
}

// commit makes one group durable and visible, in this order: readers never see
// what could be lost.
func (c *Committer) commit(g *group) error {
	if err := c.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	if g.records == 0 {
		return nil // duplicates only; what they repeat is durable by now
	}
	if err := c.o.Journal.Commit(g.batch); err != nil {
		c.Fail(err)
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, AsSyncError(err))
	}
	c.o.Book.Publish(g.staged...)
	c.o.Book.Reuse(g.staged...)
	c.o.Committed(c.o.Journal.Durable())
	return nil
}
