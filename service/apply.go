package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

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
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '[' {
		m, err := position.UnmarshalMutation(body)
		if err != nil {
			return bus.Reply{}, coded(err)
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
		return bus.Reply{}, badRequest("the batch must be one JSON array of mutations; it is broken at byte %d", at)
	}
	ms := make([]position.Mutation, len(raw))
	for i, b := range raw {
		m, err := position.UnmarshalMutation(b)
		if err != nil {
			if len(raw) > 1 {
				err = &projector.MemberError{Index: i, Err: err}
			}
			return bus.Reply{}, coded(err)
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
