// Package daemon is what runs while a ledger is served: the ledger with its bus
// and its HTTP endpoints, opened again as often as it fails in a way that another
// opening mends.
//
// A [Daemon] owns three things that are started and ended together: a bus, a
// ledger that publishes on it, and an HTTP server that reads. When the ledger
// fails, bus and HTTP stay in place and answer from what was durable; a new ledger
// takes its place. A failed fsync, damage and a directory that was moved end the
// daemon instead: opening again does not mend them.
//
// The package reads no flags and no environment; what it is told stands in [Options].
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/keyring"
)

// Options say what a daemon runs. A Daemon owns the bus and the listener from
// [Start] on, whether that succeeds or not.
type Options struct {
	// Dir is the directory of the ledger.
	Dir string
	// Ledger are the options of each opening, those of the bus included.
	Ledger holdfast.Options
	// Bus is what the ledger publishes on; nil for none.
	Bus *Bus
	// HTTP is where the endpoints are answered; nil for nowhere.
	HTTP net.Listener
	// Token is what HTTP clients must send; nil asks for none.
	Token *Token
	// Hangup asks to read the keys again; nil for a daemon that is never asked.
	Hangup <-chan os.Signal
	// ReadKeys reads the keys from their source; nil when there is none.
	ReadKeys func(context.Context) (*keyring.Ring, error)
	Log      *slog.Logger
}

// Daemon is a ledger that is served.
type Daemon struct {
	o       Options
	current atomic.Pointer[holdfast.Ledger]
	web     *http.Server // nil without HTTP

	reopening reopening
}

// Start opens the ledger and answers on HTTP.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	l, err := holdfast.Open(ctx, o.Dir, o.Ledger)
	if err != nil {
		if o.HTTP != nil {
			err = errors.Join(err, o.HTTP.Close())
		}
		_ = o.Bus.Close() // why the ledger did not open is what matters
		return nil, err
	}
	d := &Daemon{o: o}
	d.current.Store(l)
	if o.HTTP != nil {
		d.web = newWeb(d, o.HTTP.Addr(), o.Token)
		go func() {
			if err := d.web.Serve(o.HTTP); !errors.Is(err, http.ErrServerClosed) {
				o.Log.Error("HTTP ended", "err", err)
			}
		}()
	}
	return d, nil
}

// Ledger is the one that is open, or that was until it failed.
func (d *Daemon) Ledger() *holdfast.Ledger { return d.current.Load() }

// Attend runs do, and answers a hangup meanwhile.
func (d *Daemon) Attend(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case err := <-done:
			return err
		case <-d.o.Hangup:
			d.rotate(ctx)
		}
	}
}

// busPatience is how long the bus may take before the daemon says that it is
// ready without it.
const busPatience = 5 * time.Second

// AwaitBus waits until the request API is offered: the relay's first look at its
// stream comes after that on the same connection. A bus that is down is no
// reason not to begin.
func (d *Daemon) AwaitBus(ctx context.Context) {
	if d.o.Bus == nil {
		return
	}
	patience := time.NewTimer(busPatience)
	defer patience.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if s := d.Ledger().Relay().Status(); s.Resyncs > 0 || s.State == bus.StateStopped {
			return
		}
		select {
		case <-tick.C:
		case <-patience.C:
			d.o.Log.Warn("bus not reached yet; events and requests follow when it is", "url", d.o.Bus.Reach)
			return
		case <-ctx.Done():
			return
		}
	}
}

// Close ends everything in the reverse order of the start.
func (d *Daemon) Close() error {
	var errs []error
	if d.web != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if d.web.Shutdown(ctx) != nil {
			errs = append(errs, d.web.Close()) // a verification that takes longer is broken off
		}
		cancel()
	}
	return errors.Join(append(errs, d.Ledger().Close(), d.o.Bus.Close())...)
}
