package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
)

// bench runs the measurements in a scratch directory.
type bench struct {
	app    *app
	dir    string
	length time.Duration
	bytes  int64 // of one record in the journal, frame included
	ids    atomic.Int64
}

// scratchOptions are those of a ledger without snapshots of its own.
func (b *bench) scratchOptions() holdfast.Options {
	return holdfast.Options{Verb: "bench", Logger: b.app.log, SnapshotInterval: -1, SnapshotEvery: 1 << 62}
}

// The book of the measurements: so many accounts hold so many instruments.
const benchAccounts, benchInstruments = 100, 100

// fill returns the next fill: over 10,000 positions, two increases for each
// reduction.
func (b *bench) fill() position.Fill {
	i := b.ids.Add(1)
	s := position.Buy
	if i%3 == 1 {
		s = position.Sell
	}
	return position.Fill{
		Meta: position.Meta{Ident: "bench-" + strconv.FormatInt(i, 10), Time: position.Time(1_700_000_000_000_000_000 + i)},
		Key: position.Key{
			Account:    "account-" + strconv.FormatInt(i%benchAccounts, 10),
			Instrument: "instrument-" + strconv.FormatInt(i/benchAccounts%benchInstruments, 10),
		},
		Side: s, Qty: position.FromInt(1 + i%7), Price: position.FromInt(100 + i%11), Fee: position.MustParse("0.0125"),
	}
}

// figures are those of one run.
type figures struct{ rate, p50, p99, p999 int64 }

// drive lets callers call op for a while, each one after its last returned.
func (b *bench) drive(callers int, op func() error) (figures, error) {
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	times := make([][]int64, callers)
	began := time.Now()
	for i := range callers {
		wg.Go(func() {
			for last := began; last.Sub(began) < b.length && failed.Load() == nil; {
				if err := op(); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				now := time.Now()
				times[i] = append(times[i], int64(now.Sub(last)))
				last = now
			}
		})
	}
	wg.Wait()
	took := int64(time.Since(began))
	if p := failed.Load(); p != nil {
		return figures{}, *p
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	return figures{
		rate: int64(len(all)) * int64(time.Second) / took,
		p50:  all[len(all)/2], p99: all[len(all)*99/100], p999: all[len(all)*999/1000],
	}, nil
}

// compare measures both sides for each number of callers.
func (b *bench) compare(ctx context.Context, callers []int, pairs int) (rows []callersRow, err error) {
	dir := filepath.Join(b.dir, "ledger")
	l, err := holdfast.Open(ctx, dir, b.scratchOptions())
	if err != nil {
		return nil, err
	}
	defer closing(l, &err)
	apply := func() error {
		_, aerr := l.Apply(ctx, b.fill())
		return aerr
	}
	// Every position is opened, which is not what is measured, and the size of a
	// record becomes known.
	if err = b.warmUp(ctx, l); err != nil {
		return nil, err
	}
	rep, err := journal.Check(dir) // the size of the files is more, see journal.Report
	if err != nil {
		return nil, err
	}
	b.bytes = rep.Bytes / int64(max(rep.Records, 1))
	raw, err := newRawLog(filepath.Join(b.dir, "raw"), b.bytes)
	if err != nil {
		return nil, err
	}
	defer closing(raw, &err)
	for _, n := range callers {
		row, err := b.pairs(ctx, n, pairs, apply, raw.append)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (b *bench) warmUp(ctx context.Context, l *holdfast.Ledger) error {
	var futures []*holdfast.Future
	for range 3 * benchAccounts * benchInstruments {
		f, err := l.ApplyAsync(ctx, b.fill())
		if err != nil {
			return err
		}
		futures = append(futures, f)
	}
	for _, f := range futures {
		if _, err := f.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pairs runs the two sides in turns, in alternating order.
func (b *bench) pairs(ctx context.Context, callers, pairs int, ledger, raw func() error) (callersRow, error) {
	var mine, theirs []figures
	var ratios []int64
	for i := range pairs {
		b.app.notef("bench: %d callers, pair %d of %d", callers, i+1, pairs)
		first, second := ledger, raw
		if i%2 == 1 {
			first, second = raw, ledger
		}
		x, err := b.drive(callers, first)
		if err != nil {
			return callersRow{}, err
		}
		y, err := b.drive(callers, second)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return callersRow{}, err
		}
		if i%2 == 1 {
			x, y = y, x
		}
		mine, theirs = append(mine, x), append(theirs, y)
		ratios = append(ratios, x.rate*1000/max(y.rate, 1))
	}
	slices.Sort(ratios)
	return callersRow{
		Callers: callers, Pairs: pairs, Ledger: sideOf(mine), Raw: sideOf(theirs),
		Ratio: thousands(middle(ratios)).number(), Low: thousands(ratios[0]).number(), High: thousands(ratios[len(ratios)-1]).number(),
	}, nil
}

func sideOf(runs []figures) side {
	pick := func(get func(figures) int64) []int64 {
		out := make([]int64, len(runs))
		for i, f := range runs {
			out[i] = get(f)
		}
		slices.Sort(out)
		return out
	}
	rates := pick(func(f figures) int64 { return f.rate })
	return side{
		Rate: middle(rates), Min: rates[0], Max: rates[len(rates)-1],
		P50:  middle(pick(func(f figures) int64 { return f.p50 })),
		P99:  middle(pick(func(f figures) int64 { return f.p99 })),
		P999: middle(pick(func(f figures) int64 { return f.p999 })),
	}
}

// middle is the median of a sorted list.
func middle(sorted []int64) int64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// rawLog is what the ledger is measured against: a goroutine that gathers its
// callers as the ledger's committer does, appends so many bytes for each and
// calls fdatasync once for all.
type rawLog struct {
	f      *os.File
	record []byte
	queue  chan *rawRequest
	ended  chan struct{}
}

// rawRequest is one append. err is set before done is closed.
type rawRequest struct {
	done chan struct{}
	err  error
}

// The committer's bounds.
const (
	rawQueue = 4096
	rawGroup = 4096
)

func newRawLog(path string, size int64) (*rawLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("holdfast: bench: %w", err)
	}
	r := &rawLog{f: f, record: make([]byte, size), queue: make(chan *rawRequest, rawQueue), ended: make(chan struct{})}
	for i := range r.record {
		r.record[i] = byte(i)
	}
	go r.commit()
	return r, nil
}

func (r *rawLog) append() error {
	req := &rawRequest{done: make(chan struct{})}
	r.queue <- req
	<-req.done
	return req.err
}

func (r *rawLog) commit() {
	defer close(r.ended)
	var group []*rawRequest
	var buf []byte
	for req := range r.queue {
		group = r.gather(append(group[:0], req))
		buf = buf[:0]
		for range group {
			buf = append(buf, r.record...)
		}
		_, err := r.f.Write(buf)
		if err == nil {
			err = unix.Fdatasync(int(r.f.Fd()))
		}
		for _, req := range group {
			req.err = err
			close(req.done)
		}
	}
}

// gather takes what is queued, letting callers run until nothing more comes.
func (r *rawLog) gather(group []*rawRequest) []*rawRequest {
	for idle := 0; idle < 2 && len(group) < rawGroup; {
		select {
		case req, ok := <-r.queue:
			if !ok {
				return group
			}
			group = append(group, req)
			idle = 0
		default:
			idle++
			runtime.Gosched()
		}
	}
	return group
}

// Close ends the goroutine and the file.
func (r *rawLog) Close() error {
	close(r.queue)
	<-r.ended
	return r.f.Close()
}
