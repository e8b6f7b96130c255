package service

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// one returns the position that a request names.
func (l *api) one(ctx context.Context, s *Selection) (position.Position, error) {
	key, err := s.key()
	if err != nil {
		return position.Position{}, err
	}
	p, ok := l.Position(key)
	if !ok {
		free, takeErr := l.views.take(ctx)
		if takeErr != nil {
			return p, takeErr
		}
		defer free()
		if err = holdfast.Known(l.View(), s.filter()); err != nil {
			return p, coded(err)
		}
		return p, coded(fmt.Errorf("%w: %s", holdfast.ErrUnknownPosition, key))
	}
	return p, nil
}

func (l *api) serveGet(ctx context.Context, q *PositionGet) (bus.Reply, error) {
	p, err := l.one(ctx, &q.Selection)
	if err != nil {
		return bus.Reply{}, err
	}
	return bus.Reply{Body: position.AppendPositionJSON(nil, fewLots(&p))}, nil
}

// quickGet answers requests for positions that are there.
func (l *api) quickGet(allowed guard) func(body []byte) (bus.Reply, bool) {
	reads := reads[PositionGet]("position.get")
	var text []byte
	return func(body []byte) (bus.Reply, bool) {
		var q PositionGet
		if allowed() != nil || reads.read(body, &q) != nil {
			return bus.Reply{}, false // which says why
		}
		key, err := q.key()
		if err != nil {
			return bus.Reply{}, false
		}
		p, ok := l.Position(key)
		if !ok {
			return bus.Reply{}, false
		}
		text = position.AppendPositionJSON(text[:0], fewLots(&p))
		return bus.Reply{Body: text}, true
	}
}

// serveCycles replies with the closed cycles of a key that are kept, oldest
// first.
func (l *api) serveCycles(ctx context.Context, q *PositionCycles) (bus.Reply, error) {
	of, err := l.one(ctx, &q.Selection)
	if err != nil {
		return bus.Reply{}, err
	}
	after, err := q.afterNumber()
	if err != nil {
		return bus.Reply{}, err
	}
	out := newPage(&q.Page)
	for _, p := range l.Cycles(of.Key) {
		if p.Cycle > after && !out.addPosition(&p, func() string { return strconv.FormatUint(p.Cycle, 10) }) {
			break
		}
	}
	return out.end("")
}

func (l *api) serveList(_ context.Context, q *PositionList) (bus.Reply, error) {
	v := l.View()
	return listReply(v, func() *projector.View { return v }, selected{&q.Selection, q.All}, &q.Page)
}

// serveAt replies with what was believed at a moment or, with an event time, with
// what was true then by what is known at that moment.
func (l *api) serveAt(ctx context.Context, q *PositionAt) (bus.Reply, error) {
	if q.At == "" && q.Event == "" {
		return bus.Reply{}, badRequest("at or event is missing: at is a seq or an RFC 3339 time such as 2026-01-02T03:04:05Z, event such a time")
	}
	at, err := moment("at", q.At)
	if err != nil {
		return bus.Reply{}, err
	}
	v, err := l.viewAt(ctx, q.Event, at)
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	return listReply(v, l.View, selected{&q.Selection, q.All}, &q.Page)
}

func (l *api) viewAt(ctx context.Context, event string, at holdfast.Moment) (*projector.View, error) {
	if event == "" {
		return l.AsOf(ctx, at)
	}
	e, err := position.ParseTime(event)
	if err != nil {
		return nil, renamed(err, "event")
	}
	v, _, err := l.AsOfEvent(ctx, e, at)
	return v, err
}

// selected are the positions that a request selects.
type selected struct {
	*Selection

	all bool // flat ones too
}

func (q selected) selects(p *position.Position) bool {
	return (q.all || p.IsOpen()) && q.filter().SelectsKey(p.Key)
}

// positions yields what a query selects of a view, behind a key if there is one.
func (q selected) positions(v *projector.View, after *position.Key) iter.Seq[position.Position] {
	return func(yield func(position.Position) bool) {
		from := position.Key{Account: q.Account} // before every key of the account
		if after != nil && after.Compare(from) > 0 {
			from = *after
		}
		for p := range v.PositionsAfter(from) {
			if q.Account != "" && p.Key.Account != q.Account {
				return
			}
			if q.selects(&p) && !yield(p) {
				return
			}
		}
	}
}

// listReply answers with what a query selects of a view; the newest one says which
// names are known.
func listReply(v *projector.View, newest func() *projector.View, q selected, asked *Page) (bus.Reply, error) {
	after, err := asked.afterKey()
	if err != nil {
		return bus.Reply{}, err
	}
	out := newPage(asked)
	for p := range q.positions(v, after) {
		if !out.addPosition(&p, func() string { return keyCursor(p.Key) }) {
			break
		}
	}
	return out.known(newest, q.filter(), "select by account, instrument, strategy or leg")
}

// renamed puts a member's name on an error of [position.ParseTime].
func renamed(err error, name string) error {
	if e, ok := errors.AsType[*position.FieldError](err); ok {
		return &position.FieldError{Field: name, Reason: e.Reason, Err: e.Err}
	}
	return err
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
func (l *api) serveLots(ctx context.Context, q *PositionLots) (bus.Reply, error) {
	p, err := l.one(ctx, &q.Selection)
	if err != nil {
		return bus.Reply{}, err
	}
	after, err := q.afterNumber()
	switch {
	case err != nil:
		return bus.Reply{}, err
	case q.After != "" && q.Lots > 0:
		return bus.Reply{}, badRequest("lots and after both say where to begin: give one of them")
	case q.After != "":
		q.Lots = int(min(after, math.MaxInt32)) // a position has fewer
	}
	q.bound()
	out := lotsReply{Lots: []lotReply{}}
	if p.Lots != nil {
		out.Count = len(p.Lots.Open)
		out.From = min(q.Lots, out.Count)
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
	end := out.From + len(out.Lots)
	r, err := reply(out, nil)
	r.Header = listHeader(end < out.Count, strconv.Itoa(end))
	return r, err
}
