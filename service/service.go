// Package service is the request API of a ledger on NATS: what a program in any
// language asks on holdfast.api.v1.<ledger>.<endpoint>. Requests and replies are JSON;
// an empty request selects everything.
//
// [Offer] answers on a connection; as [holdfast.BusOptions.Connected] it does so on
// each that the ledger makes. An error's code is a status code of HTTP, see [CodeOf].
//
// It holds no state of the ledger and changes nothing but by the ledger's own methods.
package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// maxReply keeps replies below the default max_payload of NATS.
const maxReply = 1000 << 10

// heavyRequests is how many requests that read the journal run side by side.
const heavyRequests = 2

type handler = func(context.Context, []byte) (bus.Reply, error)

// answer is a handler whose request was read.
type answer = func(context.Context, *query) ([]byte, error)

// api answers the requests to a ledger.
type api struct {
	*holdfast.Ledger

	views places // for what copies a view
}

func newAPI(l *holdfast.Ledger) *api {
	return &api{Ledger: l, views: make(places, max(2, runtime.GOMAXPROCS(0)))}
}

// Offer answers the requests to a ledger on nc until stop is called. It fits
// [holdfast.BusOptions.Connected].
//
// A ledger that has failed may be offered too, closed or not: what reads is answered
// from what was durable, what writes is refused with code 503 and the reason. A daemon
// keeps it in service between Close and the next Open.
func Offer(l *holdfast.Ledger, nc *nats.Conn) (stop func(), err error) {
	if l == nil || l.Relay() == nil {
		return nil, fmt.Errorf("service: %w: the ledger has no bus", holdfast.ErrInvalid)
	}
	stop, err = bus.Serve(nc, l.Identity().Name, holdfast.Version(), newAPI(l).endpoints())
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	return stop, nil
}

func (l *api) endpoints() []bus.Endpoint {
	heavy := make(places, heavyRequests).bound
	// A view copies a pointer for each position. More of them at once than there are
	// processors would be no faster, only larger.
	viewing := l.views.bound
	asked := func(name string, a answer) bus.Endpoint {
		return bus.Endpoint{Name: name, Answer: l.ours(reading(name, a))}
	}
	return []bus.Endpoint{
		{Name: "apply", Answer: l.ours(l.serveApply), Apart: mayRefold},
		asked("position.get", l.serveGet),
		asked("position.list", viewing(l.serveList)),
		asked("position.at", heavy(l.serveAt)),
		asked("position.cycles", l.serveCycles),
		asked("position.lots", l.serveLots),
		asked("summary", viewing(l.serveSummary)),
		asked("account.list", viewing(l.serveAccounts)),
		asked("history", heavy(l.serveHistory)),
		asked("verify", heavy(l.serveVerify)),
		asked("backup.create", heavy(l.serveSnapshot)),
		asked("backup.list", l.serveSnapshots),
		asked("checkpoint", heavy(l.serveCheckpoint)),
		// These tell and mend what is wrong with the stream.
		{Name: "status", Answer: reading("status", viewing(l.serveStatus))},
		{Name: "bus.rebuild", Answer: reading("bus.rebuild", l.serveRebuild)},
	}
}

// reading reads requests before they take a slot or do anything.
func reading(endpoint string, a answer) handler {
	return func(ctx context.Context, body []byte) (bus.Reply, error) {
		q, err := parseQuery(endpoint, body)
		if err != nil {
			return bus.Reply{}, err
		}
		b, err := a(ctx, &q)
		return bus.Reply{Body: b, Header: q.header, Short: q.short}, err
	}
}

// ours refuses requests unless the relay has found that the stream of the
// ledger's name is this ledger's. Two ledgers of one name on one bus share the
// subjects of requests, and a retry must not reach the other one.
func (l *api) ours(h handler) handler {
	return func(ctx context.Context, body []byte) (bus.Reply, error) {
		switch s := l.Relay().Status(); {
		case s.State == bus.StateStopped:
			return bus.Reply{}, &bus.Error{Code: "503", Text: "the stream on this bus is not this ledger's: " + s.Err}
		case s.Resyncs == 0:
			return bus.Reply{}, &bus.Error{Code: "503", Text: "starting: the stream has not been looked at yet"}
		}
		return h(ctx, body)
	}
}

