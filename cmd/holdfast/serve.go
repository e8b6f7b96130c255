package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

type serveFlags struct {
	openFlags
	inputFlags
	natsFlags
	httpFlags

	ingest   []string
	evidence time.Duration
}

// nowhere is the address that turns a listener off.
const nowhere = "none"

func (a *app) serveCmd() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon: the ledger, its bus, its request API",
		Long: `Opens the ledger, creating it if need be, publishes every change on NATS and
answers requests there, until it is told to stop. When it is ready it prints one
line for each way in.

SIGINT and SIGTERM end it in order, with exit code 0, while it starts as well; a
second one ends it at once, by that signal. Where files of --ingest are cut short
by it, they are counted as ingest counts them and the exit code is 1: what is
missing is applied when they are given again. SIGHUP never ends it, nor does the
loss of who reads its log or its output.

The bus is a NATS server inside the process, with generated credentials in
DIR/nats/reader.json and writer.json, or with --nats an existing one. With
--nats-listen none there is no bus. Port 0 means any free port. Files that flags
name are read first: what is missing or wrong is exit code 2.

The HTTP address answers GET /healthz, /status, /positions, /accounts, /verify and
/metrics. Beyond loopback it needs --http-token-file, whose token clients send as
'Authorization: Bearer TOKEN' for everything but /healthz, or --http-open. Two
answers that read the journal (as_of, /verify) are made at a time; further requests
get 429 and Retry-After. Errors are JSON where the request accepts application/json.

With --key the ledger and the store of the embedded server are encrypted. On
SIGHUP the keys are read again, and when the first one is another, it writes from
then on; 'holdfast keygen --rotate FILE' puts it there. Without --key there is
nothing to read again, and the log says so.

When the journal cannot be written (no space, quota, too many files, an error of
the disk), writing stops with code 503 and reading goes on; the ledger is opened
again in the same process, with full verification, as soon as that succeeds.
/healthz, /status and /metrics say so meanwhile. A failed fsync ends the process
with exit code 1 and is never tried again: restart it, the next opening repairs
what a crash can leave. So does any failure while files of --ingest are applied.
Segments that were removed or replaced, and a directory that was moved away, end
it with exit code 3: another start would not help, or make another ledger there.

Before the journal's end is judged, the stream is asked up to where it was
published (--bus-evidence): a journal that ends before that is refused.

GET /metrics tells, besides what is there: holdfast_failed (1 while nothing can be
written), holdfast_reopened_total, holdfast_reopen_failures_total, the failures
beside the appends: holdfast_snapshot_failures_total, holdfast_mark_failures_total,
holdfast_trim_failures_total; what is ahead of the clock: holdfast_clock_ahead_seconds,
holdfast_dated_ahead_total; and holdfast_last_error{kind}, 1 for the newest's of
` + strings.Join(holdfast.FaultKinds(), ", ") + `.`,
		Example: `  holdfast serve --ingest testdata/market.ndjson
  holdfast serve --dir /var/lib/holdfast --nats nats://nats-1:4222,nats://nats-2:4222 --nats-creds daemon.creds
  nats --context "$PWD/holdfast-data/nats/reader.json" sub 'holdfast.evt.v1.main.>'`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{hangup: "reads the keys again"},
	}
	f.creation(cmd)
	f.running(cmd)
	p := cmd.Flags()
	p.StringVar(&f.listen, "nats-listen", embedded.DefaultListen, "address of the embedded NATS server, or none")
	f.natsFlags.flags(cmd)
	f.httpFlags.flags(cmd)
	p.DurationVar(&f.evidence, "bus-evidence", 2*time.Second, "how long the stream may take to say what was published before the ledger is opened; 0 does not ask")
	p.StringArrayVar(&f.ingest, "ingest", nil, "file to apply after the start; may be repeated")
	f.inputFlags.flags(cmd)
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		a.infoByDefault()
		return a.serve(ctx, &f)
	})
}

func (f *serveFlags) check(cmd *cobra.Command) error {
	if f.evidence < 0 {
		return negative("bus-evidence", f.evidence)
	}
	return errors.Join(f.natsFlags.check(cmd), f.httpFlags.check())
}

