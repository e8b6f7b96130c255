package bench

import (
	"context"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// domainRuns is how often the domain path is measured.
const domainRuns = 5

// domainAhead is how many fills the stager of a ledger with many callers takes from its
// queue at a time.
const domainAhead = 16

// usualChange is the room that the ledger asks of a batch for a change.
const usualChange = 2 << 10

// domain measures all that a fill costs between its caller and the disk on one
// processor: fingerprint, staging, encoding, frame with chain and checksum,
// publication, with the calls that the ledger makes. It is the processor time of the
// thread that does all this, but for the commits, and of the garbage collection.
func (b *bench) domain(ctx context.Context) (err error) {
	b.Note("bench: domain path, %d fills", b.Steps)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	j, err := journal.Open(filepath.Join(b.Dir, "domain"), journal.Options{Logger: b.Logger})
	if err != nil {
		return err
	}
	defer closing(j, &err)
	d := domainPath{book: projector.New(projector.Options{}), journal: j}
	if _, err = d.run(b.take(yardstick.Positions)); err != nil {
		return err
	}
	var runs []thousandths
	for range domainRuns {
		fills := b.take(b.Steps)
		runtime.GC()
		took, err := d.run(fills)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		runs = append(runs, thousandths(int64(len(fills))*int64(time.Second)/max(int64(took), 1))) // thousandths of a thousand a second
	}
	b.rep.measured(rowDomain, runs)
	return nil
}

// take makes the next n fills, of positions in no order.
func (b *bench) take(n int) []position.Mutation {
	fills := make([]position.Fill, n)
	for i := range fills {
		fills[i] = b.fills.Next()
	}
	b.draw.Shuffle(n, func(i, k int) { fills[i].Key, fills[k].Key = fills[k].Key, fills[i].Key })
	out := make([]position.Mutation, n)
	for i := range out {
		out[i] = fills[i]
	}
	return out
}

// domainPath is a book and the journal behind it.
type domainPath struct {
	book    *projector.Book
	journal *journal.Journal
	clock   position.Time
	prints  [domainAhead]wire.Fingerprint
	staged  []*projector.Staged
}

// run takes fills in groups and returns the processor time without that of the commits.
func (d *domainPath) run(fills []position.Mutation) (time.Duration, error) {
	began, collected, commits := threadCPU(), collecting(), time.Duration(0)
	for len(fills) > 0 {
		n := min(group, len(fills))
		batch, err := d.group(fills[:n])
		if err != nil {
			return 0, err
		}
		committing := threadCPU()
		if err = d.journal.Commit(batch); err != nil {
			return 0, err
		}
		commits += threadCPU() - committing
		d.book.Publish(d.staged...)
		d.book.Reuse(d.staged...)
		d.staged, fills = d.staged[:0], fills[n:]
	}
	return threadCPU() - began - commits + collecting() - collected, nil
}

// collecting is the time that the garbage collection has had processors for itself, as
// the runtime estimates it at the end of each cycle.
func collecting() time.Duration {
	s := []metrics.Sample{{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	metrics.Read(s)
	return time.Duration((s[0].Value.Float64() + s[1].Value.Float64()) * 1e9)
}

// group stages fills and frames their changes.
func (d *domainPath) group(fills []position.Mutation) (*journal.Batch, error) {
	batch := d.journal.NewBatch()
	for len(fills) > 0 {
		ms := fills[:min(domainAhead, len(fills))]
		fills = fills[len(ms):]
		for i := range ms {
			if err := ms[i].Validate(); err != nil {
				return nil, err
			}
			d.prints[i] = wire.FingerprintOf(position.FingerprintKey{}, ms[i])
		}
		d.book.Warm(ms, d.prints[:len(ms)])
		for i := range ms {
			d.clock++
			s, err := d.book.StagePrinted(d.clock, ms[i:i+1], d.prints[i:i+1], true, nil)
			if err != nil {
				return nil, err
			}
			d.book.Accept(s)
			for k := range s.Changes {
				batch.Append(wire.AppendChange(batch.Room(usualChange), &s.Changes[k]), 0, int64(d.clock))
			}
			d.staged = append(d.staged, s)
		}
	}
	return batch, nil
}

// heapRuns is how often the heap of a book is measured.
const heapRuns = 3

// heap measures what an open position costs in live memory, with all that the book
// keeps to find it, mark it and show it, the window of duplicates apart.
func (b *bench) heap(ctx context.Context) error {
	n := max(b.Steps, b.Snapshot)
	b.Note("bench: live heap of %d positions", n)
	var runs []thousandths
	for range heapRuns {
		before := liveHeap()
		book := projector.New(projector.Options{Window: 1})
		fill := position.Fill{Side: position.Buy, Qty: position.MustParse("1.5"), Price: position.MustParse("50000.25")}
		for i := range n {
			at := position.Time(i + 1)
			fill.Meta = position.Meta{Ident: strconv.Itoa(i), Time: at}
			fill.Key = position.Key{Account: "account-" + strconv.Itoa(i/1000), Instrument: "instrument-" + strconv.Itoa(i%1000)}
			s, err := book.Stage(at, []position.Mutation{fill}, false)
			if err != nil {
				return err
			}
			book.Accept(s)
			book.Publish(s)
		}
		runs = append(runs, thousandths(1000*(liveHeap()-before)/int64(n)))
		runtime.KeepAlive(book)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	b.rep.measured(rowHeap, runs)
	return nil
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // bytes of memory
}
