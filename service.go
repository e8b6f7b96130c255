package holdfast

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// The request API: what a program in any language asks over NATS, on
// holdfast.api.v1.<ledger>.<endpoint>. Requests and replies are JSON; an empty
// request selects everything.

// maxReply keeps replies below the default max_payload of NATS.
const maxReply = 1000 << 10

// historyLimit is the default and the largest number of changes in one reply.
const historyLimit = 1000

// query selects positions and changes; all members are optional.
type query struct {
	Account    string `json:"account"`
	Instrument string `json:"instrument"`
	Strategy   string `json:"strategy"`
	Leg        string `json:"leg"`
	All        bool   `json:"all"`     // flat positions too
	At         string `json:"at"`      // RFC 3339 time or seq; position.at and history (to)
	From       string `json:"from"`    // history: first seq or time
	Limit      int    `json:"limit"`   // history
	Records    bool   `json:"records"` // history: also what belongs to no position
	Deep       bool   `json:"deep"`    // verify
}

// heavyRequests is how many requests that read the journal run side by side.
const heavyRequests = 2

type handler = func(context.Context, []byte) ([]byte, error)

func (l *Ledger) endpoints() []bus.Endpoint {
	heavy := limited(heavyRequests)
	return []bus.Endpoint{
		{Name: "apply", Handle: l.ours(l.serveApply)},
		{Name: "position.get", Handle: l.ours(l.serveGet)},
		{Name: "position.list", Handle: l.ours(l.serveList)},
		{Name: "position.at", Handle: l.ours(heavy(l.serveAt))},
		{Name: "history", Handle: l.ours(heavy(l.serveHistory))},
		{Name: "verify", Handle: l.ours(heavy(l.serveVerify))},
		{Name: "backup.create", Handle: l.ours(heavy(l.serveSnapshot))},
		{Name: "backup.list", Handle: l.ours(l.serveSnapshots)},
		// These tell and mend what is wrong with the stream.
		{Name: "status", Handle: func(context.Context, []byte) ([]byte, error) { return reply(l.Status()) }},
		{Name: "bus.rebuild", Handle: l.serveRebuild},
	}
}

// ours refuses requests unless the relay has found that the stream of the
// ledger's name is this ledger's. Two ledgers of one name on one bus share the
// subjects of requests, and a retry must not reach the other one.
func (l *Ledger) ours(h handler) handler {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		switch s := l.relay.Status(); {
		case s.State == bus.StateStopped:
			return nil, &bus.Error{Code: "503", Text: "holdfast: the stream on this bus is not this ledger's: " + s.Err}
		case s.Resyncs == 0:
			return nil, &bus.Error{Code: "503", Text: "holdfast: starting: the stream has not been looked at yet"}
		}
		return h(ctx, body)
	}
}

// limited bounds how many of the handlers it wraps run side by side.
func limited(n int) func(handler) handler {
	slots := make(chan struct{}, n)
	return func(h handler) handler {
		return func(ctx context.Context, body []byte) ([]byte, error) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil, coded(context.Cause(ctx))
			}
			defer func() { <-slots }()
			return h(ctx, body)
		}
	}
}

func (l *Ledger) serveSnapshot(ctx context.Context, _ []byte) ([]byte, error) {
	s, err := l.Snapshot(ctx)
	return reply(BackupOf(s), err)
}

