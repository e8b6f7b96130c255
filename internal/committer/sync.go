package committer

import (
	"fmt"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
)

// encodeLoop turns accepted changes into frames while the stager goes on with
// the next request: encoding and hashing take as long as staging, and a group is
// ready for the disk when the slower of the two is done.
func (c *Committer) encodeLoop() {
	defer close(c.groups)
	var buf []byte
	for p := range c.handed {
		if p.group.batch == nil {
			p.group.batch = c.o.Journal.NewBatch()
		}
		for _, staged := range p.staged {
			for i := range staged.Changes {
				c := &staged.Changes[i]
				var f journal.Flags
				if c.Kind == position.EpochBegun {
					f |= journal.Control
				}
				if i < len(staged.Changes)-1 {
					f |= journal.More
				}
				buf = wire.AppendChange(buf[:0], c)
				p.group.batch.Append(buf, f, int64(staged.At))
			}
		}
		if p.last {
			c.groups <- p.group
		}
	}
}

// syncLoop makes groups durable in order, publishes them and answers.
func (c *Committer) syncLoop() {
	for g := range c.groups {
		err := c.commit(g)
		for _, req := range g.waiters {
			req.finish(err)
		}
		c.synced <- struct{}{}
	}
}

// commit makes one group durable and visible, in this order: readers never see
// what could be lost.
func (c *Committer) commit(g *group) error {
	if err := c.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	if g.batch.Len() == 0 {
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