// daemon is what serve runs.
type daemon struct {
	app     *app
	options holdfast.Options // of each opening
	current atomic.Pointer[holdfast.Ledger]
	bus     *house // nil without one
	web     *http.Server
	webURL  string
	hangup  <-chan os.Signal // asks to read the keys again; nil for a daemon that gets no signals

	reopening reopening
}

// ledger is the one that is open, or that was until it failed.
func (d *daemon) ledger() *holdfast.Ledger { return d.current.Load() }

func (a *app) serve(ctx context.Context, f *serveFlags) error {
	if err := a.here("serve"); err != nil {
		return err
	}
	d := &daemon{app: a}
	if a.signals != nil {
		d.hangup = a.signals.asDaemon()
	}
	defer context.AfterFunc(ctx, func() {
		a.log.Info("stopping", "why", context.Cause(ctx))
	})()
	err := d.run(ctx, f)
	cerr := d.stop()
	if cutShort(ctx, err) && len(f.ingest) == 0 {
		err = nil // a daemon that is told to stop while it starts has done what it was told
	}
	if err == nil {
		err = cerr
	}
	if ctx.Err() != nil && err == nil {
		d.stopped()
	}
	return err
}

// run is what a daemon does from its start to the end of ctx, or to an error.
func (d *daemon) run(ctx context.Context, f *serveFlags) error {
	a := d.app
	var in *input
	if len(f.ingest) > 0 {
		var err error
		if in, err = a.openInput(ctx, &f.inputFlags, f.ingest); err != nil {
			return err
		}
		defer in.close()
		if err = a.checkRounding(ctx, in); err != nil {
			return err
		}
	}
	if err := d.start(ctx, f); err != nil {
		return err
	}
	d.reached(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.told(d.announce())
	if in != nil {
		if err := d.attend(ctx, func() error { return d.ingest(ctx, f, in) }); err != nil {
			return err
		}
	}
	return d.supervise(ctx)
}

// stopped logs where a daemon has ended that was told to.
func (d *daemon) stopped() {
	if l := d.ledger(); l != nil {
		d.app.log.Info("stopped", "seq", l.View().Seq())
	} else {
		d.app.log.Info("stopped before the ledger was open")
	}
}

// told logs that the output could not be printed. Who reads it may leave; the
// daemon serves others.
func (d *daemon) told(err error) {
	if err != nil {
		d.app.log.Warn("output not printed; the daemon goes on", "err", err)
	}
}

// attend runs do, and answers SIGHUP meanwhile.
func (d *daemon) attend(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case err := <-done:
			return err
		case <-d.hangup:
			d.rotate(ctx)
		}
	}
}

// start binds the addresses and opens the ledger.
func (d *daemon) start(ctx context.Context, f *serveFlags) error {
	a := d.app
	if err := a.checkFree(); err != nil {
		return err
	}
	o, err := a.options(&f.openFlags, "serve")
	if err != nil {
		return err
	}
	name, err := a.ledgerName(&f.openFlags)
	if err != nil {
		return err
	}
	token, err := readBearer(f.tokenFile)
	if err != nil {
		return err
	}
	web, err := listenHTTP(ctx, &f.httpFlags, token)
	if err != nil {
		return err
	}
	if host, ok := strings.CutSuffix(f.listen, ":-1"); ok { // nats-server's own way to say any port
		f.listen = host + ":0"
	}
	if f.url != "" || f.listen != nowhere {
		if d.bus, err = a.startBus(&f.natsFlags, name); err != nil {
			return errors.Join(err, closeListener(web))
		}
		o.Bus, o.Reach = d.bus.options(&f.natsFlags), d.bus.reach
		o.Bus.Evidence = cmp.Or(f.evidence, -1)
	}
	d.options = o
	l, err := holdfast.Open(ctx, a.dir, o)
	if err != nil {
		return errors.Join(err, closeListener(web))
	}
	d.current.Store(l)
	if web != nil {
		d.webURL = "http://" + web.Addr().String()
		d.web = newWeb(d, web.Addr(), token)
		go func() {
			if err := d.web.Serve(web); !errors.Is(err, http.ErrServerClosed) {
				a.log.Error("HTTP ended", "err", err)
			}
		}()
	}
	return nil
}

