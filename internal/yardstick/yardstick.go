// Package yardstick is what `holdfast bench` and the module bench measure with:
// callers that append one record after the other, the group commit and the raw
// file that a ledger is compared with, and the fills that a ledger is given.
package yardstick

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Figures are those of one measurement.
type Figures struct {
	Calls          int64
	Rate           int64 // per second
	P50, P99, P999 time.Duration
	// Used is what the process used for each call, the callers' own share
	// included.
	Used Usage
}

// Drive lets callers call op for a while, each one after its last returned. It
// returns op's first error.
func Drive(callers int, length time.Duration, op func() error) (Figures, error) {
	return drive(callers, op, func(since time.Duration) bool { return since >= length })
}

// DriveUntil is Drive until something ends, with its error.
func DriveUntil(callers int, ended <-chan error, op func() error) (Figures, error) {
	var over atomic.Bool
	var err error
	go func() {
		err = <-ended
		over.Store(true)
	}()
	f, opErr := drive(callers, op, func(time.Duration) bool { return over.Load() })
	if opErr != nil {
		return f, opErr
	}
	return f, err
}

// drive lets callers call op until enough time has passed.
func drive(callers int, op func() error, enough func(since time.Duration) bool) (Figures, error) {
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	times := make([][]time.Duration, callers)
	used := Used()
	began := time.Now() //nolint:forbidigo // it measures
	for i := range callers {
		wg.Go(func() {
			for last := began; !enough(last.Sub(began)) && failed.Load() == nil; {
				if err := op(); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				now := time.Now() //nolint:forbidigo // it measures
				times[i] = append(times[i], now.Sub(last))
				last = now
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	used = Used().Since(used)
	if p := failed.Load(); p != nil {
		return Figures{}, *p
	}
	all := slices.Concat(times...)
	if len(all) == 0 { // it was over before it began
		return Figures{}, nil
	}
	slices.Sort(all)
	return Figures{
		Calls: int64(len(all)),
		Rate:  int64(len(all)) * int64(time.Second) / int64(took),
		P50:   all[len(all)/2], P99: all[len(all)*99/100], P999: all[len(all)*999/1000],
		Used: used.Per(int64(len(all))),
	}, nil
}

// Committer makes n records durable with one sync.
type Committer interface {
	Commit(n int) error
	Close() error
}

// The bounds of the ledger's own group commit.
const (
	queueSize = 4096
	groupSize = 4096
)

// Group gives a [Committer] the group commit of the ledger: what queued while
// one sync ran is the next group, and when the disk is free the queue is
// drained until it stops growing.
type Group struct {
	c     Committer
	queue chan *request
	ended chan struct{}
}

// request is one append. err is set before done is closed.
type request struct {
	done chan struct{}
	err  error
}

// Gather starts the group commit; Close ends it.
func Gather(c Committer) *Group {
	g := &Group{c: c, queue: make(chan *request, queueSize), ended: make(chan struct{})}
	go g.loop()
	return g
}

// Append returns when one record more is durable. It is called by many
// goroutines.
func (g *Group) Append() error {
	req := &request{done: make(chan struct{})}
	g.queue <- req
	<-req.done
	return req.err
}

func (g *Group) loop() {
	defer close(g.ended)
	var group []*request
	for req := range g.queue {
		group = g.fill(append(group[:0], req))
		err := g.c.Commit(len(group))
		for _, req := range group {
			req.err = err
			close(req.done)
		}
	}
}

// fill takes what is queued, letting callers run until nothing more comes.
func (g *Group) fill(group []*request) []*request {
	for idle := 0; idle < 2 && len(group) < groupSize; {
		select {
		case req, ok := <-g.queue:
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

// Close closes the committer. It must not be called before every Append has
// returned.
func (g *Group) Close() error {
	close(g.queue)
	<-g.ended
	return g.c.Close()
}

// rawFile appends records to a plain file and calls fdatasync.
type rawFile struct {
	f      *os.File
	record []byte
	buf    []byte
	// room is the size of a file that was filled with zeros beforehand, which
	// is overwritten from the beginning again at its end; 0: the file grows.
	room, at int64
}

// OpenRaw creates the file that a ledger is compared with, and gathers its
// callers. Each record has so many bytes. With room, the file is that many bytes
// of zeros beforehand and does not grow.
func OpenRaw(path string, record int, room int64) (*Group, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, fmt.Errorf("raw file: %w", err)
	}
	r := &rawFile{f: f, record: make([]byte, record), room: room}
	for i := range r.record {
		r.record[i] = byte(i)
	}
	zeros := make([]byte, min(room, 1<<20))
	for n := int64(0); n < room && err == nil; n += int64(len(zeros)) {
		_, err = f.WriteAt(zeros, n)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Close() // what it was made for has failed
		return nil, fmt.Errorf("raw file: %w", err)
	}
	return Gather(r), nil
}

// Commit implements [Committer].
func (r *rawFile) Commit(n int) error {
	r.buf = r.buf[:0]
	for range n {
		r.buf = append(r.buf, r.record...)
	}
	if r.room > 0 && r.at+int64(len(r.buf)) > r.room {
		r.at = 0
	}
	if _, err := r.f.WriteAt(r.buf, r.at); err != nil {
		return fmt.Errorf("raw file: %w", err)
	}
	r.at += int64(len(r.buf))
	if err := Datasync(r.f); err != nil {
		return fmt.Errorf("raw file: fdatasync: %w", err)
	}
	return nil
}

// Close implements [Committer].
func (r *rawFile) Close() error { return r.f.Close() }
