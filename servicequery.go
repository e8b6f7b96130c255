package holdfast

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// historyLimit is the default and the largest number of changes, or of lots, in
// one reply.
const historyLimit = 1000

// query selects positions and changes; all members are optional.
type query struct {
	Account    string `json:"account"`
	Instrument string `json:"instrument"`
	Strategy   string `json:"strategy"`
	Leg        string `json:"leg"`
	All        bool   `json:"all"`     // flat positions too
	At         string `json:"at"`      // RFC 3339 time or seq; position.at and history (to)
	Event      string `json:"event"`   // position.at: RFC 3339 event time; at is then what was known
	From       string `json:"from"`    // history: first seq or time
	Limit      int    `json:"limit"`   // history, position.lots
	Lots       int    `json:"lots"`    // position.lots: how many to pass over
	Records    bool   `json:"records"` // history: also what belongs to no position
	Deep       bool   `json:"deep"`    // verify
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
	return position.AppendPositionJSON(nil, fewLots(&p)), nil
}

// lotsFew is how many lots of a position are listed wherever it is shown; of more
// the number and a digest are. All of them are asked for by position.lots.
const lotsFew = 100

// fewLots returns a position without its lots where they are many.
func fewLots(p *position.Position) *position.Position {
	if p.Lots == nil || len(p.Lots.Open) <= lotsFew {
		return p
	}
	out, lots := *p, *p.Lots
	lots.Open = nil
	out.Lots = &lots
	return &out
}

// lotsReply is a page of a position's lots.
type lotsReply struct {
	Count int        `json:"count"` // of all lots
	From  int        `json:"from"`  // how many were passed over
	Lots  []lotReply `json:"lots"`
}

type lotReply struct {
	Lot    uint64  `json:"lot"`
	Qty    string  `json:"qty"`
	Cost   string  `json:"cost"`
	Price  *string `json:"price"` // null where it is not known
	Opened string  `json:"opened"`
	Label  string  `json:"label"`
}

// serveLots replies with at most limit lots of a position, those after the first
// few that "lots" says.
func (l *Ledger) serveLots(_ context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	p, ok := l.Position(q.key())
	if !ok {
		return nil, coded(fmt.Errorf("%w: %s", ErrUnknownPosition, q.key()))
	}
	if err = q.bound(); err != nil {
		return nil, err
	}
	out := lotsReply{Lots: []lotReply{}}
	if p.Lots != nil {
		out.Count = len(p.Lots.Open)
		out.From = min(max(q.Lots, 0), out.Count)
		for _, lot := range p.Lots.Open[out.From:min(out.From+q.Limit, out.Count)] {
			one := lotReply{Lot: lot.ID, Qty: lot.Qty.String(), Cost: lot.Cost.String(), Opened: lot.Opened.String(), Label: lot.Label}
			alone := position.Position{Terms: p.Terms, Qty: lot.Qty, Cost: lot.Cost}
			if price, known := alone.AvgEntry(); known {
				text := price.String()
				one.Price = &text
			}
			out.Lots = append(out.Lots, one)
		}
	}
	return reply(out, nil)
}

// bound checks the limit of a query and fills it in.
func (q *query) bound() error {
	if q.Limit < 0 {
		return coded(fmt.Errorf("%w: limit %d: give a positive number, or none for %d", ErrInvalid, q.Limit, historyLimit))
	}
	if q.Limit == 0 || q.Limit > historyLimit {
		q.Limit = historyLimit
	}
	return nil
}

// serveCycles replies with the closed cycles of a key that are kept, oldest
// first.
func (l *Ledger) serveCycles(_ context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	key := q.key()
	if _, ok := l.Position(key); !ok {
		return nil, coded(fmt.Errorf("%w: %s", ErrUnknownPosition, key))
	}
	return arrayReply(slices.Values(l.Cycles(key)))
}

// serveAccounts replies with the totals of all accounts, or of one.
func (l *Ledger) serveAccounts(_ context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	all, err := AccountTotals(l.View())
	if q.Account != "" {
		all = slices.DeleteFunc(all, func(a AccountStatus) bool { return a.Account != q.Account })
	}
	b, err := reply(all, err)
	if len(b) > maxReply {
		return nil, tooLong("select by account")
	}
	return b, err
}

func (l *Ledger) serveList(_ context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	return listReply(l.View(), q)
}

// serveAt replies with what was believed at a moment or, with an event time, with
// what was true then by what is known at that moment.
func (l *Ledger) serveAt(ctx context.Context, body []byte) ([]byte, error) {
	q, err := parseQuery(body)
	if err != nil {
		return nil, err
	}
	var at Moment
	if q.At != "" || q.Event == "" {
		if at, err = ParseMoment(q.At); err != nil {
			return nil, coded(err)
		}
	}
	v, err := l.viewAt(ctx, q.Event, at)
	if err != nil {
		return nil, coded(err)
	}
	return listReply(v, q)
}

func (l *Ledger) viewAt(ctx context.Context, event string, at Moment) (*projector.View, error) {
	if event == "" {
		return l.AsOf(ctx, at)
	}
	e, err := ParseMoment(event)
	if err != nil {
		return nil, err
	}
	if e.Time == 0 {
		return nil, fmt.Errorf("%w: event %.40q is not an RFC 3339 time", ErrInvalid, event)
	}
	v, _, err := l.AsOfEvent(ctx, e.Time, at)
	return v, err
}

func (q query) selects(p *position.Position) bool {
	return (q.All || p.IsOpen()) && (q.Account == "" || q.Account == p.Key.Account) &&
		(q.Instrument == "" || q.Instrument == p.Key.Instrument) && (q.Strategy == "" || q.Strategy == p.Key.Strategy)
}

// positions yields what a query selects of a view.
func (q query) positions(v *projector.View) iter.Seq[position.Position] {
	return func(yield func(position.Position) bool) {
		for p := range v.Positions() {
			if q.selects(&p) && !yield(p) {
				return
			}
		}
	}
}

func listReply(v *projector.View, q query) ([]byte, error) { return arrayReply(q.positions(v)) }

func arrayReply(positions iter.Seq[position.Position]) ([]byte, error) {
	out := []byte{'['}
	for p := range positions {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if out = position.AppendPositionJSON(out, fewLots(&p)); len(out) > maxReply {
			return nil, tooLong("select by account, instrument or strategy")
		}
	}
	return append(out, ']'), nil
}

func tooLong(advice string) error {
	return &bus.Error{Code: "413", Text: "holdfast: the reply would exceed 1 MB: " + advice}
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
	if err = q.bound(); err != nil {
		return nil, err
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
