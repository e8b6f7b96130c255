package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/cmd/holdfast/ingest"
	"github.com/moneyprinter/holdfast/service"
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
		return nil, fmt.Errorf("%s refuses the credentials: give --creds DIR/nats/writer.json of the daemon's directory", withoutSecrets(a.server))
	case err != nil:
		return nil, fmt.Errorf("--server %s: %w: is the daemon running there?", withoutSecrets(a.server), err)
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
		return "", fmt.Errorf("--server: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection outlives it only for this verb
	if err = nc.PublishRequest("$SRV.INFO.holdfast", inbox, nil); err != nil {
		return "", fmt.Errorf("--server: %w", err)
	}
	found, wait := "", 5*time.Second
	for {
		msg, err := next(ctx, sub, wait)
		if errors.Is(err, nats.ErrTimeout) && found != "" || errors.Is(err, context.DeadlineExceeded) && found != "" {
			return found, nil
		}
		if err != nil || msg.Header.Get("Status") == "503" {
			return "", errors.New("no ledger is served there: start 'holdfast serve', or check --server")
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
			return nil, fmt.Errorf("encode request: %w", err)
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
		return bus.Reply{}, fmt.Errorf("these credentials may not ask for %s: give --creds DIR/nats/writer.json: %w", endpoint, context.Cause(r.denied))
	case errors.As(err, &failed) && failed.Code == bus.CodeNoAnswer:
		return bus.Reply{}, fmt.Errorf("ledger %q is not served at %s, or these credentials may not ask it for %s: check --ledger and --creds",
			r.ledger, r.nc.ConnectedUrlRedacted(), endpoint)
	case errors.As(err, &failed):
		return bus.Reply{}, &remoteError{failed}
	}
	return bus.Reply{}, fmt.Errorf("ask %s: %w", endpoint, err)
}

// remoteError is what the daemon refused and why.
type remoteError struct{ answer *bus.Error }

func (e *remoteError) Error() string { return e.answer.Text }

// Code is the code of package service.
func (e *remoteError) Code() string { return e.answer.Code }

// Refused reports whether the daemon refused this one mutation, so that others
// may still be applied.
func (e *remoteError) Refused() bool {
	return strings.HasPrefix(e.answer.Code, "4") || e.answer.Code == bus.CodeTooLarge
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
		return fmt.Errorf("unexpected answer: %w", err)
	}
	return nil
}

// remoteResult is what a daemon says of a mutation that it was given.
type remoteResult struct {
	First, Seq uint64
	Duplicate  bool
	Error      *bus.Error // of one of several
}

func (v *remoteResult) answer() ingest.Answer {
	if v.Error != nil {
		return ingest.Answer{Err: &remoteError{v.Error}}
	}
	return ingest.Answer{Result: holdfast.Result{First: v.First, Last: v.Seq, Duplicate: v.Duplicate}}
}

// Apply implements [ingest.Daemon].
func (r *remote) Apply(ctx context.Context, body []byte) (holdfast.Result, error) {
	b, err := r.send(ctx, "apply", body)
	if err != nil {
		return holdfast.Result{}, err
	}
	var v remoteResult
	if err := json.Unmarshal(b, &v); err != nil {
		return holdfast.Result{}, fmt.Errorf("unexpected answer: %w", err)
	}
	return v.answer().Result, nil
}

// ApplyEach implements [ingest.Daemon].
func (r *remote) ApplyEach(ctx context.Context, bodies [][]byte) ([]ingest.Answer, error) {
	b, err := r.send(ctx, "apply", slices.Concat([]byte(`{"each":[`), bytes.Join(bodies, []byte{','}), []byte("]}")))
	if err != nil {
		return nil, err
	}
	var list []remoteResult
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("unexpected answer: %w", err)
	}
	if len(list) != len(bodies) {
		return nil, fmt.Errorf("unexpected answer: %d results for %d mutations", len(list), len(bodies))
	}
	answers := make([]ingest.Answer, len(list))
	for i := range list {
		answers[i] = list[i].answer()
	}
	return answers, nil
}

// pageRows is how many rows a page is asked for; the daemon gives fewer where they
// are long.
const pageRows = 1000

// list asks for a list and yields all of its rows. It asks for the whole, which is
// of one moment, and for pages only where the daemon says that the whole is too
// large.
func (r *remote) list(ctx context.Context, endpoint string, q service.List) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		page := q.Paging()
		for {
			rows, more, err := r.page(ctx, endpoint, q)
			if tooLong(err) && page.Limit == 0 {
				page.Limit = pageRows
				continue
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, raw := range rows {
				if !yield(raw, nil) {
					return
				}
			}
			if !more {
				return
			}
			r.pages++
		}
	}
}

// tooLong reports whether the daemon refused an answer for its length.
func tooLong(err error) bool {
	var refused *remoteError
	return errors.As(err, &refused) && refused.answer.Code == "413"
}

// page asks for rows and, where the answer is not the whole rest, moves the query
// on behind them. A daemon that knows no headers gives history in pages that end
// with an empty one, and every other list whole.
func (r *remote) page(ctx context.Context, endpoint string, q service.List) (rows []json.RawMessage, more bool, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, false, fmt.Errorf("encode request: %w", err)
	}
	answer, err := r.exchange(ctx, endpoint, body)
	if err == nil {
		rows, err = rawRows(answer.Body)
	}
	if err != nil {
		return nil, false, err
	}
	next, page := answer.Header.Get(bus.HeaderNext), q.Paging()
	switch complete := answer.Header.Get(bus.HeaderComplete); {
	case complete == "true":
		return rows, false, nil
	case complete == "false" && (next == "" || next == page.After):
		return nil, false, errors.New("unexpected answer: a part of a list that does not say how to go on")
	case complete == "false":
		page.After = next
		return rows, true, nil
	}
	history, ok := q.(*service.History)
	if !ok || len(rows) == 0 {
		return rows, false, nil
	}
	var last struct {
		Seq uint64 `json:"seq"`
	}
	if err = json.Unmarshal(rows[len(rows)-1], &last); err != nil {
		return nil, false, fmt.Errorf("unexpected answer: %w", err)
	}
	history.From = strconv.FormatUint(last.Seq+1, 10)
	return rows, true, nil
}

// all decodes the rows of a list.
func all[T any](rows iter.Seq2[json.RawMessage, error]) ([]T, error) {
	var out []T
	for raw, err := range rows {
		if err != nil {
			return nil, err
		}
		var one T
		if err = json.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("unexpected answer: %w", err)
		}
		out = append(out, one)
	}
	return out, nil
}
