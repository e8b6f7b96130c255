package committer

import "runtime"

// Bounds of the pace.
const (
	manyProcs   = 4  // from so many on there is a processor for the encoder
	manyWaiters = 64 // and groups of so many are worth handing over to it
	busiest     = 4
	busy        = busiest / 2
)

// pace decides which goroutines do the work of a group, by what was measured of the
// groups before. All of it is the stager's.
//
// Handing a group over wakes another goroutine, and its end has to be waited for: two
// switches, which cost a group of few requests more than they save. They save
// something where requests come while a group syncs, which can then be staged
// meanwhile. Callers that wait for their answers send none: nothing comes until the
// group is durable, so the stager makes it durable itself. Where there are processors
// enough and groups are large, encoding goes on beside staging as well.
type pace struct {
	flying *group // handed over and not durable yet
	free   *group // to be used again
	last   int    // requests of the group before
	press  int    // 0 to busiest: how often of late requests came while a group synced
	apart  bool   // the group before was encoded by the encoder
}

// came notes how many requests came while a group of so many synced.
func (p *pace) came(requests, of int) {
	if 4*requests >= of && requests > 0 {
		p.press = min(p.press+1, busiest)
	} else {
		p.press = max(p.press-1, 0)
	}
}

// begin returns an empty group. The encoder has its group until that is durable, so the
// next one is encoded by it as well.
func (c *Committer) begin() *group {
	p := &c.pace
	g := p.free
	if p.free = nil; g == nil {
		g = new(group)
	}
	p.apart = p.apart && p.flying != nil || p.last >= manyWaiters && runtime.GOMAXPROCS(0) >= manyProcs
	g.apart = p.apart
	return g
}

// finish makes a group durable, or has it made durable. No group is being synced.
func (c *Committer) finish(g *group) {
	p := &c.pace
	p.last = len(g.waiters)
	switch {
	case g.apart:
		p.flying = g
		c.hand(g, true)
	case p.press >= busy:
		p.flying = g
		c.groups <- g
	default:
		err := c.commit(g)
		p.came(len(c.queue), len(g.waiters))
		c.answer(g, err)
		p.free = g.emptied()
	}
}

// land waits until no group is being synced; requests came meanwhile.
func (c *Committer) land(requests int) {
	if c.pace.flying != nil {
		<-c.synced
		c.landed(requests)
	}
}

// landed is told that the group that was handed over is durable.
func (c *Committer) landed(requests int) {
	p := &c.pace
	p.came(requests, len(p.flying.waiters))
	p.free = p.flying.emptied()
	p.flying = nil
}
