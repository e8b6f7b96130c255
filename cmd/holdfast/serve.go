package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/cmd/holdfast/daemon"
	"github.com/moneyprinter/holdfast/cmd/holdfast/ingest"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/keyring"
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
		Long:  serveHelp(),
		Example: `  holdfast serve --ingest testdata/market.ndjson
  holdfast serve --dir /var/lib/holdfast --nats nats://nats-1:4222,nats://nats-2:4222 --nats-creds daemon.creds
  nats --context "$PWD/holdfast-data/nats/reader.json" sub 'holdfast.evt.v1.main.>'`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{hangup: "reads the keys again"},
	}
	f.flags(cmd)
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		a.infoByDefault()
		return a.serve(ctx, &f)
	})
}

func serveHelp() string {
	return `Opens the ledger, creating it if need be, publishes every change on NATS and
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
` + strings.Join(holdfast.FaultKinds(), ", ") + `.`
}

func (f *serveFlags) flags(cmd *cobra.Command) {
	f.creation(cmd)
	f.running(cmd)
	p := cmd.Flags()
	p.StringVar(&f.listen, "nats-listen", embedded.DefaultListen, "address of the embedded NATS server, or none")
	f.natsFlags.flags(cmd)
	f.httpFlags.flags(cmd)
	p.DurationVar(&f.evidence, "bus-evidence", 2*time.Second, "how long the stream may take to say what was published before the ledger is opened; 0 does not ask")
	p.StringArrayVar(&f.ingest, "ingest", nil, "file to apply after the start; may be repeated")
	f.inputFlags.flags(cmd)
}

func (f *serveFlags) check(cmd *cobra.Command) error {
	if f.evidence < 0 {
		return negative("bus-evidence", f.evidence)
	}
	return errors.Join(f.natsFlags.check(cmd), f.httpFlags.check())
}

// serveRun is one run of serve.
type serveRun struct {
	*daemon.Daemon

	app   *app
	flags *serveFlags
	bus   *daemon.Bus // nil without one
	http  net.Listener
}

func (a *app) serve(ctx context.Context, f *serveFlags) error {
	if err := a.here("serve"); err != nil {
		return err
	}
	var hangup <-chan os.Signal
	if a.signals != nil {
		hangup = a.signals.asDaemon()
	}
	said := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(said)
		a.log.Info("stopping", "why", context.Cause(ctx))
	})
	s := &serveRun{app: a, flags: f}
	err := s.run(ctx, hangup)
	cerr := s.stop()
	if !unwatch() {
		<-said // before it is said how that ended
	}
	if cutShort(ctx, err) && len(f.ingest) == 0 {
		err = nil // a daemon that is told to stop while it starts has done what it was told
	}
	if err == nil {
		err = cerr
	}
	if ctx.Err() != nil && err == nil {
		s.stopped()
	}
	return err
}