// places bound how many do something side by side.
type places chan struct{}

// take waits for a place until ctx ends; free gives it back.
func (p places) take(ctx context.Context) (free func(), err error) {
	select {
	case p <- struct{}{}:
		return func() { <-p }, nil
	case <-ctx.Done():
		return nil, coded(context.Cause(ctx))
	}
}

// bound gives an answer a place while it is made.
func (p places) bound(a answer) answer {
	return func(ctx context.Context, q *query) ([]byte, error) {
		free, err := p.take(ctx)
		if err != nil {
			return nil, err
		}
		defer free()
		return a(ctx, q)
	}
}

func (l *api) serveSnapshot(ctx context.Context, _ *query) ([]byte, error) {
	s, err := l.Snapshot(ctx)
	return reply(holdfast.BackupOf(s), err)
}

func (l *api) serveSnapshots(_ context.Context, q *query) ([]byte, error) {
	after, err := q.afterTokens(2)
	if err != nil {
		return nil, err
	}
	var seq uint64
	if after != nil {
		if seq, err = strconv.ParseUint(after[0], 10, 64); err != nil {
			return nil, q.badAfter()
		}
	}
	list, err := l.Snapshots()
	if err != nil {
		return nil, coded(err)
	}
	// Newest first: what comes after has a lower seq or, of one seq, an older name.
	past := func(s *snapshotter.Snapshot) bool {
		return after == nil || s.Seq < seq || s.Seq == seq && s.Name < after[1]
	}
	out := newPage(q)
	for _, s := range list {
		if past(&s) && !out.addValue(holdfast.BackupOf(s), func() string { return cursor(strconv.FormatUint(s.Seq, 10), s.Name) }) {
			break
		}
	}
	return out.end("")
}

func (l *api) serveCheckpoint(ctx context.Context, _ *query) ([]byte, error) {
	n, err := l.Checkpoint(ctx)
	if err != nil {
		return nil, coded(err)
	}
	return reply(holdfast.CheckpointOf(n), nil)
}

