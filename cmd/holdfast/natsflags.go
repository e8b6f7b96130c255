package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/cmd/holdfast/daemon"
	"github.com/moneyprinter/holdfast/service"
)

// natsFlags say which bus a ledger publishes on: a server in this process, or
// an existing one.
type natsFlags struct {
	listen   string
	url      string
	creds    string
	nkey     string
	user     string
	password string
	ca       string
	cert     string
	key      string
	domain   string
	replicas int
	maxAge   time.Duration
	maxBytes string
}

func (f *natsFlags) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.url, "nats", "", "URL of an existing NATS server or cluster to publish on, instead of the embedded one")
	p.StringVar(&f.creds, "nats-creds", "", "with --nats: a .creds file or a context file")
	p.StringVar(&f.nkey, "nats-nkey", "", "with --nats: file with an nkey seed")
	p.StringVar(&f.user, "nats-user", "", "with --nats: user")
	p.StringVar(&f.password, "nats-password", envOr("HOLDFAST_NATS_PASSWORD", ""), "with --nats: password (env HOLDFAST_NATS_PASSWORD)")
	p.StringVar(&f.ca, "nats-ca", "", "with --nats: file with the root certificates")
	p.StringVar(&f.cert, "nats-cert", "", "with --nats: file with the client certificate")
	p.StringVar(&f.key, "nats-key", "", "with --nats: file with the key of the client certificate")
	p.StringVar(&f.domain, "nats-domain", "", "with --nats: JetStream domain that the stream is in; a context file may say it too")
	p.IntVar(&f.replicas, "nats-replicas", 1, "with --nats: replicas of the stream, when it is created")
	p.DurationVar(&f.maxAge, "stream-max-age", 0, "how long messages stay on the stream, when it is created; 0 keeps what the journal keeps")
	p.StringVar(&f.maxBytes, "stream-max-bytes", "0", "how large the stream may grow, such as 10GiB, when it is created; 0 is as large as the journal's")
	// A secret in the environment must not be shown as a default by --help.
	p.Lookup("nats-password").DefValue = ""
}

// check refuses flags that would have no effect, and URLs that are none.
func (f *natsFlags) check(cmd *cobra.Command) error {
	if n, err := parseSize(f.maxBytes); err != nil || n < 0 || f.maxAge < 0 {
		return usagef("--stream-max-age %s, --stream-max-bytes %q: give an age such as 720h and a size such as 10GiB, or 0", f.maxAge, f.maxBytes)
	}
	if strings.ContainsAny(f.domain, ".*> \t") {
		return usagef("--nats-domain %q: a domain has no '.', '*', '>' or space", f.domain)
	}
	if f.url != "" {
		return checkURLs("nats", f.url)
	}
	for _, name := range []string{"creds", "nkey", "user", "password", "ca", "cert", "key", "domain", "replicas"} {
		if cmd.Flags().Changed("nats-" + name) {
			return usagef("--nats-%s needs --nats, the URL of the server that it is for", name)
		}
	}
	return nil
}

// startBus prepares the bus of a ledger. Nothing is dialled yet.
func (a *app) startBus(f *natsFlags, ledger string) (*daemon.Bus, error) {
	if f.url != "" {
		return a.existingBus(f)
	}
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	b, err := daemon.StartBus(embedded.Options{Dir: filepath.Join(a.dir, "nats"), Listen: f.listen, Ledger: ledger, Logger: a.busLog()}, keys)
	var busy *embedded.ListenError
	switch {
	case errors.As(err, &busy):
		err = fmt.Errorf("%w with --nats-listen", err)
	case errors.Is(err, embedded.ErrAddress):
		err = fmt.Errorf("--nats-listen: %w", err)
	}
	return b, err
}

// busLog keeps the embedded server's chatter out of the daemon's own log.
func (a *app) busLog() *slog.Logger { return a.log.With("from", "nats-server") }

func (a *app) existingBus(f *natsFlags) (*daemon.Bus, error) {
	c := natsContext{User: f.user, Password: f.password, NKey: f.nkey, CA: f.ca, Cert: f.cert, Key: f.key}
	if err := c.check("", true); err != nil {
		return nil, err
	}
	if f.creds != "" {
		var err error
		if c, err = readContext("--nats-creds", f.creds); err != nil {
			return nil, err
		}
	}
	own, err := c.options()
	if err != nil {
		return nil, err
	}
	if f.domain == "" {
		f.domain = c.Domain
	}
	return daemon.ExistingBus(f.url, withoutSecrets(f.url), append(bus.ConnectOptions("holdfast", a.log), own...)), nil
}

// busOptions are those of a ledger on this bus.
func (f *natsFlags) busOptions(b *daemon.Bus) *holdfast.BusOptions {
	limit, _ := parseSize(f.maxBytes) // check has read it
	return &holdfast.BusOptions{
		Connect: b.Connect, Domain: f.domain, Replicas: f.replicas, MaxAge: f.maxAge, MaxBytes: limit, Connected: service.Offer,
	}
}
