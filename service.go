package holdfast

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// The request API: what a program in any language asks over NATS, on
// holdfast.api.v1.<ledger>.<endpoint>. Requests and replies are JSON; an empty
// request selects everything.

// maxReply keeps replies below the default max_payload of NATS.
const maxReply = 1000 << 10

// heavyRequests is how many requests that read the journal run side by side.
const heavyRequests = 2

type handler = func(context.Context, []byte) (bus.Reply, error)

// answer is a handler whose request was read.
type answer = func(context.Context, *query) ([]byte, error)

func (l *Ledger) endpoints() []bus.Endpoint {
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
func (l *Ledger) ours(h handler) handler {
	return func(ctx context.Context, body []byte) (bus.Reply, error) {
		switch s := l.relay.Status(); {
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

func (l *Ledger) serveSnapshot(ctx context.Context, _ *query) ([]byte, error) {
	s, err := l.Snapshot(ctx)
	return reply(BackupOf(s), err)
}

func (l *Ledger) serveSnapshots(_ context.Context, q *query) ([]byte, error) {
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
		if past(&s) && !out.addValue(BackupOf(s), func() string { return cursor(strconv.FormatUint(s.Seq, 10), s.Name) }) {
			break
		}
	}
	return out.end("")
}

func (l *Ledger) serveCheckpoint(ctx context.Context, _ *query) ([]byte, error) {
	n, err := l.Checkpoint(ctx)
	if err != nil {
		return nil, coded(err)
	}
	return reply(CheckpointOf(n), nil)
}

func reply[T any](v T, err error) ([]byte, error) {
	if err != nil {
		return nil, coded(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("holdfast: encode reply: %w", err)
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
		{ErrOutcomeUnknown, "504"}, // whatever it is because of: a 4xx says that nothing was done
		{ErrInvalid, "400"},
		{ErrTooMany, "400"},
		{ErrTooLarge, "400"},
		{ErrOverReduction, "400"},
		{ErrLotChoice, "400"},
		{ErrIncrement, "400"},
		{ErrTooManyLots, "400"},
		{ErrUnknownName, "404"},
		{ErrUnknownPosition, "404"},
		{ErrUnknownFill, "404"},
		{ErrNoLot, "404"},
		{ErrUnknownInstrument, "404"},
		{ErrRefold, "409"}, // may be because of a history that is trimmed
		{ErrTrimmed, "410"},
		{ErrTrimmedHistory, "410"},
		{ErrVersionConflict, "409"},
		{ErrIDReused, "409"},
		{ErrPartlyKnown, "409"},
		{ErrTooOld, "409"},
		{ErrAhead, "409"},
		{ErrInstrumentInUse, "409"},
		{ErrSplitTwice, "409"},
		{ErrFailed, "503"},
		{ErrClosed, "503"},
		{bus.ErrNotRunning, "503"},
		{ErrNoSigner, "501"},
		{ErrDamaged, "422"},
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
			"position: invalid: ", "holdfast: ", "position: ", "projector: ", "journal: ", "snapshotter: ", "checkpoint: ", "bus: ",
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
func (l *Ledger) serveApply(ctx context.Context, body []byte) (bus.Reply, error) {
	b, err := l.applyRequest(ctx, body)
	return bus.Reply{Body: b}, err
}

func (l *Ledger) applyRequest(ctx context.Context, body []byte) ([]byte, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '[' {
		m, err := position.UnmarshalMutation(body)
		if err != nil {
			return nil, coded(err)
		}
		m, err = identified(m, &l.opts)
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
		if err == nil {
			m, err = identified(m, &l.opts)
		}
		if err != nil {
			return nil, coded(memberError(i, len(raw), err))
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
func (l *Ledger) serveStatus(_ context.Context, q *query) ([]byte, error) {
	st, err := l.Status()
	b, err := reply(st, err)
	if len(b) <= maxReply {
		return b, err
	}
	st.AccountsLeftOut, st.Accounts = len(st.Accounts), []AccountStatus{}
	q.short, err = reply(st, nil)
	return b, err
}

func (l *Ledger) serveVerify(ctx context.Context, q *query) ([]byte, error) {
	return reply(l.Verify(ctx, VerifyOptions{Deep: q.Deep}))
}

// serveRebuild makes the stream anew; the reply is the relay's state.
func (l *Ledger) serveRebuild(ctx context.Context, _ *query) ([]byte, error) {
	if err := l.relay.Rebuild(ctx); err != nil {
		return nil, coded(err)
	}
	return reply(l.relay.Status(), nil)
}
