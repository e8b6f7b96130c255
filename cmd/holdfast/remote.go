package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/form"
)

// remote is a daemon that is asked over NATS.
type remote struct {
	nc     *nats.Conn
	domain string // of JetStream, for who follows the stream
	ledger string
	pages  int // further ones that lists took
	// denied ends with the server's words when the credentials do not allow what
	// was tried: NATS says so beside the request, which would wait for ever.
	denied context.Context //nolint:containedctx // lives as long as the connection
}

// natsContext is what a credentials file may hold: the form that the nats
// command line keeps its contexts in.
type natsContext struct {
	URL         string `json:"url"`
	User        string `json:"user"`
	Password    string `json:"password"`
	Token       string `json:"token"`
	Creds       string `json:"creds"`
	NKey        string `json:"nkey"`
	InboxPrefix string `json:"inbox_prefix"`
	CA          string `json:"ca"`
	Cert        string `json:"cert"`
	Key         string `json:"key"`
	Domain      string `json:"jetstream_domain"`
}

// readContext reads the file that a flag names, and what that names in turn.
func readContext(flag, path string) (natsContext, error) {
	var c natsContext
	if strings.HasSuffix(path, ".creds") {
		c.Creds = path
		return c, checkCreds(flag, path)
	}
	b, err := readNamed(flag, path)
	if err != nil {
		return c, err
	}
	if err = json.Unmarshal(b, &c); err == nil {
		err = form.UniqueFold(b)
	}
	if err != nil {
		return c, badFile(flag, path, redact(err.Error())+": expected a context file such as nats/writer.json, or a .creds file")
	}
	return c, c.check(fileOf(flag, path), false)
}

// options turns a context into options of nats.go.
func (c *natsContext) options() ([]nats.Option, error) {
	var out []nats.Option
	if c.User != "" {
		out = append(out, nats.UserInfo(c.User, c.Password))
	}
	if c.Token != "" {
		out = append(out, nats.Token(c.Token))
	}
	if c.Creds != "" {
		out = append(out, nats.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		o, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil { // it was read a moment ago
			return nil, fmt.Errorf("holdfast: the file of the nkey: %s", redact(err.Error()))
		}
		out = append(out, o)
	}
	if c.InboxPrefix != "" {
		out = append(out, nats.CustomInboxPrefix(c.InboxPrefix))
	}
	if c.CA != "" {
		out = append(out, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		out = append(out, nats.ClientCert(c.Cert, c.Key))
	}
	return out, nil
}

// context returns the credentials to use: those of --creds, else those in the
// URL, else those that the directory keeps for the same URL.
func (a *app) context() (natsContext, error) {
	if a.creds != "" {
		return readContext("--creds", a.creds)
	}
	u, err := url.Parse(a.server)
	if err == nil && u.User == nil {
		c, err := readContext("--dir", filepath.Join(a.dir, "nats", "writer.json"))
		if err == nil && c.URL == a.server {
			return c, nil
		}
	}
	return natsContext{}, nil
}

// dial connects to the daemon at --server.
func (a *app) dial(ctx context.Context) (*remote, error) {
	if err := checkURLs("server", a.server); err != nil {
		return nil, err
	}
	c, err := a.context()
	if err != nil {
		return nil, err
	}
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	denied, deny := context.WithCancelCause(context.WithoutCancel(ctx))
	options = append(
		options, nats.Name("holdfast cli"), nats.Timeout(5*time.Second), nats.MaxReconnects(3),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				deny(err)
			}
		}))
	nc, err := await(ctx, func() (*nats.Conn, error) { return nats.Connect(a.server, options...) })
	switch {
	case cutShort(ctx, err):
		return nil, err
	case errors.Is(err, nats.ErrAuthorization):
		return nil, fmt.Errorf("holdfast: %s refuses the credentials: give --creds DIR/nats/writer.json of the daemon's directory", withoutSecrets(a.server))
	case err != nil:
		return nil, fmt.Errorf("holdfast: --server %s: %w: is the daemon running there?", withoutSecrets(a.server), err)
	}
	r := &remote{nc: nc, domain: c.Domain, ledger: a.ledger, denied: denied}
	if r.ledger == "" {
		if r.ledger, err = discover(ctx, nc); err != nil {
			nc.Close()
			return nil, err
		}
	}
	return r, nil
}

func (r *remote) close() { r.nc.Close() }

// discoverFor is how long further answers are awaited after the first.
const discoverFor = 100 * time.Millisecond