func listenHTTP(ctx context.Context, f *httpFlags, token *bearer) (net.Listener, error) {
	addr := f.addr
	if addr == nowhere {
		return nil, nil //nolint:nilnil // no listener is what was asked for
	}
	if host, ok := strings.CutSuffix(addr, ":-1"); ok {
		addr = host + ":0"
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("holdfast: --http %s: %w: choose another address, or none", addr, err)
	}
	if err = f.admits(l.Addr(), token); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// busPatience is how long the bus may take before the daemon says that it is
// ready without it.
const busPatience = 5 * time.Second

// reached waits until the request API is offered: the relay's first look at its
// stream comes after that on the same connection. A bus that is down is no
// reason not to begin.
func (d *daemon) reached(ctx context.Context) {
	if d.bus == nil {
		return
	}
	patience := time.NewTimer(busPatience)
	defer patience.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if s := d.ledger().Relay().Status(); s.Resyncs > 0 || s.State == bus.StateStopped {
			return
		}
		select {
		case <-tick.C:
		case <-patience.C:
			d.app.log.Warn("bus not reached yet; events and requests follow when it is", "url", d.bus.reach)
			return
		case <-ctx.Done():
			return
		}
	}
}

// ready is what serve prints when it can be used.
type ready struct {
	Ledger      string            `json:"ledger"`
	Dir         string            `json:"dir"`
	PID         int               `json:"pid"`
	Nats        string            `json:"nats,omitempty"`
	Stream      string            `json:"stream,omitempty"`
	Subjects    string            `json:"subjects,omitempty"`
	Credentials map[string]string `json:"credentials,omitempty"`
	HTTP        string            `json:"http,omitempty"`
}

func (d *daemon) announce() error {
	r := ready{Ledger: d.ledger().Identity().Name, Dir: d.app.dir, PID: os.Getpid(), HTTP: d.webURL}
	var lines []render.Pair
	if d.bus != nil {
		r.Nats, r.Stream, r.Subjects = d.bus.reach, bus.StreamName(r.Ledger), bus.EventFilter(r.Ledger)
		r.Credentials = make(map[string]string, len(d.bus.creds))
		lines = append(lines, render.Pair{"nats", fmt.Sprintf("%s  stream %s, subjects %s", r.Nats, r.Stream, r.Subjects)})
		for _, c := range d.bus.creds {
			r.Credentials[c.User] = c.File
			lines = append(lines, render.Pair{c.User, c.File})
		}
	}
	if r.HTTP != "" {
		lines = append(lines, render.Pair{"http", r.HTTP})
	}
	if d.app.output != render.AsTable {
		a := *d.app
		a.output = render.AsNDJSON // one line, so that a script can wait for it
		return a.printJSON(r)
	}
	return render.Describe(d.app.stdout, append(lines, render.Pair{"ready", fmt.Sprintf("ledger %s in %s, pid %d", r.Ledger, r.Dir, r.PID)}))
}

// ingest applies files while the daemon serves, and shows the positions. What is
// cut short is an error, like everything that keeps a file from being applied.
func (d *daemon) ingest(ctx context.Context, f *serveFlags, in *input) error {
	run := &ingestion{app: d.app, in: in, skip: f.skipInvalid, to: localTarget{ledger: d.ledger(), insist: f.insist}}
	err := run.begin(d.ledger().View())
	if err != nil {
		return err
	}
	err = run.run(ctx)
	d.told(d.app.printCounts(run, false))
	if err != nil {
		return err
	}
	d.told(d.app.printPositions(selected(d.ledger().View(), &positionsFlags{}), render.PositionTable(), "no open positions", nil))
	return nil
}

// stop ends everything in the reverse order of start.
func (d *daemon) stop() error {
	var errs []error
	if d.web != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if d.web.Shutdown(ctx) != nil {
			errs = append(errs, d.web.Close()) // a verification that takes longer is broken off
		}
		cancel()
	}
	for _, c := range []io.Closer{ledgerCloser{d.ledger()}, houseCloser{d.bus}} {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

type ledgerCloser struct{ l *holdfast.Ledger }

// Close closes the ledger, if there is one.
func (c ledgerCloser) Close() error {
	if c.l == nil {
		return nil
	}
	return c.l.Close()
}

type houseCloser struct{ h *house }

// Close stops the bus, if there is one.
func (c houseCloser) Close() error {
	if c.h == nil {
		return nil
	}
	return c.h.close()
}