func (l *Ledger) serveSnapshots(context.Context, []byte) ([]byte, error) {
	list, err := l.Snapshots()
	out := make([]Backup, len(list))
	for i, s := range list {
		out[i] = BackupOf(s)
	}
	return reply(out, err)
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

// coded gives an error the code that a remote caller can act on.
func coded(err error) error {
	code := "500"
	for _, c := range []struct {
		err  error
		code string
	}{
		{ErrInvalid, "400"},
		{ErrTooMany, "400"},
		{ErrTooLarge, "400"},
		{ErrUnknownPosition, "404"},
		{ErrUnknownInstrument, "404"},
		{ErrTrimmed, "410"},
		{ErrVersionConflict, "409"},
		{ErrIDReused, "409"},
		{ErrPartlyKnown, "409"},
		{ErrTooOld, "409"},
		{ErrInstrumentInUse, "409"},
		{ErrOutcomeUnknown, "504"},
		{ErrFailed, "503"},
		{ErrClosed, "503"},
		{ErrDamaged, "422"},
	} {
		if errors.Is(err, c.err) {
			code = c.code
			break
		}
	}
	return &bus.Error{Code: code, Text: err.Error()}
}

// applied is the reply to apply: one object for one mutation, an array for a
// batch.
type applied struct {
	ID        string `json:"id"`
	Seq       uint64 `json:"seq"` // last record of the mutation
	First     uint64 `json:"first"`
	Duplicate bool   `json:"duplicate"`
}

// serveApply takes one mutation, or an array of them as an atomic batch.
func (l *Ledger) serveApply(ctx context.Context, body []byte) ([]byte, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '[' {
		m, err := position.UnmarshalMutation(body)
		if err != nil {
			return nil, coded(err)
		}
		m, err = l.identify(m)
		if err != nil {
			return nil, coded(err)
		}
		r, err := l.Apply(ctx, m)
		return reply(applied{ID: m.ID(), Seq: r.Last, First: r.First, Duplicate: r.Duplicate}, err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, coded(fmt.Errorf("%w: batch: %w", ErrInvalid, err))
	}
	ms := make([]position.Mutation, len(raw))
	for i, b := range raw {
		m, err := position.UnmarshalMutation(b)
		if err == nil {
			m, err = l.identify(m)
		}
		if err != nil {
			return nil, coded(memberError(i, len(raw), err))
		}
		ms[i] = m
	}
	rs, err := l.ApplyBatch(ctx, ms)
	out := make([]applied, len(rs))
	for i, r := range rs {
		out[i] = applied{ID: ms[i].ID(), Seq: r.Last, First: r.First, Duplicate: r.Duplicate}
	}
	return reply(out, err)
}

func parseQuery(body []byte) (query, error) {
	var q query
	if len(bytes.TrimSpace(body)) == 0 {
		return q, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, coded(fmt.Errorf("%w: request: %w", ErrInvalid, err))
	}
	return q, nil
}

func (q query) key() position.Key {
	return position.Key{Account: q.Account, Instrument: q.Instrument, Strategy: q.Strategy, Leg: q.Leg}
}

func (l *Ledger) serveGet(_ context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	p, ok := l.Position(q.key())
	if !ok {
		return nil, coded(fmt.Errorf("%w: %s", ErrUnknownPosition, q.key()))
	}
	return position.AppendPositionJSON(nil, &p), nil
}

func (l *Ledger) serveList(_ context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	return listReply(l.View(), q)
}

func (l *Ledger) serveAt(ctx context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	at, err := ParseMoment(q.At)
	if err != nil {
		return nil, coded(err)
	}
	v, err := l.AsOf(ctx, at)
	if err != nil {
		return nil, coded(err)
	}
	return listReply(v, q)
}

func (q query) selects(p *position.Position) bool {
	return (q.All || p.IsOpen()) && (q.Account == "" || q.Account == p.Key.Account) &&
		(q.Instrument == "" || q.Instrument == p.Key.Instrument) && (q.Strategy == "" || q.Strategy == p.Key.Strategy)
}

func listReply(v *projector.View, q query) ([]byte, error) {
	out := []byte{'['}
	for p := range v.Positions() {
		if !q.selects(&p) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		if out = position.AppendPositionJSON(out, &p); len(out) > maxReply {
			return nil, &bus.Error{Code: "413", Text: "holdfast: the reply would exceed 1 MB: select by account, instrument or strategy"}
		}
	}
	return append(out, ']'), nil
}

// serveHistory replies with at most limit changes from a point on; the caller
// continues after the last seq it got.
func (l *Ledger) serveHistory(ctx context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	f := Filter{Account: q.Account, Instrument: q.Instrument, Strategy: q.Strategy, Records: q.Records}
	for _, m := range []struct {
		text string
		to   *Moment
	}{{q.From, &f.From}, {q.At, &f.To}} {
		if m.text == "" {
			continue
		}
		if *m.to, err = ParseMoment(m.text); err != nil {
			return nil, coded(err)
		}
	}
	if q.Limit < 0 {
		return nil, coded(fmt.Errorf("%w: limit %d: give a positive number, or none for %d", ErrInvalid, q.Limit, historyLimit))
	}
	if q.Limit == 0 || q.Limit > historyLimit {
		q.Limit = historyLimit
	}
	out, n := []byte{'['}, 0
	for e, err := range l.History(ctx, f) {
		if err != nil {
			return nil, coded(err)
		}
		end := len(out)
		if n > 0 {
			out = append(out, ',')
		}
		if out = position.AppendChangeJSON(out, e.Stamp, &e.Change); len(out) > maxReply {
			out = out[:end]
			break
		}
		if n++; n == q.Limit {
			break
		}
	}
	return append(out, ']'), nil
}

func (l *Ledger) serveVerify(ctx context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	return reply(l.Verify(ctx, VerifyOptions{Deep: q.Deep}))
}

// serveRebuild makes the stream anew; the reply is the relay's state.
func (l *Ledger) serveRebuild(ctx context.Context, _ []byte) ([]byte, error) {
	if err := l.relay.Rebuild(ctx); err != nil {
		return nil, coded(err)
	}
	return reply(l.relay.Status(), nil)
}

// ParseMoment reads a seq or an RFC 3339 time.
func ParseMoment(s string) (Moment, error) {
	if seq, err := strconv.ParseUint(s, 10, 64); err == nil {
		if seq == 0 {
			return Moment{}, fmt.Errorf("%w: seq 0: the first record is 1", ErrInvalid)
		}
		return Moment{Seq: seq}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return Moment{}, fmt.Errorf("%w: %.40q is neither a seq nor an RFC 3339 time such as 2026-01-02T03:04:05Z", ErrInvalid, s)
	}
	at, err := position.At(t)
	if err != nil {
		return Moment{}, err
	}
	return Moment{Time: at}, nil
}
