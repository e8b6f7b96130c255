package journal

import (
	"iter"
	"sync"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// meanwhile hands what [Open] verifies to [Options].Meanwhile.
type meanwhile struct {
	r    *Reader
	from uint64
	take func(iter.Seq2[segment.Record, error])
	done sync.WaitGroup
}

func newMeanwhile(dir string, o *Options) *meanwhile {
	m := &meanwhile{r: &Reader{dir: dir, vault: segment.NewVault(o.Keys)}}
	if o.Meanwhile != nil {
		m.from, m.take = o.Meanwhile()
	}
	return m
}

// tap begins with the segment that holds the first record that is wanted.
func (m *meanwhile) tap() segment.Tap {
	if m.take == nil {
		return nil
	}
	return func(segs []segment.File, mark *segment.Mark) []*segment.Lane {
		lanes, stop, skip := make([]*segment.Lane, len(segs)), make(chan struct{}), 0
		for i := range segs {
			if i+1 < len(segs) && segs[i+1].First <= m.from {
				skip = i + 1
				continue
			}
			lanes[i] = segment.NewLane(&segs[i], m.from, m.r.opener(), stop)
		}
		m.done.Go(func() {
			defer close(stop) // whoever verifies waits for nobody
			m.take(m.records(segs[skip:], lanes[skip:], mark))
		})
		return lanes
	}
}

// wait returns when nobody reads any more.
func (m *meanwhile) wait() { m.done.Wait() }

// records yields what lanes hand on. A flaw of the newest segment ends it without a
// word: a torn tail is no error, and whether it is one is not known yet.
func (m *meanwhile) records(segs []segment.File, lanes []*segment.Lane, mark *segment.Mark) iter.Seq2[segment.Record, error] {
	return func(yield func(segment.Record, error) bool) {
		p := &pass{r: m.r, opener: m.r.opener(), next: max(m.from, mark.First), mark: *mark, yield: yield, unjudged: true}
		p.lanes(segs, lanes)
	}
}
