package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/moneyprinter/holdfast/bus"
)

// pageRows is how many rows a page is asked for; the daemon gives fewer where they
// are long.
const pageRows = 1000

// list asks for a list and yields all of its rows. It asks for the whole, which is
// of one moment, and for pages only where the daemon says that the whole is too
// large.
func (r *remote) list(ctx context.Context, endpoint string, q remoteQuery) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for {
			rows, more, err := r.page(ctx, endpoint, &q)
			if tooLong(err) && q.Limit == 0 {
				q.Limit = pageRows
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
func (r *remote) page(ctx context.Context, endpoint string, q *remoteQuery) (rows []json.RawMessage, more bool, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, false, fmt.Errorf("holdfast: encode request: %w", err)
	}
	answer, err := r.exchange(ctx, endpoint, body)
	if err == nil {
		rows, err = rawRows(answer.Body)
	}
	if err != nil {
		return nil, false, err
	}
	next := answer.Header.Get(bus.HeaderNext)
	switch complete := answer.Header.Get(bus.HeaderComplete); {
	case complete == "true":
		return rows, false, nil
	case complete == "false" && (next == "" || next == q.After):
		return nil, false, errors.New("holdfast: unexpected answer: a part of a list that does not say how to go on")
	case complete == "false":
		q.After = next
		return rows, true, nil
	case endpoint != "history" || len(rows) == 0:
		return rows, false, nil
	}
	var last struct {
		Seq uint64 `json:"seq"`
	}
	if err = json.Unmarshal(rows[len(rows)-1], &last); err != nil {
		return nil, false, fmt.Errorf("holdfast: unexpected answer: %w", err)
	}
	q.From = strconv.FormatUint(last.Seq+1, 10)
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
			return nil, fmt.Errorf("holdfast: unexpected answer: %w", err)
		}
		out = append(out, one)
	}
	return out, nil
}