func reply[T any](v T, err error) ([]byte, error) {
	if err != nil {
		return nil, coded(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("service: encode reply: %w", err)
	}
	return b, nil
}

// CodeOf returns the code that a request gets which ended with an error, such as
// "404"; those are the status codes of HTTP. What says nothing else is "500".
func CodeOf(err error) string {
	if failed, ok := errors.AsType[*bus.Error](err); ok {
		return failed.Code
	}
	for _, c := range []struct {
		err  error
		code string
	}{
		{holdfast.ErrOutcomeUnknown, "504"}, // whatever it is because of: a 4xx says that nothing was done
		{holdfast.ErrInvalid, "400"},
		{holdfast.ErrTooMany, "400"},
		{holdfast.ErrTooLarge, "400"},
		{holdfast.ErrOverReduction, "400"},
		{holdfast.ErrLotChoice, "400"},
		{holdfast.ErrIncrement, "400"},
		{holdfast.ErrTooManyLots, "400"},
		{holdfast.ErrUnknownName, "404"},
		{holdfast.ErrUnknownPosition, "404"},
		{holdfast.ErrUnknownFill, "404"},
		{holdfast.ErrNoLot, "404"},
		{holdfast.ErrUnknownInstrument, "404"},
		{holdfast.ErrRefold, "409"}, // may be because of a history that is trimmed
		{holdfast.ErrTrimmed, "410"},
		{holdfast.ErrTrimmedHistory, "410"},
		{holdfast.ErrVersionConflict, "409"},
		{holdfast.ErrIDReused, "409"},
		{holdfast.ErrPartlyKnown, "409"},
		{holdfast.ErrTooOld, "409"},
		{holdfast.ErrAhead, "409"},
		{holdfast.ErrInstrumentInUse, "409"},
		{holdfast.ErrSplitTwice, "409"},
		{holdfast.ErrFailed, "503"},
		{holdfast.ErrClosed, "503"},
		{bus.ErrNotRunning, "503"},
		{holdfast.ErrNoSigner, "501"},
		{holdfast.ErrDamaged, "422"},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "500"
}

// coded gives an error the code that a remote caller can act on.
func coded(err error) error {
	return &bus.Error{Code: CodeOf(err), Text: plain(err.Error())}
}

// plain takes the names of packages off the clauses of an error's text: who asks
// over the wire knows none of them. What is quoted stays as it was given.
func plain(text string) string {
	var b strings.Builder
	quoted, clause := false, true
	for i := 0; i < len(text); i++ {
		if clause {
			i += packageName(text[i:])
		}
		if i == len(text) {
			break
		}
		switch {
		case quoted && text[i] == '\\' && i+1 < len(text):
			b.WriteByte(text[i])
			i++
		case text[i] == '"':
			quoted = !quoted
		}
		b.WriteByte(text[i])
		clause = !quoted && strings.HasSuffix(text[:i+1], ": ")
	}
	return b.String()
}

// packageName returns how many bytes of a text are names of packages in front of
// a clause. That it is invalid says the code of the answer.
func packageName(text string) int {
	rest := text
	for again := true; again; {
		again = false
		for _, name := range []string{
			"position: invalid: ", "holdfast: ", "position: ", "projector: ", "journal: ", "snapshotter: ", "checkpoint: ", "service: ", "bus: ",
		} {
			if after, found := strings.CutPrefix(rest, name); found {
				rest, again = after, true
				break
			}
		}
	}
	return len(text) - len(rest)
}

// applied is the reply to apply: one object for one mutation, an array for a
// batch.
type applied struct {
	ID        string `json:"id"`
	Seq       uint64 `json:"seq"` // last record of the mutation
	First     uint64 `json:"first"`
	Duplicate bool   `json:"duplicate"`
}

// mayRefold reports whether a request may hold a bust or correction, which waits for
// its turn to read the history of a fill.
func mayRefold(body []byte) bool {
	return bytes.Contains(body, []byte(`"bust"`)) || bytes.Contains(body, []byte(`"correct"`))
}

// serveApply takes one mutation, or an array of them as an atomic batch.
func (l *api) serveApply(ctx context.Context, body []byte) (bus.Reply, error) {
	b, err := l.applyRequest(ctx, body)
	return bus.Reply{Body: b}, err
}

func (l *api) applyRequest(ctx context.Context, body []byte) ([]byte, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '[' {
		m, err := position.UnmarshalMutation(body)
		if err != nil {
			return nil, coded(err)
		}
		r, err := l.Apply(ctx, m)
		return reply(applied{ID: r.ID, Seq: r.Last, First: r.First, Duplicate: r.Duplicate}, err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		at := int64(len(body))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = syntax.Offset
		}
		return nil, badRequest("the batch must be one JSON array of mutations; it is broken at byte %d", at)
	}
	ms := make([]position.Mutation, len(raw))
	for i, b := range raw {
		m, err := position.UnmarshalMutation(b)
		if err != nil {
			if len(raw) > 1 {
				err = &projector.MemberError{Index: i, Err: err}
			}
			return nil, coded(err)
		}
		ms[i] = m
	}
	rs, err := l.ApplyBatch(ctx, ms)
	out := make([]applied, len(rs))
	for i, r := range rs {
		out[i] = applied{ID: r.ID, Seq: r.Last, First: r.First, Duplicate: r.Duplicate}
	}
	return reply(out, err)
}

// serveStatus replies with the status. Where the accounts would not fit into a
// message of the server, it says how many are left out; account.list lists them.
func (l *api) serveStatus(_ context.Context, q *query) ([]byte, error) {
	st, err := l.Status()
	b, err := reply(st, err)
	if len(b) <= maxReply {
		return b, err
	}
	st.AccountsLeftOut, st.Accounts = len(st.Accounts), []report.AccountStatus{}
	q.short, err = reply(st, nil)
	return b, err
}

func (l *api) serveVerify(ctx context.Context, q *query) ([]byte, error) {
	return reply(l.Verify(ctx, holdfast.VerifyOptions{Deep: q.Deep}))
}

// serveRebuild makes the stream anew; the reply is the relay's state.
func (l *api) serveRebuild(ctx context.Context, _ *query) ([]byte, error) {
	if err := l.Relay().Rebuild(ctx); err != nil {
		return nil, coded(err)
	}
	return reply(l.Relay().Status(), nil)
}