// run is what a daemon does from its start to the end of ctx, or to an error.
func (s *serveRun) run(ctx context.Context, hangup <-chan os.Signal) error {
	a, f := s.app, s.flags
	var in *ingest.Input
	if len(f.ingest) > 0 {
		var err error
		if in, err = a.openInput(ctx, &f.inputFlags, f.ingest); err != nil {
			return err
		}
		defer in.Close()
		if err = a.checkRounding(ctx, in); err != nil {
			return err
		}
	}
	if err := s.start(ctx, hangup); err != nil {
		return err
	}
	s.AwaitBus(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.told(s.announce())
	if in != nil {
		if err := s.Attend(ctx, func() error { return s.ingest(ctx, in) }); err != nil {
			return err
		}
	}
	return s.Supervise(ctx)
}

// start reads what the flags name, binds the addresses and opens the ledger.
func (s *serveRun) start(ctx context.Context, hangup <-chan os.Signal) error {
	a, f := s.app, s.flags
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
	token, err := readToken(f.tokenFile)
	if err != nil {
		return err
	}
	if s.http, err = listenHTTP(ctx, &f.httpFlags, token); err != nil {
		return err
	}
	if host, ok := strings.CutSuffix(f.listen, ":-1"); ok { // nats-server's own way to say any port
		f.listen = host + ":0"
	}
	if f.url != "" || f.listen != nowhere {
		if s.bus, err = a.startBus(&f.natsFlags, name); err != nil {
			if s.http != nil {
				err = errors.Join(err, s.http.Close())
			}
			return err
		}
		o.Bus, o.Reach = f.busOptions(s.bus), s.bus.Reach
		o.Bus.Evidence = cmp.Or(f.evidence, -1)
	}
	d := daemon.Options{Dir: a.dir, Ledger: o, Bus: s.bus, HTTP: s.http, Token: token, Hangup: hangup, Log: a.log}
	if a.keySource != "" {
		d.ReadKeys = func(ctx context.Context) (*keyring.Ring, error) { return readKeys(ctx, a.keySource) }
	}
	s.Daemon, err = daemon.Start(ctx, d)
	return err
}

// stop ends the daemon, if it was started.
func (s *serveRun) stop() error {
	if s.Daemon == nil {
		return nil
	}
	return s.Close()
}

// stopped logs where a daemon has ended that was told to.
func (s *serveRun) stopped() {
	if s.Daemon != nil {
		s.app.log.Info("stopped", "seq", s.Ledger().View().Seq())
	} else {
		s.app.log.Info("stopped before the ledger was open")
	}
}

// told logs that the output could not be printed. Its reader may leave; the daemon
// serves others.
func (s *serveRun) told(err error) {
	if err != nil {
		s.app.log.Warn("output not printed; the daemon goes on", "err", err)
	}
}

func listenHTTP(ctx context.Context, f *httpFlags, token *daemon.Token) (net.Listener, error) {
	addr := f.addr
	if addr == nowhere {
		return nil, nil //nolint:nilnil // no listener is what was asked for
	}
	if host, ok := strings.CutSuffix(addr, ":-1"); ok {
		addr = host + ":0"
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--http %s: %w: choose another address, or none", addr, err)
	}
	if err = f.admits(l.Addr(), token); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
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

// url is where HTTP is answered, "" where it is not.
func (s *serveRun) url() string {
	if s.http == nil {
		return ""
	}
	return "http://" + s.http.Addr().String()
}

func (s *serveRun) announce() error {
	r := ready{Ledger: s.Ledger().Identity().Name, Dir: s.app.dir, PID: os.Getpid(), HTTP: s.url()}
	var lines []render.Pair
	if s.bus != nil {
		r.Nats, r.Stream, r.Subjects = s.bus.Reach, bus.StreamName(r.Ledger), bus.EventFilter(r.Ledger)
		r.Credentials = make(map[string]string, len(s.bus.Credentials))
		lines = append(lines, render.Pair{"nats", fmt.Sprintf("%s  stream %s, subjects %s", r.Nats, r.Stream, r.Subjects)})
		for _, c := range s.bus.Credentials {
			r.Credentials[c.User] = c.File
			lines = append(lines, render.Pair{c.User, c.File})
		}
	}
	if r.HTTP != "" {
		lines = append(lines, render.Pair{"http", r.HTTP})
	}
	if s.app.output != render.AsTable {
		a := *s.app
		a.output = render.AsNDJSON // one line, so that a script can wait for it
		return a.printJSON(r)
	}
	return render.Describe(s.app.stdout, append(lines, render.Pair{"ready", fmt.Sprintf("ledger %s in %s, pid %d", r.Ledger, r.Dir, r.PID)}))
}

// ingest applies files while the daemon serves, and shows the positions. A run that is
// cut short is an error, like everything that keeps a file from being applied.
func (s *serveRun) ingest(ctx context.Context, in *ingest.Input) error {
	run := s.app.ingestion(in)
	run.Skip, run.To = s.flags.skipInvalid, ingest.Local{Ledger: s.Ledger(), Insist: s.flags.insist}
	err := beginOn(run, s.Ledger().View())
	if err != nil {
		return err
	}
	err = s.app.runIngest(ctx, run)
	s.told(s.app.printCounts(run.Counts(), false))
	if err != nil {
		return err
	}
	s.told(s.app.printPositions(selected(s.Ledger().View(), &positionsFlags{}), render.PositionTable(), "no open positions", nil))
	return nil
}

// httpFlags say where HTTP is answered and to whom.
type httpFlags struct {
	addr      string
	tokenFile string
	open      bool
}

func (f *httpFlags) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.addr, "http", "127.0.0.1:8420", "address of the HTTP endpoints, or none")
	p.StringVar(&f.tokenFile, "http-token-file", "", "file of mode 0600 with the token that HTTP clients must send as 'Authorization: Bearer TOKEN'")
	p.BoolVar(&f.open, "http-open", false, "answer HTTP without a token on an address beyond loopback too: whoever reaches it reads every position")
}

func (f *httpFlags) check() error {
	switch {
	case f.open && f.tokenFile != "":
		return usagef("--http-open and --http-token-file exclude each other: choose one")
	case f.addr == nowhere && (f.open || f.tokenFile != ""):
		return usagef("--http-open and --http-token-file are for an address, and --http is %s", nowhere)
	}
	return nil
}

// admits refuses an address that others reach unless the operator said who may ask
// there.
func (f *httpFlags) admits(addr net.Addr, token *daemon.Token) error {
	if token != nil || f.open || daemon.Loopback(addr) {
		return nil
	}
	return usagef("--http %s: others reach %s too, and would read every position: give --http-token-file FILE, whose token clients send as 'Authorization: Bearer TOKEN', or --http-open to answer whoever asks",
		f.addr, addr)
}

// readToken reads the token of --http-token-file; without a file it is nil. The
// error does not repeat a value of the flag that may be the token itself.
func readToken(file string) (*daemon.Token, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // no token is what was asked for
	}
	text, err := secretText(file)
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return nil, usagef("%s: %v", fileOf("--http-token-file", file), path.Err)
	case err != nil:
		return nil, usagef("--http-token-file: %v", err)
	}
	token, ok := daemon.NewToken(text)
	if !ok {
		return nil, usagef("--http-token-file: the file must hold one line of %d to %d printable ASCII characters without spaces; 'openssl rand -hex 32' makes one",
			daemon.MinToken, daemon.MaxToken)
	}
	return token, nil
}
