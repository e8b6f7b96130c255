package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/form"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// appendApplied appends what apply replies of a mutation: its id, its last and its
// first record, and whether it was applied before.
func appendApplied(dst []byte, r *holdfast.Result) []byte {
	dst = form.AppendQuote(append(dst, `{"id":`...), r.ID)
	dst = strconv.AppendUint(append(dst, `,"seq":`...), r.Last, 10)
	dst = strconv.AppendUint(append(dst, `,"first":`...), r.First, 10)
	dst = strconv.AppendBool(append(dst, `,"duplicate":`...), r.Duplicate)
	return append(dst, '}')
}

// mayRefold reports whether a request may hold a bust or correction, which waits for
// its turn to read the history of a fill.
func mayRefold(body []byte) bool {
	return bytes.Contains(body, []byte(`"bust"`)) || bytes.Contains(body, []byte(`"correct"`))
}

// givesEach reports whether a request gives several mutations, each of which is applied
// or refused by itself, in their order. A mutation has no such member.
func givesEach(body []byte) bool {
	rest, object := bytes.CutPrefix(body, []byte("{"))
	return object && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"each"`))
}

// waiting is what waits for an answer.
type waiting = func(context.Context) (bus.Reply, error)

// beginApply hands over what is applied in the order of its requests: all but batches,
// and what may hold up those behind it.
func (l *api) beginApply(allowed guard) func(context.Context, []byte) waiting {
	var reader position.MutationReader // of the goroutine that takes the requests
	return func(ctx context.Context, body []byte) waiting {
		body = bytes.TrimSpace(body)
		if len(body) == 0 || body[0] == '[' || mayRefold(body) {
			return nil
		}
		if err := allowed(); err != nil {
			return refused(err)
		}
		if givesEach(body) {
			return l.beginEach(ctx, &reader, body)
		}
		m, err := reader.Read(body)
		if err != nil {
			return refused(coded(err))
		}
		f, err := l.ApplyAsync(ctx, m)
		if err != nil {
			return refused(coded(err))
		}
		return func(ctx context.Context) (bus.Reply, error) {
			r, err := f.Wait(ctx)
			if err != nil {
				return bus.Reply{}, coded(err)
			}
			return bus.Reply{Body: appendApplied(make([]byte, 0, 128), &r)}, nil
		}
	}
}

// refused is a wait for a refusal that is known.
func refused(err error) waiting {
	return func(context.Context) (bus.Reply, error) { return bus.Reply{}, err }
}

// flight is a mutation that was handed over, or why it was not.
type flight struct {
	f   *holdfast.Future
	err error
}

// beginEach hands over mutations that are applied or refused each by itself. Behind
// one whose outcome is not known none is applied.
func (l *api) beginEach(ctx context.Context, reader *position.MutationReader, body []byte) waiting {
	raw, err := members(body)
	if err != nil {
		return refused(err)
	}
	flights := make([]flight, len(raw))
	var ended error
	for i, text := range raw {
		if ended != nil {
			flights[i].err = ended
			continue
		}
		m, err := reader.Read(text)
		if err == nil {
			flights[i].f, err = l.ApplyAsync(ctx, m)
		}
		if flights[i].err = err; err != nil && !refusal(err) {
			ended = err
		}
	}
	return func(ctx context.Context) (bus.Reply, error) {
		out := append(make([]byte, 0, 128*len(flights)+2), '[')
		for i := range flights {
			if i > 0 {
				out = append(out, ',')
			}
			out = flights[i].append(ctx, out)
		}
		return bus.Reply{Body: append(out, ']')}, nil
	}
}

// append waits for a result and appends it, or the error.
func (f *flight) append(ctx context.Context, dst []byte) []byte {
	var r holdfast.Result
	err := f.err
	if err == nil {
		r, err = f.f.Wait(ctx)
	}
	if err == nil {
		return appendApplied(dst, &r)
	}
	failed, ok := errors.AsType[*bus.Error](coded(err))
	if !ok {
		failed = &bus.Error{Code: bus.CodeInternal, Text: err.Error()}
	}
	dst = form.AppendQuote(append(dst, `{"error":{"code":`...), failed.Code)
	dst = form.AppendQuote(append(dst, `,"text":`...), failed.Text)
	return append(dst, "}}"...)
}

// refusal reports whether an error says that a mutation was not applied, and nothing
// of those behind it.
func refusal(err error) bool { return CodeOf(err)[0] == '4' }

// members are the mutations of a request that gives several.
func members(body []byte) (list []json.RawMessage, err error) {
	err = eachMember(string(body), func(name string, v form.Value) error {
		switch {
		case name != "each":
			return badRequest("a request that has each has no other member: %.64q", name)
		case v.Kind != form.Array:
			return badRequest("each must be an array of mutations, not %s", v.Kind)
		}
		return json.Unmarshal([]byte(v.Raw), &list)
	})
	if err != nil {
		var whole json.RawMessage
		if broken := json.Unmarshal(body, &whole); broken != nil { // says where
			err = badRequest("each must be one JSON array of mutations; it is broken at byte %d", brokenAt(body, broken))
		}
		return nil, err
	}
	if len(list) > holdfast.MaxBatch {
		return nil, badRequest("each gives %d mutations, at most %d are taken", len(list), holdfast.MaxBatch)
	}
	return list, nil
}

// brokenAt is where the JSON of a request is broken.
func brokenAt(body []byte, err error) int64 {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return syntax.Offset
	}
	return int64(len(body))
}

// serveApply takes one mutation, several, or an array of them as an atomic batch.
func (l *api) serveApply(ctx context.Context, body []byte) (bus.Reply, error) {
	body = bytes.TrimSpace(body)
	switch {
	case givesEach(body):
		return l.applyEach(ctx, body)
	case len(body) > 0 && body[0] == '[':
		return l.applyBatch(ctx, body)
	}
	m, err := position.UnmarshalMutation(body)
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	r, err := l.Apply(ctx, m)
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	return bus.Reply{Body: appendApplied(nil, &r)}, nil
}

// applyEach refuses busts and corrections among several mutations: those behind one
// would wait for the history that it reads.
func (l *api) applyEach(ctx context.Context, body []byte) (bus.Reply, error) {
	raw, err := members(body)
	if err != nil {
		return bus.Reply{}, err
	}
	var reader position.MutationReader
	for i, text := range raw {
		switch m, err := reader.Read(text); m.(type) {
		case position.Bust, position.Correct:
			if err == nil {
				return bus.Reply{}, badRequest("each: member %d is a %s: give it by itself", i, m.Type())
			}
		}
	}
	return l.beginEach(ctx, &reader, body)(ctx)
}

// applyBatch applies all of the mutations or none.
func (l *api) applyBatch(ctx context.Context, body []byte) (bus.Reply, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return bus.Reply{}, badRequest("the batch must be one JSON array of mutations; it is broken at byte %d", brokenAt(body, err))
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
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	out := []byte{'['}
	for i := range rs {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendApplied(out, &rs[i])
	}
	return bus.Reply{Body: append(out, ']')}, nil
}