// discover asks which ledger is served here. Every daemon answers, so a second
// name shows within a moment.
func discover(ctx context.Context, nc *nats.Conn) (string, error) {
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return "", fmt.Errorf("holdfast: --server: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection outlives it only for this verb
	if err = nc.PublishRequest("$SRV.INFO.holdfast", inbox, nil); err != nil {
		return "", fmt.Errorf("holdfast: --server: %w", err)
	}
	found, wait := "", 5*time.Second
	for {
		msg, err := next(ctx, sub, wait)
		if errors.Is(err, nats.ErrTimeout) && found != "" || errors.Is(err, context.DeadlineExceeded) && found != "" {
			return found, nil
		}
		if err != nil || msg.Header.Get("Status") == "503" {
			return "", errors.New("holdfast: no ledger is served there: start 'holdfast serve', or check --server")
		}
		name, ok := servedLedger(msg.Data)
		if !ok {
			continue
		}
		if found != "" && name != found {
			return "", usagef("several ledgers are served there, %s and %s among them: choose one with --ledger", found, name)
		}
		found, wait = name, discoverFor
	}
}

func next(ctx context.Context, sub *nats.Subscription, wait time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return sub.NextMsgWithContext(ctx)
}

// servedLedger reads the ledger's name from what a service says of itself.
func servedLedger(info []byte) (string, bool) {
	var v struct {
		Metadata map[string]string `json:"metadata"`
	}
	if json.Unmarshal(info, &v) != nil {
		return "", false
	}
	name := v.Metadata["ledger"]
	return name, name != ""
}

// call asks an endpoint.
func (r *remote) call(ctx context.Context, endpoint string, query any) ([]byte, error) {
	var body []byte
	if query != nil {
		var err error
		if body, err = json.Marshal(query); err != nil {
			return nil, fmt.Errorf("holdfast: encode request: %w", err)
		}
	}
	return r.send(ctx, endpoint, body)
}

// send asks an endpoint with a finished body.
func (r *remote) send(ctx context.Context, endpoint string, body []byte) ([]byte, error) {
	answer, err := r.exchange(ctx, endpoint, body)
	return answer.Body, err
}

// exchange is send for who needs the headers of the answer too.
func (r *remote) exchange(ctx context.Context, endpoint string, body []byte) (bus.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute) // verify and backups take their time
	defer cancel()
	defer context.AfterFunc(r.denied, cancel)()
	answer, err := bus.Ask(ctx, r.nc, r.ledger, endpoint, body)
	var failed *bus.Error
	switch {
	case err == nil:
		return answer, nil
	case r.denied.Err() != nil:
		return bus.Reply{}, fmt.Errorf("holdfast: these credentials may not ask for %s: give --creds DIR/nats/writer.json: %w", endpoint, context.Cause(r.denied))
	case errors.As(err, &failed) && failed.Code == bus.CodeNoAnswer:
		return bus.Reply{}, fmt.Errorf("holdfast: ledger %q is not served at %s, or these credentials may not ask it for %s: check --ledger and --creds",
			r.ledger, r.nc.ConnectedUrlRedacted(), endpoint)
	case errors.As(err, &failed):
		return bus.Reply{}, &remoteError{failed}
	}
	return bus.Reply{}, fmt.Errorf("holdfast: ask %s: %w", endpoint, err)
}

// remoteError is what the daemon refused and why.
type remoteError struct{ answer *bus.Error }

func (e *remoteError) Error() string { return e.answer.Text }

// Refused reports whether the daemon refused this one mutation, so that others
// may still be applied.
func (e *remoteError) Refused() bool {
	return strings.HasPrefix(e.answer.Code, "4") || e.answer.Code == bus.CodeTooLarge
}

// remoteQuery is what the daemon's endpoints take.
type remoteQuery struct {
	Account    string `json:"account,omitempty"`
	Instrument string `json:"instrument,omitempty"`
	Strategy   any    `json:"strategy,omitempty"` // see member
	Leg        any    `json:"leg,omitempty"`
	All        bool   `json:"all,omitempty"`
	At         string `json:"at,omitempty"`
	From       string `json:"from,omitempty"`
	Limit      int    `json:"limit,omitempty"`
	After      string `json:"after,omitempty"`
	Records    bool   `json:"records,omitempty"`
	Deep       bool   `json:"deep,omitempty"`
}

// withRemote runs do with a connection to the daemon.
func (a *app) withRemote(ctx context.Context, do func(*remote) error) error {
	r, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	return do(r)
}

// ask calls an endpoint and decodes its answer.
func (r *remote) ask(ctx context.Context, endpoint string, answer any) error {
	b, err := r.call(ctx, endpoint, nil)
	if err != nil {
		return err
	}
	if err = json.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("holdfast: unexpected answer: %w", err)
	}
	return nil
}

// apply sends one mutation.
func (r *remote) apply(ctx context.Context, body []byte) (holdfast.Result, error) {
	b, err := r.send(ctx, "apply", body)
	if err != nil {
		return holdfast.Result{}, err
	}
	var v struct {
		First, Seq uint64
		Duplicate  bool
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return holdfast.Result{}, fmt.Errorf("holdfast: unexpected answer: %w", err)
	}
	return holdfast.Result{First: v.First, Last: v.Seq, Duplicate: v.Duplicate}, nil
}
