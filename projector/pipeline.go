package projector

import (
	"iter"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// Until says where a replay ends: before the first batch that ends after Seq or
// after the record time Time. A zero member sets no limit.
type Until struct {
	Seq  uint64
	Time position.Time
}

func (u Until) passed(s position.Stamp) bool {
	return u.Seq != 0 && s.Seq > u.Seq || u.Time != 0 && s.Time > u.Time
}

const (
	chunkRecords = 512       // a chunk ends with the first batch that reaches this
	chunkBytes   = 256 << 10 // or this
)

// chunk is some whole batches, on their way from the iterator through workers to
// the book. It is used again.
type chunk struct {
	recs []Record
	size int // of the payloads

	decoded // what a pipeline's own workers make of it
	sharded // what shards make of it
	working sync.WaitGroup
}

// decoded is the changes of a chunk.
type decoded struct {
	changes []position.Change
	prints  []wire.Fingerprint // of the causes; of a mutation's first change only
	failed  int                // index of the record that err is about
	err     error
}

func (c *chunk) add(r *Record) {
	c.recs = append(c.recs, *r)
	c.size += len(r.Payload)
}

func (c *chunk) full() bool { return len(c.recs) >= chunkRecords || c.size >= chunkBytes }

// decode runs on a worker.
func (c *chunk) decode(d *wire.Decoder, prints *position.FingerprintKey) {
	c.changes, c.prints, c.err = c.changes[:0], c.prints[:0], nil
	for i := range c.recs {
		change, err := d.Change(c.recs[i].Payload)
		if err != nil {
			c.failed, c.err = i, err
			break
		}
		var cause wire.Fingerprint
		if change.Part == 0 && change.Cause != nil && prints != nil {
			cause = wire.FingerprintOf(*prints, change.Cause)
		}
		c.changes = append(c.changes, change)
		c.prints = append(c.prints, cause)
	}
}

// pipeline takes records off an iterator, on the goroutine that calls run, has
// them worked on by some goroutines, and applies them in their order on one more.
// All of them have ended when run returns.
type pipeline struct {
	head  uint64 // the record before the first one wanted
	until Until
	apply func(*chunk) error
	// sort, if not nil, looks at a chunk before the workers do.
	sort func(*chunk)
	// workers are what is done with each chunk before it is applied. Each gets
	// all chunks, in order.
	workers []func() func(*chunk)
	// each is how many goroutines of a worker share the chunks among them.
	each int

	free, order chan *chunk
	jobs        []chan *chunk // by worker
	stopped     atomic.Bool   // apply has failed
}

// decoding is a pipeline that decodes whole changes, with their fingerprints if there is
// a key.
func decoding(head uint64, prints *position.FingerprintKey, apply func(*chunk) error) *pipeline {
	worker := func() func(*chunk) {
		var d wire.Decoder
		return func(c *chunk) { c.decode(&d, prints) }
	}
	return &pipeline{head: head, apply: apply, workers: []func() func(*chunk){worker}, each: runtime.GOMAXPROCS(0)}
}

func (p *pipeline) run(records iter.Seq2[Record, error]) error {
	depth := 2*len(p.workers)*p.each + 2
	p.free, p.order = make(chan *chunk, depth), make(chan *chunk, depth)
	for range depth {
		p.free <- new(chunk)
	}
	var workers, applier sync.WaitGroup
	for _, worker := range p.workers {
		jobs := make(chan *chunk, depth)
		p.jobs = append(p.jobs, jobs)
		for range p.each {
			workers.Go(func() {
				work := worker()
				for c := range jobs {
					work(c)
					c.working.Done()
				}
			})
		}
	}
	var applied error
	applier.Go(func() { applied = p.applyAll() })
	// Also when the iterator panics, nobody is left waiting.
	var read error
	func() {
		defer func() {
			for _, jobs := range p.jobs {
				close(jobs)
			}
			close(p.order)
			workers.Wait()
			applier.Wait()
		}()
		read = p.read(records)
	}()
	if applied != nil {
		return applied // of an earlier record than what read stopped at
	}
	return read
}

// applyAll applies chunk by chunk. After an error it still takes them all, so
// that neither reader nor workers wait for room.
func (p *pipeline) applyAll() error {
	var err error
	for c := range p.order {
		c.working.Wait()
		if err == nil {
			if err = p.apply(c); err != nil {
				p.stopped.Store(true)
			}
		}
		p.free <- c
	}
	return err
}

// read cuts the records into chunks of whole batches. A batch whose end is
// beyond the limit, or missing, is left out.
func (p *pipeline) read(records iter.Seq2[Record, error]) error {
	c := p.room()
	whole := 0 // records of c that belong to whole batches
	for r, err := range records {
		if err != nil {
			p.send(c, whole)
			return err
		}
		if want := p.head + 1; r.Seq != want {
			p.send(c, whole)
			return badRecord(want, "is missing: record %d is in its place", r.Seq)
		}
		if p.stopped.Load() {
			break
		}
		p.head = r.Seq
		c.add(&r)
		if r.More {
			continue
		}
		if p.until.passed(r.Stamp) {
			break
		}
		if whole = len(c.recs); c.full() {
			p.send(c, whole)
			c, whole = p.room(), 0
		}
	}
	p.send(c, whole)
	return nil
}

func (p *pipeline) room() *chunk {
	c := <-p.free
	clear(c.recs) // lets go what the payloads are parts of
	c.recs, c.size = c.recs[:0], 0
	return c
}

func (p *pipeline) send(c *chunk, whole int) {
	c.recs = c.recs[:whole]
	if whole == 0 {
		return
	}
	if p.sort != nil {
		p.sort(c)
	}
	c.working.Add(len(p.jobs))
	for _, jobs := range p.jobs {
		jobs <- c
	}
	p.order <- c
}
