package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/service"
)

// Pauses between two tries to open a ledger that has failed. A pause is never
// shorter than the try before it took, so that a large ledger on a disk that
// stays full is not verified all the time.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 30 * time.Second
)

// reopening is what a daemon tells of its tries. Its zero value is a ledger that
// never failed.
type reopening struct {
	mu sync.Mutex // guards the fields below

	reopened uint64 // times that the ledger was opened again
	tries    uint64 // that did not succeed
	active   bool   // the ledger is closed, and is to be opened again
	last     error  // what ended the writing or a try, newest
	at       time.Time
	past     holdfast.Faults // of the ledgers before this one
}

// note changes what is told.
func (r *reopening) note(change func(*reopening)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// Supervise keeps the ledger writable until ctx ends, which gives nil. A ledger
// that failed is closed and opened again, in this process, as often as it takes.
// A failure that opening again cannot mend ends it, such as a failed fsync, damage or
// a directory that was moved.
func (d *Daemon) Supervise(ctx context.Context) error {
	pause := time.Duration(0)
	for {
		l := d.Ledger()
		began := l.View().Seq()
		again := false
		select {
		case <-ctx.Done():
		case <-d.o.Hangup:
			again = true
		case <-l.Failed():
		}
		if ctx.Err() != nil { // what is ready beside the end does not count, whichever was drawn
			return stoppedWith(l)
		}
		if again {
			d.rotate(ctx)
			continue
		}
		if l.View().Seq() > began+1 { // more than the epoch's own record: it was well for a while
			pause = 0
		}
		err := l.Err()
		d.reopening.note(func(r *reopening) { r.active, r.last, r.at = true, err, time.Now() })
		if errors.Is(err, holdfast.ErrSync) {
			return fmt.Errorf("%w: nothing may be tried again; restart to repair and go on", err)
		}
		if lasting(err) {
			return err
		}
		if pause, err = d.reopen(ctx, l, pause); err != nil {
			return err
		}
	}
}

// stoppedWith is what a daemon that was told to stop has to say of its ledger: a
// failed fsync is never passed over.
func stoppedWith(l *holdfast.Ledger) error {
	if err := l.Err(); errors.Is(err, holdfast.ErrSync) {
		return fmt.Errorf("%w", err)
	}
	return nil
}

// reopen closes a ledger that failed and opens it again, with the bus, its
// listeners and HTTP in place: what reads is answered from the old one meanwhile.
// It returns the pause that the next failure has to wait at least, unless the
// ledger does well until then.
func (d *Daemon) reopen(ctx context.Context, old *holdfast.Ledger, pause time.Duration) (time.Duration, error) {
	if err := old.Close(); err != nil {
		return 0, err
	}
	withdraw := d.standIn(ctx, old)
	defer withdraw()
	for {
		if !wait(ctx, pause) {
			return 0, nil
		}
		began := time.Now()
		l, err := holdfast.Open(ctx, d.o.Dir, d.o.Ledger)
		took := time.Since(began)
		pause = max(min(max(2*pause, firstPause), longPause), took)
		if err == nil {
			d.replace(old, l)
			d.o.Log.Info("ledger open again", "seq", l.View().Seq(), "took", took)
			d.AwaitBus(ctx) // its own request API is there before the other one goes
			return pause, nil
		}
		d.reopening.note(func(r *reopening) {
			r.last, r.at = err, time.Now()
			r.tries++
		})
		switch {
		case ctx.Err() != nil:
			return 0, nil
		case errors.Is(err, holdfast.ErrSync):
			return 0, fmt.Errorf("%w: nothing may be tried again; restart to repair and go on", err)
		case lasting(err) || holdfast.FaultKind(err) == "other" && !errors.Is(err, holdfast.ErrInUse):
			return 0, err
		}
		d.o.Log.Error("ledger not opened again yet", "kind", holdfast.FaultKind(err), "err", err, "next_try_in", pause)
	}
}

// lasting reports whether neither time nor another start mends an error. Damage is
// for a repair, and a directory that was moved is to be opened where it is: to open
// it here would make another one in its place.
func lasting(err error) bool {
	return errors.Is(err, holdfast.ErrDamaged) || errors.Is(err, holdfast.ErrMoved)
}

// replace puts the new ledger in the place of the old one.
func (d *Daemon) replace(old, l *holdfast.Ledger) {
	f := old.Faults()
	d.current.Store(l)
	d.reopening.note(func(r *reopening) {
		r.active = false
		r.reopened++
		r.past.Snapshots += f.Snapshots
		r.past.MarkFiles += f.MarkFiles
		r.past.Trims += f.Trims
	})
}

// wait returns false when ctx ends before the pause does.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// standIn answers requests on the bus from a ledger that is closed, until it is
// withdrawn. A bus that is away holds nothing up: then nobody asks.
func (d *Daemon) standIn(ctx context.Context, old *holdfast.Ledger) (withdraw func()) {
	if d.o.Bus == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		nc, err := d.o.Bus.Connect(ctx)
		if err != nil {
			d.o.Log.Warn("no requests are answered until the ledger is open again", "err", err)
			return
		}
		defer nc.Close()
		stop, err := service.Offer(old, nc)
		if err != nil {
			d.o.Log.Warn("no requests are answered until the ledger is open again", "err", err)
			return
		}
		<-ctx.Done()
		stop()
		_ = nc.FlushTimeout(time.Second) // the last answers; whoever misses one asks again
	})
	return func() {
		cancel()
		done.Wait()
	}
}
